// Topics with history: a Redis stream for each, and one channel that tells all
// pods of what is new.
const { Observable } = require("rxjs");

const kept = 1000;

// Numbers and announces an event in one step: were it two, an event could
// overtake another between them.
const publishScript = `
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'type', ARGV[2], 'data', ARGV[3])
redis.call('PUBLISH', ARGV[4], cjson.encode({topic = ARGV[5], id = id, type = ARGV[2], data = ARGV[3]}))
return id`;

const later = (a, b) => {
  const [x, y] = [a, b].map((id) => id.split("-").map(Number));
  return x[0] - y[0] || x[1] - y[1];
};

class Feed {
  constructor({ redis, cluster, breaks }) {
    Object.assign(this, { redis, breaks, channel: `${cluster}:feed`, readers: new Map() });
  }

  async start() {
    this.sub = this.redis.duplicate();
    await this.sub.connect();
    await this.sub.subscribe(this.channel, (text) => {
      const event = JSON.parse(text);
      for (const reader of this.readers.get(event.topic) || []) reader(event);
    });
  }

  stop() {
    return this.sub.close();
  }

  key(topic) {
    return `${this.channel}:${topic}`;
  }

  publish(topic, type, data) {
    return this.redis.eval(publishScript, { keys: [this.key(topic)], arguments: [String(kept), type, JSON.stringify(data), this.channel, topic] });
  }

  // read is the events of a topic after the one with the given id. What comes
  // while the history is read waits, and what both have is sent once.
  read(topic, after) {
    return new Observable((stream) => {
      let last = after && !this.breaks("sse-no-resume") ? after : null;
      let waiting = last ? [] : null;
      const send = ({ id, type, data }) => {
        if (last && later(id, last) <= 0) return;
        last = id;
        stream.next({ id, type, data: JSON.parse(data) });
      };
      const reader = (event) => (waiting ? waiting.push(event) : send(event));
      if (!this.readers.has(topic)) this.readers.set(topic, new Set());
      this.readers.get(topic).add(reader);
      const heartbeat = setInterval(() => stream.next({ type: "heartbeat", data: {} }), 10_000);
      if (last) {
        this.history(topic, last).then((events) => {
          if (this.breaks("sse-resume-dup")) last = null;
          [...events, ...waiting].forEach(send);
          waiting = null;
        }, (error) => stream.error(error));
      }
      return () => {
        clearInterval(heartbeat);
        this.readers.get(topic).delete(reader);
      };
    });
  }

  async history(topic, after) {
    const from = this.breaks("sse-resume-dup") ? after : `(${after}`;
    const entries = await this.redis.xRange(this.key(topic), from, "+");
    return entries.map(({ id, message: { type, data } }) => ({ id, type, data }));
  }
}

module.exports = { Feed };
