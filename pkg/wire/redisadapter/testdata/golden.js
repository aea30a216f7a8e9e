// Writes golden.txt: what notepack.io 3.0.1 makes of broadcasts as
// @socket.io/redis-adapter 8.3.0 and @socket.io/redis-emitter 5.1.0 build them.
// The frames all, several and emitter are byte for byte those captured with
// MONITOR from a Redis between real servers.
//   cd test/node && npm ci && node ../../pkg/wire/redisadapter/testdata/golden.js
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");
const { encode } = createRequire(process.cwd() + "/")("notepack.io");

const uid = "-8-bLw";
const opts = (rooms = [], except = [], flags = {}) => ({ rooms, except, flags });
const frame = (data, o = opts(), nsp = "/") => encode([uid, { type: 2, data, nsp }, o]);
const upTo = (n) => Array.from({ length: n }, (_, i) => i);

const frames = {
  all: frame(["ev", 1, { a: true }, "é"]),
  room: frame(["news", "x"], opts(["r1"])),
  several: frame(["news", "x"], opts(["r1", "r2"], ["r3"], { volatile: true, compress: false })),
  flags: frame(["news", "x"], opts(["r1", "r2"], ["r3"], { volatile: true, compress: true })),
  "except-sid": frame(["ev"], opts([], ["DSEX_2GrXVngtP-8AAAB"])),
  "integer-room": frame(["ev"], opts([42])),
  binary: frame(["bin", Buffer.from([1, 2, 3])]),
  "binary-nested": frame(["bin", { a: [Buffer.from([1]), Buffer.alloc(300, 7)] }], opts(), "/chat"),
  emitter: encode(["emitter", { type: 2, data: ["hi", 1], nsp: "/" }, { rooms: ["r1"], flags: { volatile: true }, except: ["z"] }]),
  "no-namespace": encode([uid, { type: 2, data: ["ev"] }, opts()]),
  "dates-and-the-like": frame([
    "d", new Date("2000-06-13T00:00:00Z"), new Date("2000-06-13T00:00:00.123Z"), new Date("1969-07-20T20:17:40.5Z"),
    new Date(8.64e15), new Date(-62198755200000), undefined, NaN, Infinity, -0,
  ]),
  integers: frame([
    "n", 0, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296, 5e9, 9007199254740991,
    -1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, -9007199254740991,
  ]),
  floats: frame(["f", 1.5, -0.1, 1e-7, 123456.789, 5e-324]),
  strings: frame(["s", "x".repeat(31), "x".repeat(32), "x".repeat(255), "x".repeat(256)]),
  containers: frame(["a", upTo(15), upTo(16), Object.fromEntries(upTo(16).map((i) => ["k" + i, i]))]),
  unicode: frame(["ü", '😀€\u2028"\\\n\u0001', null, false, {}, []]),
};

const lines = Object.entries(frames).map(([name, bytes]) => `${name} ${bytes.toString("hex")}\n`);
fs.writeFileSync(path.join(__dirname, "golden.txt"), lines.join(""));
