// A sender that lives through the end of a pod, with the real socket.io-client.
//   node drain-client.js BALANCER WATCHED websocket|polling COUNT
// Sends COUNT messages, one after the other, through BALANCER, each until it is
// acked, and follows them in the same room on WATCHED. Prints {"sent":n} as it
// goes and at the end what was acked, received and how often it reconnected.
const { io } = require("socket.io-client");

const [balancer, watched, transport, count] = process.argv.slice(2);
const say = (o) => console.log(JSON.stringify(o));
const pause = (ms) => new Promise((r) => setTimeout(r, ms));
const options = { transports: [transport], forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 500, timeout: 5000 };

async function main() {
  const received = new Set();
  const observer = io(watched + "/chat", options);
  observer.on("message", (m) => received.add(m.text));
  await new Promise((r) => observer.on("connect", r));
  await observer.timeout(5000).emitWithAck("join", { room: "r" });

  const sender = io(balancer + "/chat", options);
  const reasons = [];
  let connects = 0;
  let joined;
  const rejoin = () => { joined = sender.timeout(5000).emitWithAck("join", { room: "r" }).catch(() => {}); };
  sender.on("connect", () => { connects++; rejoin(); });
  sender.on("disconnect", (reason) => reasons.push(reason));
  await new Promise((r) => sender.once("connect", r));

  const acked = [];
  for (let i = 0; i < Number(count); i++) {
    for (;;) {
      try {
        await joined;
        const answer = await sender.timeout(2000).emitWithAck("message", { room: "r", text: String(i) });
        if (answer.ok) break;
      } catch {}
      await pause(20);
    }
    acked.push(String(i));
    if (i % 20 === 0) say({ sent: i });
    await pause(5);
  }
  for (let i = 0; i < 100 && acked.some((t) => !received.has(t)); i++) await pause(50);
  say({ done: true, acked: acked.length, missing: acked.filter((t) => !received.has(t)), connects, reasons });
  sender.disconnect();
  observer.disconnect();
}

main().then(() => process.exit(0), (err) => { say({ failed: String(err.stack || err) }); process.exit(1); });
