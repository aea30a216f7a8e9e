// Writes golden_cluster.txt: what the sharded adapter of @socket.io/redis-adapter
// 8.3.0 and @socket.io/redis-streams-adapter 0.3.1, on socket.io-adapter 2.5.8,
// send to Redis, each line with the channel (or "xadd" and the fields) and the
// payload in hex. Random ids are made constant.
//   cd test/node && npm ci && node ../../pkg/wire/redisadapter/testdata/golden_cluster.js
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");
const requireHere = createRequire(process.cwd() + "/");
const crypto = require("crypto");
crypto.randomBytes = () => Buffer.from("93236ae87492a670", "hex"); // before the adapter is loaded
const { createShardedAdapter } = requireHere("@socket.io/redis-adapter");
const { createAdapter: createStreamsAdapter } = requireHere("@socket.io/redis-streams-adapter");

const lines = [];
let name;
const record = (channel, payload) => {
  lines.push(`${name} ${channel} ${Buffer.from(payload).toString("hex")}\n`);
  return Promise.resolve();
};
const redis = {
  sSubscribe() {}, subscribe() {}, sUnsubscribe() {}, on() {}, connect() {}, disconnect() {},
  sPublish: record,
  publish: record,
  sendCommand: async () => ["", "3"],
  duplicate: () => redis,
  xRead: () => new Promise(() => {}),
  xAdd: (stream, id, fields, trim) => {
    const { data, ...rest } = fields;
    return record(`xadd:${Object.entries(rest).map((e) => e.join("=")).join(",")},`, data);
  },
};
const namespace = (nsp) => ({ name: nsp, sockets: new Map(), server: { opts: {}, encoder: { encode: () => [] } }, _ids: 1 });
const set = (...v) => new Set(v);
const opts = (rooms = [], except = [], flags = {}) => ({ rooms: set(...rooms), except: set(...except), flags });
const packet = (...data) => ({ type: 2, data });
const bin = Buffer.from([1, 2, 3]);

async function all(kind, make) {
  const a = make(namespace("/"));
  a.uid = "8b89a78bf1b7d5df";
  const chat = make(namespace("/chat"));
  chat.uid = a.uid;
  const step = async (step, f) => {
    name = `${kind}/${step}`;
    f();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
  };
  await step("broadcast", () => a.broadcast(packet("ev", 1, { a: true }, "é"), opts()));
  await step("room", () => a.broadcast(packet("news", "x"), opts(["r1"])));
  await step("integer-room", () => a.broadcast(packet("news", "x"), opts([42])));
  await step("sid", () => a.broadcast(packet("news", "x"), opts(["DSEX_2GrXVngtP-8AAAB"])));
  await step("twenty", () => a.broadcast(packet("news", "x"), opts(["é".repeat(20)])));
  await step("several", () => a.broadcast(packet("news", "x"), opts(["r1", "r2"], ["r3"], { volatile: true, compress: false })));
  await step("binary", () => a.broadcast(packet("bin", bin), opts()));
  await step("binary-nested", () => chat.broadcast(packet("bin", { a: [bin, 1.5, -1, "x", null, new Date("2000-06-13T00:00:00Z")] }), opts(["r1"], [], { compress: true })));
  await step("dates", () => a.broadcast(packet("d", new Date("2000-06-13T00:00:00.123Z"), NaN, undefined), opts()));
  await step("ack", () => a.broadcastWithAck(packet("ask", 1), opts(["r1"], [], { timeout: 1000 }), () => {}, () => {}));
  await step("ack-binary", () => a.broadcastWithAck(packet("ask", bin), opts([], [], { timeout: 1000 }), () => {}, () => {}));
  await step("join", () => a.addSockets(opts(["r1"]), ["r2", "r3"]));
  await step("leave", () => a.delSockets(opts([], ["r1"]), ["r2"]));
  await step("disconnect", () => a.disconnectSockets(opts(["r1"]), true));
  await step("fetch", () => a.fetchSockets(opts(["r1"])));
  await step("server-side", () => a.serverSideEmit(["hello", "w"]));
  await step("server-side-binary", () => a.serverSideEmit(["hello", bin]));
  await step("server-side-ack", () => a.serverSideEmit(["hello", "w", () => {}]));
  const answer = (type, data) => a.publishResponse("fde8fde8fde8fde8", { type, data: { requestId: "93236ae87492a670", ...data } });
  const socket = (data) => ({ id: "DSEX_2GrXVngtP-8AAAB", handshake: { headers: { host: "x" }, query: { EIO: "4" }, auth: {} }, rooms: ["DSEX_2GrXVngtP-8AAAB", "r1"], data });
  await step("fetch-answer", () => answer(8, { sockets: [socket({ a: 1 }), socket({})] }));
  await step("fetch-answer-empty", () => answer(8, { sockets: [] }));
  await step("fetch-answer-binary", () => answer(8, { sockets: [socket({ b: bin })] }));
  await step("server-side-answer", () => answer(10, { packet: "srv-b:w" }));
  await step("server-side-answer-undefined", () => answer(10, { packet: undefined }));
  await step("client-count", () => answer(11, { clientCount: 1 }));
  await step("broadcast-ack", () => answer(12, { packet: "ok-b" }));
  await step("broadcast-ack-binary", () => answer(12, { packet: { b: bin } }));
  await step("broadcast-ack-undefined", () => answer(12, { packet: undefined }));
}

(async () => {
  await all("sharded", createShardedAdapter(redis, redis));
  await all("streams", createStreamsAdapter(redis));
  fs.writeFileSync(path.join(__dirname, "golden_cluster.txt"), lines.join(""));
  process.exit(0);
})();
