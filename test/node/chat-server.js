// A Socket.IO chat server as a team would write it: it knows nothing of rtk.
//   PORT=… REDIS=redis://… JWT_SECRET=… node chat-server.js
// BREAK=auth|dup|drop|redis|throttle breaks one rule, for the tests of verdicts.
const { createServer } = require("http");
const { createHmac, timingSafeEqual } = require("crypto");
const { Server } = require("socket.io");
const { createClient } = require("redis");
const { createAdapter } = require("@socket.io/redis-adapter");

const { PORT = 0, REDIS, JWT_SECRET, BREAK = "", LIMIT = "20", BURST = "40" } = process.env;

function verify(token) {
  const [head, body, sig] = String(token).split(".");
  if (JSON.parse(Buffer.from(head, "base64url")).alg !== "HS256") throw new Error("alg");
  const want = createHmac("sha256", JWT_SECRET).update(head + "." + body).digest();
  const got = Buffer.from(sig, "base64url");
  if (got.length !== want.length || !timingSafeEqual(got, want)) throw new Error("signature");
  const claims = JSON.parse(Buffer.from(body, "base64url"));
  const now = Date.now() / 1000;
  if (!(claims.exp > now) || claims.nbf > now + 5) throw new Error("time");
  if (process.env.JWT_AUD && claims.aud !== process.env.JWT_AUD) throw new Error("audience");
  if (process.env.JWT_ISS && claims.iss !== process.env.JWT_ISS) throw new Error("issuer");
  return claims;
}

function bucket(rate, burst) {
  let tokens = burst;
  let last = Date.now();
  return () => {
    const now = Date.now();
    tokens = Math.min(burst, tokens + ((now - last) / 1000) * rate);
    last = now;
    if (tokens < 1) return Math.ceil(((1 - tokens) / rate) * 1000);
    tokens--;
    return 0;
  };
}

async function main() {
  const http = createServer();
  const io = new Server(http, { transports: ["polling", "websocket"] });
  if (REDIS && BREAK !== "redis") {
    const pub = createClient({ url: REDIS });
    const sub = pub.duplicate();
    await Promise.all([pub.connect(), sub.connect()]);
    io.adapter(createAdapter(pub, sub));
  }
  const chat = io.of("/chat");
  chat.use((socket, next) => {
    const h = socket.handshake;
    const token = h.auth.token || (h.headers.authorization || "").replace(/^Bearer /, "") || h.query.token;
    try {
      socket.data.user = verify(token).sub;
      // An expired token ends the connection, not only the next handshake.
      const { exp } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
      const timer = setTimeout(() => socket.disconnect(true), Math.max(0, exp * 1000 - Date.now()));
      socket.on("disconnect", () => clearTimeout(timer));
      next();
    } catch {
      if (BREAK === "auth") return next();
      next(Object.assign(new Error("unauthorized"), { data: { code: "unauthorized" } }));
      setTimeout(() => socket.conn.close(), 50);
    }
  });
  let n = 0;
  chat.on("connection", (socket) => {
    const take = bucket(+LIMIT, +BURST);
    socket.use(([event, ...args], next) => {
      const retryAfterMs = BREAK === "throttle" ? 0 : take();
      if (!retryAfterMs) return next();
      const ack = args.at(-1);
      if (typeof ack === "function") ack({ ok: false, error: { code: "rate_limited", retryAfterMs } });
    });
    socket.on("join", ({ room }, ack) => {
      socket.join(room);
      ack({ ok: true });
    });
    socket.on("leave", ({ room }, ack) => {
      socket.leave(room);
      ack({ ok: true });
    });
    socket.on("message", ({ room, text }, ack) => {
      const m = { room, text, from: socket.data.user, id: `${process.pid}-${++n}`, at: Date.now() };
      if (!(BREAK === "drop" && n % 50 === 0)) chat.to(room).emit("message", m);
      if (BREAK === "dup" && n % 50 === 0) chat.to(room).emit("message", m);
      ack({ ok: true, id: m.id });
    });
  });
  http.listen(+PORT, "127.0.0.1", () => console.log("listening http://127.0.0.1:" + http.address().port));
}
main();
