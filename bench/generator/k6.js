// What `rtk bench` and the bare reader do, for k6: sockets that check the numbers
// of what they get and record the latency, and one that publishes.
//   URL, N sockets (SOCKETS a virtual user) for SECS; RATE messages a second for
//   FOR seconds after WAIT (0: none)
import { WebSocket } from "k6/websockets";
import { Counter, Trend } from "k6/metrics";

const n = +__ENV.N, sockets = +__ENV.SOCKETS || 1, rate = +__ENV.RATE || 0, secs = +__ENV.SECS;
const received = new Counter("rtk_received"), disorder = new Counter("rtk_disorder");
const latency = new Trend("rtk_latency", true);
const padding = "-".repeat(81);

export const options = {
  scenarios: { s: { executor: "per-vu-iterations", vus: Math.ceil(n / sockets), iterations: 1, maxDuration: "180s", gracefulStop: "0s" } },
  summaryTrendStats: ["med", "p(99)"],
};

function open(path) {
  const ws = new WebSocket(__ENV.URL + path);
  setTimeout(() => ws.close(), secs * 1000);
  return ws;
}

function subscribe() {
  let next = 0;
  open(rate ? "/ws?room=1" : "/ws").addEventListener("message", (e) => {
    const m = JSON.parse(e.data);
    if (m.n !== next) disorder.add(1);
    next = m.n + 1;
    received.add(1);
    latency.add(Date.now() - m.t);
  });
}

function publish() {
  const ws = open("/ws?pub=1");
  ws.addEventListener("open", () => {
    setTimeout(() => {
      const begin = Date.now();
      let k = 0;
      const timer = setInterval(() => {
        for (; begin + (k * 1000) / rate <= Date.now(); k++) {
          if (k >= rate * +__ENV.FOR) return clearInterval(timer);
          ws.send(JSON.stringify({ n: k, t: begin + (k * 1000) / rate, x: padding }));
        }
      }, 5);
    }, +__ENV.WAIT * 1000);
  });
}

export default function () {
  for (let i = 0; i < sockets; i++) subscribe();
  if (rate && __VU === 1) publish();
}

export function handleSummary(data) {
  const count = (name) => (data.metrics[name] ? data.metrics[name].values.count : 0);
  const late = data.metrics.rtk_latency ? data.metrics.rtk_latency.values : {};
  const us = (name) => Math.round(1000 * (late[name] || 0));
  return { stdout: JSON.stringify({ Received: count("rtk_received"), Disorder: count("rtk_disorder"), P50: us("med"), P99: us("p(99)") }) + "\n" };
}
