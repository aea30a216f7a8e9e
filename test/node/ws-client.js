// Drives the plain WebSocket endpoint with npm ws.
//   node ws-client.js ws://host/ws TOKEN
const WebSocket = require("ws");

const [url, token] = process.argv.slice(2);
const say = (o) => console.log(JSON.stringify(o));

function open(headers) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, { headers });
    const frames = [];
    let wake = () => {};
    ws.on("message", (data, binary) => {
      frames.push(binary ? data : JSON.parse(data.toString()));
      wake();
    });
    ws.next = async (pred) => {
      const end = Date.now() + 8000;
      for (;;) {
        const i = frames.findIndex(pred);
        if (i >= 0) return frames.splice(i, 1)[0];
        if (Date.now() > end) throw new Error("no such frame in 8 s; have " + JSON.stringify(frames));
        await new Promise((r) => {
          wake = r;
          setTimeout(r, 200);
        });
      }
    };
    ws.on("open", () => resolve(ws));
    ws.on("unexpected-response", (_, res) => reject(Object.assign(new Error("status"), { status: res.statusCode })));
    ws.on("error", reject);
  });
}

async function main() {
  const auth = { Authorization: "Bearer " + token };
  const a = await open(auth);
  const b = await open(auth);
  const send = (ws, o) => ws.send(JSON.stringify(o));
  send(a, { event: "join", data: { room: "plain" }, id: 1 });
  say({ ack: await a.next((f) => f.event === "ack" && f.id === 1) });
  send(b, { event: "join", data: { room: "plain" } });
  say({ bare: await b.next((f) => f.ok !== undefined) }); // NestJS framing: the bare result
  send(a, { event: "message", data: { room: "plain", text: "hi" }, id: 2 });
  say({ message: await b.next((f) => f.event === "message") });
  const ping = new Promise((r) => a.once("pong", r));
  a.ping();
  await ping;
  say({ pong: true });
  a.send("this is no JSON");
  a.send(JSON.stringify({ event: "nobody knows this" }));
  send(a, { event: "leave", data: { room: "plain" }, id: 3 });
  say({ still: await a.next((f) => f.event === "ack" && f.id === 3) });
  const closed = new Promise((r) => a.once("close", (code) => r(code)));
  a.close(1000);
  say({ closed: await closed });
  b.terminate();
  try {
    await open({ Authorization: "Bearer not.a.jwt" });
    say({ accepted: "a bad token" });
  } catch (e) {
    say({ rejected: e.status });
  }
  say({ done: true });
}

main().then(
  () => process.exit(0),
  (err) => {
    say({ failed: String(err && err.stack) });
    process.exit(1);
  },
);
