// Drives connection state recovery with the real socket.io-client, unmodified.
//   node sio-recover.js URL
// The URL is that of a gateway with --recovery and the echo and chat services.
// Prints one JSON object a line for each thing that happened, {"done":true} at
// the end; exits 1 when something did not happen in time.
const { io } = require("socket.io-client");

const [url] = process.argv.slice(2);
const say = (o) => console.log(JSON.stringify(o));
const until = (socket, event, ms = 8000) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} in ${ms} ms`)), ms);
    socket.once(event, (...args) => {
      clearTimeout(timer);
      resolve(args);
    });
  });
const wait = (ms) => new Promise((r) => setTimeout(r, ms));

async function main() {
  const options = { transports: ["websocket"], forceNew: true, reconnectionDelay: 300, reconnectionDelayMax: 300, timeout: 5000 };
  const a = io(url + "/chat", options);
  const b = io(url + "/chat", { ...options });
  await Promise.all([until(a, "connect"), until(b, "connect")]);
  for (const s of [a, b]) await s.timeout(5000).emitWithAck("join", { room: "lobby" });
  const texts = [];
  a.on("message", (m) => texts.push(m.text));
  const send = (text) => b.timeout(5000).emitWithAck("message", { room: "lobby", text });

  for (let round = 0; round < 3; round++) {
    const sid = a.id;
    await send(`seen ${round}`);
    await wait(100);
    const gone = until(a, "disconnect");
    a.io.engine.transport.ws.terminate ? a.io.engine.transport.ws.terminate() : a.io.engine.close(); // cuts TCP
    const [reason] = await gone;
    for (let i = 0; i < 20; i++) await send(`missed ${round}.${i}`);
    await until(a, "connect");
    await send(`after ${round}`);
    await wait(200);
    say({ [`round${round}`]: { recovered: a.recovered, sameId: a.id === sid, reason } });
  }
  say({ texts });

  // cut off before it was sent anything: still recovered
  const quiet = io(url + "/chat", { ...options });
  await until(quiet, "connect");
  quiet.io.engine.transport.ws.terminate();
  await until(quiet, "connect");
  say({ quiet: quiet.recovered });

  // a disconnect that was meant ends the session
  quiet.disconnect();
  await wait(100);
  quiet.connect();
  await until(quiet, "connect");
  say({ meant: quiet.recovered });
  for (const s of [a, b, quiet]) s.disconnect();
  say({ done: true });
}

main().then(
  () => process.exit(0),
  (e) => {
    say({ failed: String(e) });
    process.exit(1);
  },
);
