// Moves the real socket.io-client, unmodified, from server to server while
// another one sends.
//   node sio-move.js kill|cut|calm|polling SENDER URL…
// SENDER is the server that the sender is on. The client begins at the first URL
// and goes to the next when its connection is lost: with "kill" by whoever reads
// {"move":N}, else it cuts the connection itself. With "calm" nothing is sent
// while it connects: a Node server loses what comes between its reading of the
// stream and the socket's joining of its rooms. Prints {"texts":[…]} and
// {"moves":[{"recovered","sameId"}…]}, then {"done":true}.
const { io } = require("socket.io-client");

const [mode, sender, ...urls] = process.argv.slice(2);
const say = (o) => console.log(JSON.stringify(o));
const wait = (ms) => new Promise((r) => setTimeout(r, ms));
const until = (socket, event, ms = 20000) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} in ${ms} ms`)), ms);
    socket.once(event, (...args) => {
      clearTimeout(timer);
      resolve(args);
    });
  });

async function main() {
  const options = { transports: [mode === "polling" ? "polling" : "websocket"], forceNew: true, reconnectionDelay: mode === "calm" ? 200 : 50, reconnectionDelayMax: 300, timeout: 5000 };
  const a = io(urls[0] + "/chat", options);
  const b = io(sender + "/chat", { ...options });
  await Promise.all([until(a, "connect"), until(b, "connect")]);
  for (const s of [a, b]) await s.timeout(5000).emitWithAck("join", { room: "lobby" });
  const texts = [];
  a.on("message", (m) => texts.push(Number(m.text)));
  await wait(300);

  let sent = 0;
  let over = false;
  let paused = false;
  const sending = (async () => {
    while (!over) {
      for (let i = 0; i < 5 && !paused; i++) b.emit("message", { room: "lobby", text: String(sent++) });
      await wait(5);
    }
    await b.timeout(5000).emitWithAck("message", { room: "lobby", text: String(sent++) });
  })();
  const moves = [];
  for (let n = 1; n < urls.length; n++) {
    await wait(500);
    const sid = a.id;
    const gone = until(a, "disconnect");
    const back = gone.then(() => until(a, "connect"));
    a.io.uri = urls[n];
    if (mode === "kill") say({ move: n });
    else if (mode === "polling") a.io.engine.close();
    else a.io.engine.transport.ws.terminate();
    if (mode === "calm") {
      await wait(10);
      paused = true;
    }
    await back;
    await wait(mode === "calm" ? 100 : 0);
    paused = false;
    moves.push({ recovered: a.recovered, sameId: a.id === sid });
  }
  await wait(500);
  over = true;
  await sending;
  for (let i = 0; i < 200 && texts[texts.length - 1] !== sent - 1; i++) await wait(25);
  say({ texts, sent, moves });
  for (const s of [a, b]) s.disconnect();
  say({ done: true });
}

main().then(
  () => process.exit(0),
  (e) => {
    say({ failed: String(e) });
    process.exit(1);
  },
);
