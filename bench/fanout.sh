#!/usr/bin/env bash
# 5,000 Socket.IO subscribers over two pods, 50,000 verified deliveries a
# second, pods, Redis and generator on one machine. The report tells what was
# lost, the latency, and what the generator itself used.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin
CGO_ENABLED=0 go build -trimpath -o bin/rtk ./cmd/rtk
exec bin/rtk bench cross-pod \
	--set SUBSCRIBERS=2500 --set PUBLISHERS=5 --set RATE=1/s --set DURATION="${DURATION:-20s}" \
	--set OUTSIDERS=20 --set CONNECT_RATE=1000/s "$@"
