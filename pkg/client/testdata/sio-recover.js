// A Socket.IO server that keeps sessions, for the client's tests. Prints its port.
//   NODE_PATH=…/node_modules node sio-recover.js
const { createServer } = require("http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { connectionStateRecovery: { maxDisconnectionDuration: 60000 } });
io.on("connection", (socket) => {
  socket.on("join", (room, ack) => {
    socket.join(room);
    ack();
  });
  socket.on("say", (room, text, ack) => {
    io.to(room).emit("said", { text });
    ack();
  });
  socket.on("leave", () => socket.disconnect(true));
});
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
process.on("SIGTERM", () => process.exit(0));
