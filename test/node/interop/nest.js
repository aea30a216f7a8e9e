// The same server as NestJS gateways, on an IoAdapter as Nest's documentation
// has it. There is no TypeScript: decorators are functions.
require("reflect-metadata");
const { Module } = require("@nestjs/common");
const { NestFactory } = require("@nestjs/core");
const { IoAdapter } = require("@nestjs/platform-socket.io");
const { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } = require("@nestjs/websockets");
const { obey, listen, answer } = require("./commands");

class RedisIoAdapter extends IoAdapter {
  constructor(app, options) {
    super(app);
    this.options = options;
  }

  createIOServer(port, options) {
    return super.createIOServer(port, { ...options, ...this.options });
  }
}

function gateway(path, { emitter, name }) {
  class Gateway {
    afterInit() {
      listen(this.nsp(), name);
    }

    // Nest injects the server for the main namespace, the namespace otherwise.
    nsp() {
      return this.server.of ? this.server.of(path) : this.server;
    }

    // Nest hands over one argument as it is, several as an array.
    cmd(socket, body) {
      const [cmd, ...args] = Array.isArray(body) ? body : [body];
      return answer(() => obey({ nsp: this.nsp(), emitter: emitter && emitter.of(path) }, socket, cmd, args));
    }
  }
  WebSocketServer()(Gateway.prototype, "server");
  ConnectedSocket()(Gateway.prototype, "cmd", 0);
  MessageBody()(Gateway.prototype, "cmd", 1);
  SubscribeMessage("cmd")(Gateway.prototype, "cmd", Object.getOwnPropertyDescriptor(Gateway.prototype, "cmd"));
  WebSocketGateway({ namespace: path })(Gateway);
  return Gateway;
}

module.exports = async ({ options, namespaces, ...rest }) => {
  class Application {}
  Module({ providers: namespaces.map((path) => gateway(path, rest)) })(Application);
  const app = await NestFactory.create(Application, { logger: ["error", "warn"] });
  app.useWebSocketAdapter(new RedisIoAdapter(app, options));
  await app.listen(0, "127.0.0.1");
  return `http://127.0.0.1:${app.getHttpServer().address().port}`;
};
