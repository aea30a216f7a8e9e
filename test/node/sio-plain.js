// A bare Socket.IO server, one pod of a cluster that nothing holds together.
//   node sio-plain.js
// Prints its address.
const { createServer } = require("http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { connectionStateRecovery: { maxDisconnectionDuration: 60000 } });
io.on("connection", (socket) => {
  socket.on("join", (room, ack) => {
    socket.join(room);
    ack({ ok: true });
  });
  socket.on("say", (room, text, ack) => {
    io.to(room).emit("message", { text });
    ack({ ok: true });
  });
  socket.on("blob", (blob, ack) => ack({ bytes: blob.length, text: blob.toString("latin1").slice(0, 64) }));
});
http.listen(0, "127.0.0.1", () => console.log("http://127.0.0.1:" + http.address().port));
process.on("SIGTERM", () => process.exit(0));
