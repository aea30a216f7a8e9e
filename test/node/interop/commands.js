// What clients can tell a server to do. cmd is {op, via, to, except, volatile,
// timeout, event, rooms, close, data, count, all}; what follows it are the arguments to emit.

// listen has every server-side emit shown to the clients of this server.
exports.listen = (nsp, name) => {
  nsp.on("tell", (...args) => nsp.local.emit("told", name, ...args));
  nsp.on("ask", (...args) => {
    const ack = args.pop();
    ack({ name, args });
  });
};

// answer is the acknowledgement of a command. Of what timed out, Socket.IO's
// errors have what did arrive.
exports.answer = async (fn) => {
  try {
    return { value: showBinary((await fn()) ?? null) };
  } catch (e) {
    return { error: String(e.message || e), value: showBinary(e.responses ?? null) };
  }
};

exports.obey = async ({ nsp, emitter }, socket, cmd, args) => {
  const whole = cmd.via === "emitter" ? emitter : nsp;
  let target = cmd.via === "socket" ? socket.broadcast : whole;
  for (const room of cmd.to || []) target = target.to(room);
  for (const room of cmd.except || []) target = target.except(room);
  if (cmd.volatile) target = target.volatile;
  if (cmd.timeout) target = target.timeout(cmd.timeout);
  args = args.map(fromJSON);
  switch (cmd.op) {
    case "emit":
      return void target.emit(cmd.event, ...args);
    case "burst": // to the rooms and to all in turn
      for (let i = 0; i < cmd.count; i++) (i % 2 && cmd.all ? whole : target).emit(cmd.event, i);
      return;
    case "emitWithAck":
      return await target.emitWithAck(cmd.event, ...args);
    case "fetchSockets":
      return (await target.fetchSockets()).map((s) => ({ id: s.id, rooms: [...s.rooms], data: s.data, handshake: s.handshake }));
    case "allRooms":
      return [...(await nsp.adapter.allRooms())];
    case "socketsJoin":
      return void target.socketsJoin(cmd.rooms);
    case "socketsLeave":
      return void target.socketsLeave(cmd.rooms);
    case "disconnectSockets":
      return void target.disconnectSockets(cmd.close);
    case "serverSideEmit":
      return void target.serverSideEmit(cmd.event, ...args);
    case "serverSideEmitWithAck":
      return await nsp.serverSideEmitWithAck(cmd.event, ...args);
    case "serverCount":
      return await nsp.adapter.serverCount();
    // What concerns only the client that asks.
    case "join":
      return void (await socket.join(cmd.rooms));
    case "rooms":
      return [...socket.rooms];
    case "data":
      return void Object.assign(socket.data, cmd.data);
    default:
      throw new Error(`unknown command ${cmd.op}`);
  }
};

// fromJSON makes what JSON can't carry.
const fromJSON = (a) => (a && a.$date ? new Date(a.$date) : a && a.$nan ? NaN : a);

// showBinary makes text of buffers, for answers to be compared as JSON.
function showBinary(value) {
  if (Buffer.isBuffer(value) || value instanceof Uint8Array) return { hex: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(showBinary);
  if (value && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, showBinary(v)]));
  }
  return value;
}
