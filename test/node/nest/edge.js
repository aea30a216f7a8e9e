// What stands in front of the pods: it ends TLS, speaks HTTP/2 to those who
// do, and passes everything on. WebSockets come over HTTP/1.1.
const http = require("http");
const http2 = require("http2");
const https = require("https");
const net = require("net");

// Headers of one hop, which HTTP/2 forbids.
const hop = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host"]);

const endToEnd = (headers) => Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(":") && !hop.has(name)));

function forward(port) {
  return (req, res) => {
    const headers = { ...endToEnd(req.headers), host: req.headers.host || req.headers[":authority"] };
    const up = http.request({ host: "127.0.0.1", port, method: req.method, path: req.url, headers }, (answer) => {
      res.writeHead(answer.statusCode, endToEnd(answer.headers));
      res.flushHeaders?.();
      answer.pipe(res);
      answer.on("error", () => res.destroy());
    });
    up.on("error", () => (res.headersSent ? res.destroy() : res.writeHead(502).end()));
    res.on("close", () => up.destroy());
    req.pipe(up);
  };
}

function upgrade(port) {
  return (req, socket, head) => {
    const up = net.connect(port, "127.0.0.1", () => {
      const lines = [`${req.method} ${req.url} HTTP/1.1`];
      for (let i = 0; i < req.rawHeaders.length; i += 2) lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`);
      up.write(lines.join("\r\n") + "\r\n\r\n");
      up.write(head);
      up.pipe(socket).pipe(up);
    });
    up.on("error", () => socket.destroy());
    socket.on("error", () => up.destroy());
    socket.on("close", () => up.destroy());
  };
}

// startEdge returns the address of an edge for the pod at the port.
async function startEdge({ port, cert, key, breaks }) {
  const server = breaks("sse-h1-only") ? https.createServer({ cert, key }) : http2.createSecureServer({ cert, key, allowHTTP1: true });
  const open = new Set();
  server.on("secureConnection", (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  server.on("request", forward(port));
  server.on("upgrade", upgrade(port));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${server.address().port}`,
    stop: () => {
      server.close();
      open.forEach((socket) => socket.destroy());
    },
  };
}

module.exports = { startEdge };
