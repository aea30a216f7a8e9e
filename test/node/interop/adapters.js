// The adapters of npm as a team would configure them.
const { createClient, createCluster } = require("redis");
const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
const streams = require("@socket.io/redis-streams-adapter");
const { Emitter } = require("@socket.io/redis-emitter");

const sharded = (subscriptionMode) => (pub, sub) => createShardedAdapter(pub, sub, { subscriptionMode });

const adapters = {
  classic: (pub, sub) => createAdapter(pub, sub),
  "classic-specific": (pub, sub) => createAdapter(pub, sub, { publishOnSpecificResponseChannel: true }),
  "sharded-static": sharded("static"),
  "sharded-dynamic": sharded("dynamic"),
  "sharded-dynamic-private": sharded("dynamic-private"),
  streams: (pub) => streams.createAdapter(pub),
  "streams-sharded": (pub) => streams.createAdapter(pub, { useShardedPubSub: true }),
};

// clientOf takes redis+cluster://host:port,… too.
const clientOf = (url) =>
  url.startsWith("redis+cluster://")
    ? createCluster({ rootNodes: url.slice("redis+cluster://".length).split(",").map((host) => ({ url: `redis://${host}` })) })
    : createClient({ url });

// connect makes an adapter and, where npm has one for it, an emitter.
exports.connect = async (url, name) => {
  const pub = clientOf(url);
  const sub = pub.duplicate();
  for (const c of [pub, sub]) c.on("error", (e) => console.error("redis", e.message));
  await Promise.all([pub.connect(), sub.connect()]);
  const emitter = name.startsWith("classic") ? new Emitter(pub) : undefined;
  return { adapter: adapters[name](pub, sub), emitter };
};
