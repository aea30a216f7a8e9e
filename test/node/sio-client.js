// Drives a gateway with the real socket.io-client, unmodified.
//   node sio-client.js URL TOKEN websocket|polling|upgrade
// Prints one JSON object a line for each thing that happened, {"done":true} at
// the end; exits 1 when something did not happen in time.
const { io } = require("socket.io-client");

const [url, token, mode] = process.argv.slice(2);
const transports = { websocket: ["websocket"], polling: ["polling"], upgrade: ["polling", "websocket"] }[mode];
const say = (o) => console.log(JSON.stringify(o));
const options = (extra) => ({ transports, forceNew: true, reconnection: false, timeout: 5000, auth: { token }, ...extra });

const until = (socket, event, ms = 8000) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} in ${ms} ms`)), ms);
    socket.once(event, (...args) => {
      clearTimeout(timer);
      resolve(args);
    });
  });

async function main() {
  // chat: join, members get messages, acks come back
  const a = io(url + "/chat", options());
  const b = io(url + "/chat", options());
  await Promise.all([until(a, "connect"), until(b, "connect")]);
  say({ connected: a.io.engine.transport.name, sid: a.id });
  for (const s of [a, b]) say({ join: await s.timeout(5000).emitWithAck("join", { room: "lobby" }) });
  const got = until(b, "message");
  say({ ack: await a.timeout(5000).emitWithAck("message", { room: "lobby", text: "héllo ✓" }) });
  say({ message: (await got)[0] });
  say({ refused: await a.timeout(5000).emitWithAck("message", { room: "elsewhere", text: "x" }) });

  if (mode === "upgrade") {
    for (let i = 0; a.io.engine.transport.name !== "websocket" && i < 80; i++) await new Promise((r) => setTimeout(r, 50));
    say({ upgraded: a.io.engine.transport.name });
  }
  say({ leave: await b.timeout(5000).emitWithAck("leave", { room: "lobby" }) });
  a.disconnect();
  b.disconnect();

  // echo: arguments come back as they went, binary included
  const e = io(url + "/", options());
  const auth = until(e, "auth");
  await until(e, "connect");
  say({ auth: Object.keys((await auth)[0]) });
  const back = until(e, "message-back");
  e.emit("message", 1, "2", { 3: [true, null] }, Buffer.from([1, 2, 3]));
  const args = await back;
  say({ back: args.slice(0, 3), binary: Buffer.from(args[3]).toString("hex") });
  const acked = await new Promise((resolve) => e.emit("message-with-ack", "x", Buffer.from([255, 0]), (...r) => resolve(r)));
  say({ acked: acked[0], binary: Buffer.from(acked[1]).toString("hex") });
  const closed = until(e, "disconnect");
  e.disconnect();
  say({ disconnect: (await closed)[0] });

  // a bad token: connect_error, no connection
  const bad = io(url + "/chat", options({ auth: { token: "not.a.jwt" } }));
  const [err] = await until(bad, "connect_error");
  say({ rejected: err.message, active: bad.active });
  bad.disconnect();

  // an unknown namespace
  const nope = io(url + "/nope", options());
  const [why] = await until(nope, "connect_error");
  say({ unknownNamespace: why.message });
  nope.disconnect();
  say({ done: true });
}

main().then(
  () => setTimeout(() => process.exit(0), 100),
  (err) => {
    say({ failed: String(err && err.stack) });
    process.exit(1);
  },
);
