// A Socket.IO server on the Redis adapter that does as its clients tell it.
//   REDIS=redis://… node interop-server.js
// Clients send "join" with rooms, and "cmd" with {via, to, except, volatile,
// event} and the arguments to emit: via is io, socket or emitter (npm's
// @socket.io/redis-emitter, which needs no server).
const { createServer } = require("http");
const { Server } = require("socket.io");
const { createClient } = require("redis");
const { createAdapter } = require("@socket.io/redis-adapter");
const { Emitter } = require("@socket.io/redis-emitter");

const { REDIS } = process.env;

async function main() {
  const pub = createClient({ url: REDIS });
  const sub = pub.duplicate();
  for (const c of [pub, sub]) c.on("error", (e) => console.error("redis", e.message));
  await Promise.all([pub.connect(), sub.connect()]);

  const http = createServer();
  const io = new Server(http, { adapter: createAdapter(pub, sub) });
  const emitter = new Emitter(pub);

  for (const name of ["/", "/chat"]) {
    io.of(name).on("connection", (socket) => {
      socket.on("join", (rooms, ack) => {
        socket.join(rooms);
        ack();
      });
      socket.on("cmd", (cmd, ...rest) => {
        const ack = rest.pop();
        let op = { io: io.of(name), socket: socket.broadcast, emitter: emitter.of(name) }[cmd.via];
        for (const room of cmd.to || []) op = op.to(room);
        for (const room of cmd.except || []) op = op.except(room);
        if (cmd.volatile) op = op.volatile;
        // What JSON can't carry is made here.
        const args = rest.map((a) => (a && a.$date ? new Date(a.$date) : a && a.$nan ? NaN : a));
        op.emit(cmd.event, ...args);
        ack();
      });
      socket.on("servers", async (ack) => {
        try {
          ack((await io.of(name).timeout(1000).fetchSockets()).length);
        } catch (e) {
          ack("error: " + e.message);
        }
      });
    });
  }
  http.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${http.address().port}`));
}

process.on("SIGTERM", () => process.exit(0));
main();
