#!/usr/bin/env bash
# Ten minutes of load on a gateway: what rtk bench takes at the beginning and at
# the end, and whether the gateway's memory grows. DURATION=30m for longer.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin
CGO_ENABLED=0 go build -trimpath -o bin/rtk ./cmd/rtk
work=$(mktemp -d)
server='' bench=''
finish() {
  [ -z "$bench" ] || kill "$bench" 2>/dev/null || true
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
bin/rtk serve --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --throttle 1000/s >"$work/serve.log" 2>&1 &
server=$!
for _ in $(seq 100); do
  grep -q 'listening on' "$work/serve.log" && break
  sleep 0.1
done
url=$(grep -o 'listening on http[^ ]*' "$work/serve.log" | cut -d' ' -f3)
admin=$(grep -o 'stats on http[^ ]*/stats' "$work/serve.log" | cut -d' ' -f3)
cat >"$work/soak.yaml" <<'YAML'
version: 1
name: soak
targets: { api: { url: "${URL}", protocol: socketio, namespace: /chat } }
phases:
  - { name: ramp, rampTo: 400, over: 30s }
  - { name: hold, for: "${DURATION:-10m}" }
  - { name: drain, rampTo: 0, over: 10s }
scrape: { api: { url: "${ADMIN}/metrics", keep: [process_resident_memory_bytes, rtk_clients] } }
checkpoint: { every: 1m, file: "${CHECKPOINT}" }
clients:
  herd:
    flow:
      - { emit: join, args: [{ room: "room-{{client.index % 20}}" }], ack: {} }
      - { on: message, at: $.text, until: end }
  talkers:
    count: 20
    connect: { rate: 20/s }
    flow:
      - { emit: join, args: [{ room: "room-{{client.index % 20}}" }], ack: {} }
      - { emit: message, args: [{ room: "room-{{client.index % 20}}", text: "{{rand}}" }], rate: 1/s, ack: {} }
  publisher:
    connect: { rate: 1/s }
    flow:
      - { emit: join, args: [{ room: lobby }], ack: {} }
      - { emit: message, args: [{ room: lobby, text: "{{marker}}" }], rate: 10/s, ack: {} }
  listeners:
    count: 10
    connect: { rate: 10/s }
    flow:
      - { emit: join, args: [{ room: lobby }], ack: {} }
      - { on: message, at: $.text, until: end }
verify:
  lobby: { from: publisher, to: listeners }
thresholds:
  delivery_lost: { expr: count == 0, window: 1m, abort: true }
  ack_latency: [{ expr: p99 < 2s, window: 1m }, { expr: slope < 1s/h, severity: warn }]
  disconnects_unplanned: count == 0
  server.process_resident_memory_bytes{phase=hold}: { expr: slope < 64MiB/h, severity: warn }
  server.rtk_clients{phase=drain}: last < 40
YAML
bin/rtk bench "$work/soak.yaml" --set "URL=$url" --set "ADMIN=${admin%/stats}" --set "CHECKPOINT=$work/soak.ckpt.json" \
  ${DURATION:+--set "DURATION=$DURATION"} --progress none >"$work/report.txt" 2>&1 &
bench=$!
start=$SECONDS
while kill -0 "$bench" 2>/dev/null; do
  if [ $(((SECONDS - start) % 30)) = 0 ] && [ -r "/proc/$bench/status" ]; then
    printf '%4d s  rtk bench %s\n' "$((SECONDS - start))" "$(awk '/VmRSS/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$bench/status" 2>/dev/null || true)"
  fi
  sleep 1
done
code=0
wait "$bench" || code=$?
bench=''
cat "$work/report.txt"
exit "$code"
