// One pod: a NestJS application on a port of its own.
require("reflect-metadata");
const { Module } = require("@nestjs/common");
const { NestFactory } = require("@nestjs/core");
const { IoAdapter } = require("@nestjs/platform-socket.io");
const { createAdapter } = require("@socket.io/redis-adapter");
const { createClient } = require("redis");
const { Feed } = require("./feed");
const { HttpGuard, Limits, ThrottleGuard } = require("./guards");
const { Tokens } = require("./tokens");
const { chatGateway } = require("./gateway");
const { eventsController, Publish } = require("./events");
const { metricsController } = require("./metrics");

const maxPayload = 64 * 1024;

// Adapter is the Socket.IO server behind the gateways. Its cors option only
// tells browsers what they may read; who may connect is allowRequest's.
class Adapter extends IoAdapter {
  constructor(app, { adapter, origins, breaks }) {
    super(app);
    Object.assign(this, { adapter, origins, breaks });
  }

  createIOServer(port, options) {
    const allowed = (origin) => this.breaks("any-origin") || !origin || this.origins.includes(origin);
    return super.createIOServer(port, {
      ...options,
      adapter: this.adapter,
      cors: { origin: this.origins },
      allowRequest: (req, done) => done(null, allowed(req.headers.origin)),
      maxHttpBufferSize: this.breaks("no-max-payload") ? 1e8 : maxPayload,
    });
  }
}

// startPod returns the address of a pod and a function that ends it.
async function startPod({ cluster, redisURL, secret, audience, issuer, rate, burst, origins, style, breaks }) {
  const redis = createClient({ url: redisURL });
  redis.on("error", (error) => console.error("redis:", error.message));
  await redis.connect();
  const clients = [redis];
  let adapter;
  if (!breaks("no-redis")) {
    const [pub, sub] = [redis.duplicate(), redis.duplicate()];
    await Promise.all([pub.connect(), sub.connect()]);
    clients.push(pub, sub);
    adapter = createAdapter(pub, sub, { key: `${cluster}:socket.io` });
  }
  const feed = new Feed({ redis, cluster, breaks });
  await feed.start();

  const counts = { connected: 0 };
  class Application {}
  Module({
    controllers: [eventsController(breaks), Publish, metricsController(counts)],
    providers: [
      { provide: Feed, useValue: feed },
      { provide: Tokens, useValue: new Tokens({ secret, audience, issuer, breaks }) },
      { provide: Limits, useValue: new Limits({ rate, burst, breaks }) },
      HttpGuard,
      ThrottleGuard,
      chatGateway({ breaks, style, redis, cluster, counts }),
    ],
  })(Application);
  const app = await NestFactory.create(Application, { logger: ["error", "warn"], forceCloseConnections: true });
  app.useWebSocketAdapter(new Adapter(app, { adapter, origins, breaks }));
  await app.listen(0, "127.0.0.1");
  const { port } = app.getHttpServer().address();
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      await app.close();
      await feed.stop();
      await Promise.all(clients.map((c) => c.close()));
    },
  };
}

module.exports = { startPod };
