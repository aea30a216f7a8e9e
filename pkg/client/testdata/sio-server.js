// A Socket.IO server for the client's tests. Prints its port.
//   NODE_PATH=…/node_modules node sio-server.js
const { createServer } = require("http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { pingInterval: 300, pingTimeout: 5000, perMessageDeflate: true });

function serve(socket) {
  socket.emit("auth", socket.handshake.auth);
  socket.on("message", (...args) => socket.emit("message-back", ...args));
  socket.on("message-with-ack", (...args) => args.pop()(...args));
  socket.on("ask", () => socket.emit("question", "why", (answer) => socket.emit("answered", answer)));
  socket.on("flood", (n) => {
    for (let i = 0; i < n; i++) socket.emit("drop", i);
  });
  socket.on("transport", (ack) => ack(socket.conn.transport.name));
  socket.on("leave", () => socket.disconnect(false));
  socket.on("kick", () => socket.disconnect(true));
  socket.on("disconnect", (reason) => io.emit("left", reason));
}

io.on("connection", serve);
io.of("/custom").on("connection", serve);
io.of("/closed").use((socket, next) => {
  const err = new Error("not authorized");
  err.data = { code: "E42" };
  next(err);
});
io.of("/kicked").on("connection", (socket) => socket.disconnect(true));

http.listen(0, "127.0.0.1", () => console.log(http.address().port));
process.on("SIGTERM", () => process.exit(0));
