// What the pod tells of itself, in the text format of Prometheus.
const { Controller, Get, Header } = require("@nestjs/common");
const { method } = require("./decorate");

function metricsController(counts) {
  class Metrics {
    page() {
      return [
        "# TYPE process_resident_memory_bytes gauge",
        `process_resident_memory_bytes ${process.memoryUsage().rss}`,
        "# TYPE socket_io_connected gauge",
        `socket_io_connected ${counts.connected}`,
        "",
      ].join("\n");
    }
  }
  method(Metrics, "page", [Get("metrics"), Header("Content-Type", "text/plain; version=0.0.4")]);
  Controller()(Metrics);
  return Metrics;
}

module.exports = { metricsController };
