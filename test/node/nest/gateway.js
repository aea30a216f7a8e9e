// The chat: rooms, messages, typing, who is there, what was said.
const { UseGuards } = require("@nestjs/common");
const { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer, WsException } = require("@nestjs/websockets");
const { ThrottleGuard } = require("./guards");
const { Tokens, ofHandshake } = require("./tokens");
const { provider, method } = require("./decorate");

const historySize = 20;
const every = 10; // of the mistakes that are made now and then

function roomOf(body) {
  const room = body && body.room;
  if (typeof room !== "string" || !room || room.length > 128) throw new WsException({ code: "bad_request", message: "want {room: NAME}" });
  return room;
}

// chatGateway is a class of its own for each application, because its methods
// depend on the rules and on the way in which the handshake is checked:
// "middleware" refuses it, "connection" lets it in and disconnects at once,
// which is what most gateways do.
function chatGateway({ breaks, style, redis, cluster, counts }) {
  const said = (room) => `${cluster}:said:${room}`;

  class Chat {
    constructor(tokens) {
      Object.assign(this, { tokens, sent: 0, joined: 0, seen: new Set() });
    }

    afterInit(server) {
      if (style === "middleware") server.use((socket, next) => this.admit(socket, next));
    }

    admit(socket, next) {
      if (this.refuse(socket)) {
        next(Object.assign(new Error("unauthorized"), { data: { code: "unauthorized" } }));
        // Refusing the namespace leaves the transport open.
        setTimeout(() => socket.conn.close(), 50);
        return;
      }
      next();
    }

    handleConnection(socket) {
      if (breaks("auth-leaks")) socket.emit("welcome", { hello: "you" });
      if (style === "connection" && this.refuse(socket)) {
        if (breaks("auth-late")) setTimeout(() => socket.disconnect(true), 8000);
        else socket.disconnect(true);
        return;
      }
      // Nest looks for the end only after this, which is too late for a socket
      // that has ended already.
      if (!socket.connected) return;
      counts.connected++;
      socket.on("disconnect", () => {
        if (!breaks("counts-the-gone")) counts.connected--;
      });
    }

    // refuse tells whether the handshake has no sound token. A session ends
    // with its token.
    refuse(socket) {
      socket.data.user = "anonymous";
      if (breaks("auth-http-guard-only")) return false;
      try {
        const claims = this.tokens.verify(ofHandshake(socket.handshake));
        socket.data.user = claims.sub;
        if (breaks("locks-out") && this.seen.has(claims.sub)) return true;
        this.seen.add(claims.sub);
        if (!breaks("session-outlives-token") && !breaks("auth-accepts-expired")) {
          const timer = setTimeout(() => socket.disconnect(true), claims.exp * 1000 - Date.now());
          socket.on("disconnect", () => clearTimeout(timer));
        }
        return false;
      } catch {
        return true;
      }
    }

    async join(socket, body) {
      const room = roomOf(body);
      await socket.join(room);
      if (breaks("zombie") && ++this.joined % 4 === 0) await socket.leave(room);
      socket.to(room).emit("presence", { room, user: socket.data.user, action: "join" });
      return { ok: true, room };
    }

    async leave(socket, body) {
      const room = roomOf(body);
      await socket.leave(room);
      socket.to(room).emit("presence", { room, user: socket.data.user, action: "leave" });
      return { ok: true, room };
    }

    async message(socket, body) {
      const room = roomOf(body);
      const { text } = body;
      // A zombie does not know that it is one.
      if (!socket.rooms.has(room) && !breaks("zombie")) throw new WsException({ code: "not_a_member" });
      const n = ++this.sent;
      const m = { room, text, from: socket.data.user, id: `${process.pid}-${n}`, at: Date.now() };
      this.deliver(m, n % every === 0);
      await redis.multi().lPush(said(room), JSON.stringify(m)).lTrim(said(room), 0, historySize - 1).expire(said(room), 600).exec();
      if (breaks("no-ack") && n % every === 0) return undefined;
      return { ok: true, id: m.id };
    }

    // deliver sends a message to its room, or does with it what the broken
    // rule says, now and then.
    deliver(m, now) {
      const room = this.server.to(m.room);
      if (now && breaks("lost")) return;
      if (now && breaks("leak-room")) return void this.server.emit("message", m);
      // Held back for longer than a talker needs to say the next thing.
      if (now && breaks("reorder")) return void setTimeout(() => room.emit("message", m), 400);
      room.emit("message", m);
      if (now && breaks("dup")) room.emit("message", m);
    }

    typing(socket, body) {
      const room = roomOf(body);
      socket.to(room).volatile.emit("typing", { room, from: socket.data.user });
      return { ok: true };
    }

    async who(socket, body) {
      const room = roomOf(body);
      const members = await this.server.in(room).fetchSockets();
      return { ok: true, members: members.map((s) => s.data.user) };
    }

    async history(socket, body) {
      const room = roomOf(body);
      const texts = await redis.lRange(said(room), 0, -1);
      return { ok: true, messages: texts.reverse().map((text) => JSON.parse(text)) };
    }
  }
  provider(Chat, Tokens);
  WebSocketServer()(Chat.prototype, "server");
  for (const name of ["join", "leave", "message", "typing", "who", "history"]) {
    method(Chat, name, [UseGuards(ThrottleGuard), SubscribeMessage(name)], ConnectedSocket(), MessageBody());
  }
  WebSocketGateway({ namespace: "/chat" })(Chat);
  return Chat;
}

module.exports = { chatGateway };
