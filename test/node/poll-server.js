// A long-poll server of a shape of its own.
//   node poll-server.js
// POST /updates with JSON appends, GET /updates?offset=N&timeout=S answers
// {"ok":true,"result":[…],"next":M}. Prints its address.
const { createServer } = require("http");

const log = [];
let waiting = [];
const answer = (res, offset) => {
  res.setHeader("Content-Type", "application/json");
  res.end(JSON.stringify({ ok: true, result: log.slice(offset), next: Math.max(offset, log.length) }));
};
const http = createServer((req, res) => {
  const url = new URL(req.url, "http://x");
  if (req.method === "POST") {
    let body = "";
    req.on("data", (d) => (body += d));
    req.on("end", () => {
      log.push(JSON.parse(body));
      res.statusCode = 202;
      res.end();
      const wake = waiting;
      waiting = [];
      for (const w of wake) w();
    });
    return;
  }
  const offset = url.searchParams.has("offset") ? +url.searchParams.get("offset") : log.length;
  const hold = 1000 * +(url.searchParams.get("timeout") || 0);
  if (offset < log.length || !hold) return answer(res, offset);
  const done = () => {
    clearTimeout(timer);
    answer(res, offset);
  };
  const timer = setTimeout(() => {
    waiting = waiting.filter((w) => w !== done);
    answer(res, offset);
  }, hold);
  waiting.push(done);
});
http.listen(0, "127.0.0.1", () => console.log("http://127.0.0.1:" + http.address().port));
process.on("SIGTERM", () => process.exit(0));
