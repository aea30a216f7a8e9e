// Writes requests.txt: what JSON.stringify and notepack.io 3.0.1 make of requests
// and answers as @socket.io/redis-adapter 8.3.0 and @socket.io/redis-emitter
// 5.1.0 build them.
//   cd test/node && npm ci && node ../../pkg/wire/redisadapter/testdata/requests.js
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");
const { encode } = createRequire(process.cwd() + "/")("notepack.io");

const uid = "-8-bLw";
const json = (o) => Buffer.from(JSON.stringify(o));
const opts = (rooms = [], except = []) => ({ rooms, except });
const binary = Buffer.from([1, 2, 3]);
const packet = (data) => ({ type: 2, data, nsp: "/chat" });

const messages = {
  sockets: json({ requestId: "Wz3uUq", type: 0, rooms: ["r1"] }),
  "all-rooms": json({ uid, requestId: "zYcugu", type: 1 }),
  join: json({ uid, type: 2, opts: opts(["r1"]), rooms: ["room9", "é\"\n"] }),
  leave: json({ uid, type: 3, opts: opts([], ["r1", 42]), rooms: [42] }),
  "join-emitter": json({ type: 2, opts: opts(["r1"]), rooms: ["q"] }),
  "join-legacy": json({ uid, requestId: "Wz3uUq", type: 2, sid: "DSEX_2GrXVngtP-8AAAB", room: "r1" }),
  disconnect: json({ uid, type: 4, opts: opts(["r1"], ["r2"]), close: true }),
  "disconnect-emitter": json({ type: 4, opts: opts(), close: false }),
  "disconnect-legacy": json({ uid, requestId: "Wz3uUq", type: 4, sid: "DSEX_2GrXVngtP-8AAAB", close: true }),
  fetch: json({ uid, requestId: "-60Wfa", type: 5, opts: opts() }),
  emit: json({ uid, type: 6, data: ["hello", "w"] }),
  "emit-emitter": json({ uid: "emitter", type: 6, data: ["hello", 1] }),
  "emit-ack": json({ uid, requestId: "koEsa2", type: 6, data: ["hello", { a: [1, null] }] }),
  "emit-binary": encode({ uid, requestId: "koEsa2", type: 6, data: ["hello", binary] }),
  broadcast: encode({ uid, requestId: "v5OGS5", type: 7, packet: packet(["ev", 1]), opts: { ...opts(["r1"], ["r2"]), flags: { timeout: 1000 } } }),
  "broadcast-binary": encode({ uid, requestId: "v5OGS5", type: 7, packet: packet(["ev", { b: binary }]), opts: { ...opts(), flags: { compress: false, timeout: 5000 } } }),
  "broadcast-no-timeout": encode({ uid, requestId: "v5OGS5", type: 7, packet: { type: 2, data: ["ev"] }, opts: { ...opts(), flags: {} } }),

  "of-sockets": json({ requestId: "Wz3uUq", sockets: ["DSEX_2GrXVngtP-8AAAB"] }),
  "of-all-rooms": json({ requestId: "zYcugu", rooms: ["DSEX_2GrXVngtP-8AAAB", "r1"] }),
  "of-all-rooms-none": json({ requestId: "zYcugu", rooms: [] }),
  "of-join": json({ requestId: "Wz3uUq" }),
  "of-fetch": json({ requestId: "-60Wfa", sockets: [{ id: "DSEX_2GrXVngtP-8AAAB", handshake: { headers: {}, xdomain: false }, rooms: ["DSEX_2GrXVngtP-8AAAB", "r1"], data: { user: "ana" } }] }),
  "of-fetch-none": json({ requestId: "-60Wfa", sockets: [] }),
  "of-fetch-undefined": json({ requestId: "-60Wfa", sockets: [{ id: "a", handshake: undefined, rooms: [1], data: undefined }] }),
  "of-emit": json({ type: 6, requestId: "koEsa2", data: "srv-b:w" }),
  "of-emit-undefined": json({ type: 6, requestId: "koEsa2", data: undefined }),
  "of-emit-binary": encode({ type: 6, requestId: "koEsa2", data: { b: binary } }),
  "of-broadcast": json({ type: 8, requestId: "v5OGS5", clientCount: 1 }),
  "of-broadcast-ack": encode({ type: 9, requestId: "v5OGS5", packet: "ok-b" }),
  "of-broadcast-ack-binary": encode({ type: 9, requestId: "v5OGS5", packet: [binary, 1.5] }),
  "of-broadcast-ack-undefined": encode({ type: 9, requestId: "v5OGS5", packet: undefined }),
};

const lines = Object.entries(messages).map(([name, bytes]) => `${name} ${bytes.toString("hex")}\n`);
fs.writeFileSync(path.join(__dirname, "requests.txt"), lines.join(""));
