// One Socket.IO server of a cluster that does as its clients tell it.
//   REDIS=redis://… ADAPTER=classic NAME=node-a [NEST=1] node interop/server.js
// ADAPTER is a name of adapters.js; NEST puts a NestJS gateway before it. It
// prints its URL when it listens, and ends with SIGTERM or the end of its stdin,
// so that it never outlives the test that started it.
const { connect } = require("./adapters");

const namespaces = ["/", "/chat"];
const { REDIS, ADAPTER = "classic", NAME = "node", NEST } = process.env;

async function main() {
  const { adapter, emitter } = await connect(REDIS, ADAPTER);
  const start = NEST ? require("./nest") : require("./plain");
  console.log(await start({ adapter, emitter, namespaces, name: NAME }));
}

process.on("SIGTERM", () => process.exit(0));
process.stdin.on("end", () => process.exit(0)).resume();
main().catch((e) => {
  console.error(e);
  process.exit(1);
});
