// A Socket.IO server with the Redis Streams adapter and connection state
// recovery, with rooms and messages as the chat service of rtk has them.
//   node streams-server.js redis://HOST:PORT
// Prints {"url":"http://127.0.0.1:PORT"}.
const { createServer } = require("http");
const { Server } = require("socket.io");
const { createClient } = require("redis");
const { createAdapter } = require("@socket.io/redis-streams-adapter");

async function main() {
  const client = createClient({ url: process.argv[2] });
  await client.connect();
  const http = createServer();
  const io = new Server(http, { adapter: createAdapter(client), connectionStateRecovery: { maxDisconnectionDuration: 60_000 } });
  io.of("/chat").on("connection", (socket) => {
    socket.on("join", ({ room }, ack) => {
      socket.join(room);
      ack({ ok: true });
    });
    socket.on("message", ({ room, text }, ack) => {
      io.of("/chat").to(room).emit("message", { text });
      if (ack) ack({ ok: true });
    });
  });
  http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ url: `http://127.0.0.1:${http.address().port}` })));
}

main();
