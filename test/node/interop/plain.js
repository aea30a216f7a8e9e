// A bare Socket.IO server.
const { createServer } = require("http");
const { Server } = require("socket.io");
const { obey, listen, answer } = require("./commands");

module.exports = ({ options, emitter, namespaces, name }) => {
  const http = createServer();
  const io = new Server(http, options);
  for (const path of namespaces) {
    const nsp = io.of(path);
    listen(nsp, name);
    nsp.on("connection", (socket) => {
      socket.on("cmd", async (cmd, ...args) => {
        const ack = args.pop();
        ack(await answer(() => obey({ nsp, emitter: emitter && emitter.of(path) }, socket, cmd, args)));
      });
    });
  }
  return new Promise((resolve) => {
    http.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${http.address().port}`));
  });
};
