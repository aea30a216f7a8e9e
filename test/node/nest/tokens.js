// Tokens: JWTs with HS256, an audience and an issuer.
const { createHmac, timingSafeEqual } = require("crypto");

const decode = (part) => JSON.parse(Buffer.from(part, "base64url"));

class Tokens {
  constructor({ secret, audience, issuer, breaks }) {
    Object.assign(this, { secret, audience, issuer, breaks });
  }

  // verify returns the claims of a sound token and throws for any other.
  verify(token) {
    const [head, body, signature] = String(token).split(".");
    const { alg } = decode(head);
    const unsigned = alg === "none" && this.breaks("auth-alg-none");
    if (!unsigned) this.checkSignature(alg, `${head}.${body}`, signature);
    const claims = decode(body);
    const now = Date.now() / 1000;
    if (!(claims.exp > now) && !this.breaks("auth-accepts-expired")) throw new Error("expired");
    if (claims.nbf > now) throw new Error("not yet valid");
    if (this.audience && claims.aud !== this.audience && !this.breaks("auth-no-audience")) throw new Error("audience");
    if (this.issuer && claims.iss !== this.issuer) throw new Error("issuer");
    return claims;
  }

  checkSignature(alg, text, signature) {
    if (alg !== "HS256") throw new Error("algorithm");
    const want = createHmac("sha256", this.secret).update(text).digest();
    const got = Buffer.from(signature, "base64url");
    if (got.length !== want.length || !timingSafeEqual(got, want)) throw new Error("signature");
  }
}

// ofHandshake finds the token of a Socket.IO handshake.
function ofHandshake({ auth, headers, query }) {
  return auth.token || ofRequest({ headers, query });
}

// ofRequest finds the token of an HTTP request. EventSource can set no header,
// so a cookie does as well.
function ofRequest({ headers, query }) {
  const bearer = /^Bearer (.+)$/.exec(headers.authorization || "");
  const cookie = /(?:^|; )session=([^;]+)/.exec(headers.cookie || "");
  return (bearer && bearer[1]) || (cookie && cookie[1]) || query.token;
}

module.exports = { Tokens, ofHandshake, ofRequest };
