// The same gateway as bench/peer on socket.io, WebSocket only: `join ROOM` joins
// and acks, `send ROOM M` emits m with M to the room. It listens on
// 127.0.0.1:$PORT and, with $REDIS (host:port), has @socket.io/redis-adapter.
"use strict";
const { createServer } = require("http");
const { Server } = require("socket.io");

async function adapter(address) {
  const { createClient } = require("redis");
  const { createAdapter } = require("@socket.io/redis-adapter");
  const publisher = createClient({ url: `redis://${address}` });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return createAdapter(publisher, subscriber);
}

async function main() {
  const web = createServer();
  const io = new Server(web, { transports: ["websocket"] });
  if (process.env.REDIS) io.adapter(await adapter(process.env.REDIS));
  io.on("connection", (socket) => {
    socket.on("join", (room, ack) => {
      socket.join(room);
      ack();
    });
    socket.on("send", (room, message) => io.to(room).emit("m", message));
  });
  web.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 4096 });
}

main().catch((err) => {
  console.error(err);
  process.exit(1);
});
