// One Socket.IO server of a cluster that does as its clients tell it.
//   REDIS=redis://… ADAPTER=classic NAME=node-a [NEST=1] [RECOVERY=ms] node interop/server.js
// ADAPTER is a name of adapters.js; NEST puts a NestJS gateway before it, RECOVERY
// turns connection state recovery on. It prints its URL when it listens, and ends
// with SIGTERM or the end of its stdin, so that it never outlives the test that
// started it.
const { connect } = require("./adapters");

const namespaces = ["/", "/chat"];
const { REDIS, ADAPTER = "classic", NAME = "node", NEST, RECOVERY } = process.env;

async function main() {
  const { adapter, emitter } = await connect(REDIS, ADAPTER);
  const start = NEST ? require("./nest") : require("./plain");
  const options = RECOVERY ? { adapter, connectionStateRecovery: { maxDisconnectionDuration: +RECOVERY } } : { adapter };
  console.log(await start({ options, emitter, namespaces, name: NAME }));
}

process.on("SIGTERM", () => process.exit(0));
process.stdin.on("end", () => process.exit(0)).resume();
main().catch((e) => {
  console.error(e);
  process.exit(1);
});
