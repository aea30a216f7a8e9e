// A real-time backend in NestJS that keeps the rules of rules.js:
//
//   REDIS=redis://… JWT_SECRET=… node main.js
//   BREAK=no-throttle …                 with one rule broken
//
//   JWT_AUD, JWT_ISS   what tokens must say        PODS     how many, 2
//   LIMIT, BURST       events a second, 20 and 40  ORIGINS  of pages that may connect
//   AUTH_STYLE         middleware or connection    CERT, KEY  files: an HTTPS edge before each pod
//
// It prints one line of JSON: {"pods":[URL…],"edges":[URL…],"control":URL}.
// POST to the control address with {"break":NAME,"authStyle":…} starts further
// pods, answered in the same form with an id; DELETE /ID ends them.
const { randomUUID } = require("crypto");
const { readFileSync } = require("fs");
const { createServer } = require("http");
const { startPod } = require("./pod");
const { startEdge } = require("./edge");
const { rulebook } = require("./rules");

const { env } = process;
const read = (name) => name && readFileSync(name);

async function start({ break: broken = "", authStyle = env.AUTH_STYLE || "middleware", pods = Number(env.PODS || 2) }) {
  const { breaks } = rulebook(broken);
  // These two belong to the other way of checking the handshake.
  const style = breaks("auth-late") || breaks("auth-leaks") ? "connection" : authStyle;
  const cert = read(env.CERT);
  const running = { pods: [], edges: [] };
  // Pods of one start share Redis with those of others, and nothing else.
  const cluster = `nest:${randomUUID()}`;
  for (let i = 0; i < pods; i++) {
    const pod = await startPod({
      cluster, redisURL: env.REDIS, secret: env.JWT_SECRET, audience: env.JWT_AUD, issuer: env.JWT_ISS,
      rate: Number(env.LIMIT || 20), burst: Number(env.BURST || 40), origins: (env.ORIGINS || "https://app.example.com").split(","), style, breaks,
    });
    running.pods.push(pod);
    if (cert) running.edges.push(await startEdge({ port: pod.port, cert, key: read(env.KEY), breaks }));
  }
  return {
    addresses: { pods: running.pods.map((p) => p.url), edges: running.edges.map((e) => e.url) },
    stop: async () => {
      running.edges.forEach((e) => e.stop());
      for (const pod of running.pods) await pod.stop();
    },
  };
}

const body = async (req) => {
  let text = "";
  for await (const chunk of req) text += chunk;
  return JSON.parse(text || "{}");
};

async function main() {
  const first = await start({ break: env.BREAK });
  const others = new Map();
  const control = createServer(async (req, res) => {
    try {
      if (req.method === "DELETE") {
        const id = req.url.slice(1);
        await others.get(id)?.stop();
        others.delete(id);
        return res.end("{}");
      }
      const more = await start(await body(req));
      const id = randomUUID();
      others.set(id, more);
      res.end(JSON.stringify({ id, ...more.addresses }));
    } catch (error) {
      res.writeHead(400).end(JSON.stringify({ error: String(error.stack) }));
    }
  });
  control.listen(0, "127.0.0.1", () => {
    console.log(JSON.stringify({ ...first.addresses, control: `http://127.0.0.1:${control.address().port}` }));
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
