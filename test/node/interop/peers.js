// Servers with three adapters at once, each on a prefix of its own, and an
// emitter. Each says something every 50 ms.
//   REDIS=redis://… node interop/peers.js
const { Server } = require("socket.io");
const { createClient } = require("redis");
const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
const streams = require("@socket.io/redis-streams-adapter");
const { Emitter } = require("@socket.io/redis-emitter");

async function client() {
  const c = createClient({ url: process.env.REDIS });
  c.on("error", (e) => console.error("redis", e.message));
  await c.connect();
  return c;
}

async function main() {
  const adapters = [
    createAdapter(await client(), await client(), { key: "fleet-classic" }),
    createShardedAdapter(await client(), await client(), { channelPrefix: "fleet-sharded" }),
    streams.createAdapter(await client(), { streamName: "fleet-stream", channelPrefix: "fleet-streams" }),
  ];
  const servers = adapters.map((adapter) => new Server({ adapter }));
  for (const io of servers) io.of("/chat");
  const emitter = new Emitter(await client(), { key: "fleet-classic" });
  setInterval(() => {
    for (const io of servers) io.emit("secret-payload");
    emitter.emit("secret-payload");
    servers[0].fetchSockets().catch(() => {});
  }, 50);
  setTimeout(() => console.log("ready"), 300);
}

process.on("SIGTERM", () => process.exit(0));
process.stdin.on("end", () => process.exit(0)).resume(); // the test is gone
main();
