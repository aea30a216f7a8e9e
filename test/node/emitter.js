// Publishes one of each with npm's emitter, then prints "done".
//   REDIS=redis://… node emitter.js
const { createClient } = require("redis");
const { Emitter } = require("@socket.io/redis-emitter");

async function main() {
  const client = createClient({ url: process.env.REDIS });
  await client.connect();
  const e = new Emitter(client);
  const chat = e.of("/chat");
  e.emit("ev", 1, "é");
  chat.to("r1").except("z").volatile.emit("hi", 1);
  chat.to(["r1", "r2"]).volatile.compress(false).emit("hi", Buffer.from([1]));
  chat.to("r1").socketsJoin("q");
  e.except("r2").socketsLeave(["q", "p"]);
  e.disconnectSockets();
  e.serverSideEmit("hello", 1);
  await client.quit(); // after all that was sent
  console.log("done");
}

main();
