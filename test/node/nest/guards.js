// Who may do what, and how often.
const { UnauthorizedException } = require("@nestjs/common");
const { WsException } = require("@nestjs/websockets");
const { Tokens, ofRequest } = require("./tokens");
const { provider } = require("./decorate");

// HttpGuard lets requests with a sound token through. Guards of controllers do
// not protect gateways: those check the handshake themselves.
class HttpGuard {
  constructor(tokens) {
    this.tokens = tokens;
  }

  canActivate(context) {
    const request = context.switchToHttp().getRequest();
    try {
      request.user = this.tokens.verify(ofRequest(request));
    } catch {
      throw new UnauthorizedException();
    }
    return true;
  }
}
provider(HttpGuard, Tokens);

// Limits are what a client may send.
class Limits {
  constructor({ rate, burst, breaks }) {
    const loose = breaks("throttle-too-loose") ? 2 : 1;
    Object.assign(this, { rate: rate * loose, burst: burst * loose, breaks, shared: null });
  }

  // bucket is that of one client.
  bucket() {
    if (!this.breaks("throttle-shared")) return { tokens: this.burst, at: Date.now() };
    this.shared ||= { tokens: this.burst, at: Date.now() };
    return this.shared;
  }

  // take returns 0, or for how many milliseconds the client has to wait.
  take(bucket) {
    if (this.breaks("no-throttle")) return 0;
    const now = Date.now();
    bucket.tokens = Math.min(this.burst, bucket.tokens + ((now - bucket.at) / 1000) * this.rate);
    bucket.at = now;
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) / this.rate) * 1000);
    bucket.tokens--;
    return 0;
  }
}

// ThrottleGuard limits the events of each connection. Nest tells the client of
// the refusal with an event `exception`, not with the ack.
class ThrottleGuard {
  constructor(limits) {
    this.limits = limits;
  }

  canActivate(context) {
    const socket = context.switchToWs().getClient();
    socket.data.bucket ||= this.limits.bucket();
    const retryAfterMs = this.limits.take(socket.data.bucket);
    if (!retryAfterMs) return true;
    if (this.limits.breaks("throttle-kicks")) socket.disconnect(true);
    throw new WsException({ code: "rate_limited", message: "too many events", retryAfterMs });
  }
}
provider(ThrottleGuard, Limits);

module.exports = { HttpGuard, Limits, ThrottleGuard };
