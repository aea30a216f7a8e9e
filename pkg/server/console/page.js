
"use strict";
const $ = (id) => document.getElementById(id);
const MAX_LINES = 300, RETRY_MS = 2000;

function state(id, text, kind) {
  const el = $(id);
  el.textContent = text;
  el.className = "state " + (kind || "");
}

// line appends to a log and keeps it bounded. Everything that came over the
// network is set as text, never as markup.
function line(log, at, who, text, note) {
  const li = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date(at || Date.now()).toLocaleTimeString();
  li.append(time);
  if (who) {
    const b = document.createElement("b");
    b.textContent = who;
    li.append(b);
  }
  const span = document.createElement("span");
  span.textContent = text;
  if (note) span.className = "note";
  li.append(span);
  const atEnd = log.scrollTop + log.clientHeight > log.scrollHeight - 30;
  log.append(li);
  while (log.children.length > MAX_LINES) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

// A Socket.IO client of one namespace over WebSocket: Engine.IO 4, Socket.IO 5,
// no binary, with acknowledgements and reconnecting.
class Socket {
  constructor(nsp, handlers) {
    this.nsp = nsp;
    this.on = handlers;
    this.acks = new Map();
    this.lastId = 0;
    this.open();
  }
  open() {
    clearTimeout(this.timer);
    const url = location.origin.replace(/^http/, "ws") + "/socket.io/?EIO=4&transport=websocket";
    const ws = this.ws = new WebSocket(url);
    let refused = false;
    ws.onmessage = (e) => {
      if (typeof e.data !== "string") return;
      const d = e.data;
      if (d[0] === "0") {
        const token = $("token").value;
        ws.send("40" + this.nsp + "," + JSON.stringify(token ? { token } : {}));
      } else if (d[0] === "2") {
        ws.send("3");
      } else if (d[0] === "4") {
        refused = this.packet(d.slice(1)) || refused;
      }
    };
    ws.onclose = () => {
      if (ws !== this.ws) return;
      this.acks.clear();
      if (refused) return;
      this.on.down();
      this.timer = setTimeout(() => this.open(), RETRY_MS);
    };
  }
  // packet handles one Socket.IO packet and reports whether it was a refusal.
  packet(p) {
    const m = /^(\d)(?:\d+-)?(?:(\/[^,]*),)?(\d+)?([\s\S]*)$/.exec(p);
    if (!m || (m[2] || "/") !== this.nsp) return false;
    const data = m[4] ? JSON.parse(m[4]) : undefined;
    switch (m[1]) {
      case "0": this.on.up(data.sid); break;
      case "1": this.ws.close(); break;
      case "2": if (this.on[data[0]]) this.on[data[0]](...data.slice(1)); break;
      case "3": {
        const done = this.acks.get(+m[3]);
        this.acks.delete(+m[3]);
        if (done) done(...data);
        break;
      }
      case "4": this.on.refused(data.message || "refused"); return true;
    }
    return false;
  }
  emit(event, data, done) {
    if (this.ws.readyState !== WebSocket.OPEN) return;
    let id = "";
    if (done) {
      id = ++this.lastId;
      this.acks.set(id, done);
    }
    this.ws.send("42" + this.nsp + "," + id + JSON.stringify([event, data]));
  }
  restart() {
    const old = this.ws;
    this.open();
    old.close();
  }
}

let joined = "";
const typers = new Map();
const note = (text) => line($("messages"), 0, "", text, true);
const failed = (what, ack) => { if (!ack.ok) note(what + ": " + ack.error.message); return !ack.ok; };

function showTyping() {
  const now = Date.now();
  for (const [who, at] of typers) if (now - at > 3000) typers.delete(who);
  $("typing").textContent = typers.size ? [...typers.keys()].slice(0, 3).join(", ") + " …" : "";
}
setInterval(showTyping, 1000);

function join(room) {
  chat.emit("join", { room }, (ack) => {
    if (failed("join", ack)) return;
    joined = room;
    state("chat-state", "in " + room, "ok");
    note("joined " + room);
  });
}

const chat = new Socket("/chat", {
  up() { state("chat-state", "connected", "ok"); join(joined || $("room").value); },
  down() { state("chat-state", "reconnecting", "bad"); },
  refused(why) { state("chat-state", "refused: " + why, "bad"); },
  message(m) { line($("messages"), m.at, m.from, m.text); typers.delete(m.from); showTyping(); },
  typing(t) { typers.set(t.from, Date.now()); showTyping(); },
});

$("room-form").onsubmit = (e) => {
  e.preventDefault();
  const room = $("room").value;
  if (room === joined) return;
  if (joined) chat.emit("leave", { room: joined });
  join(room);
};
$("message-form").onsubmit = (e) => {
  e.preventDefault();
  const text = $("text").value;
  if (!text) return;
  chat.emit("message", { room: joined, text }, (ack) => { if (!failed("message", ack)) $("text").value = ""; });
};
let lastTyping = 0;
$("text").oninput = () => {
  if (joined && Date.now() - lastTyping > 1500) {
    lastTyping = Date.now();
    chat.emit("typing", { room: joined });
  }
};

let stream, prices = [];
function price(e) {
  const p = JSON.parse(e.data);
  const before = prices.at(-1);
  prices = [...prices, p.price].slice(-120);
  $("symbol").textContent = p.symbol;
  $("price").textContent = p.price.toFixed(2);
  if (before !== undefined) {
    const d = p.price - before;
    $("change").textContent = (d >= 0 ? "+" : "−") + Math.abs(d).toFixed(2);
    $("change").className = d >= 0 ? "up" : "down";
  }
  const lo = Math.min(...prices), hi = Math.max(...prices);
  const y = (v) => hi === lo ? 30 : 56 - (v - lo) / (hi - lo) * 52;
  $("chart").firstElementChild.setAttribute("points", prices.map((v, i) => (i * 300 / Math.max(prices.length - 1, 1)).toFixed(1) + "," + y(v).toFixed(1)).join(" "));
}
function notice(e) {
  let text = e.data;
  try {
    const d = JSON.parse(e.data);
    text = typeof d === "string" ? d : d.text ?? e.data;
  } catch { /* not JSON: shown as it came */ }
  line($("notices"), 0, e.type, text);
}
function follow() {
  if (stream) stream.close();
  const q = new URLSearchParams([["topic", "ticker"], ["topic", "notifications"], ["topic", "ci-log"]]);
  if ($("token").value) q.set("token", $("token").value);
  stream = new EventSource("/events?" + q);
  stream.onopen = () => state("feed-state", "open", "ok");
  stream.onerror = () => state("feed-state", stream.readyState === EventSource.CLOSED ? "refused" : "reconnecting", "bad");
  stream.addEventListener("price", price);
  for (const type of ["notice", "line", "message"]) stream.addEventListener(type, notice);
}
follow();

$("token").onchange = () => { chat.restart(); follow(); };
