#!/usr/bin/env bash
# Three pods of rtk, with each adapter, beside three of Node with
# @socket.io/redis-adapter and three of Centrifuge with Redis, in one run on this
# machine: deliveries a second at saturation, processor time of the pods and of
# Redis, and the latency that the way over Redis adds at 20,000 deliveries a
# second. The flags are those of bench/cluster.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin/bench
CGO_ENABLED=0 go build -trimpath -o bin/bench/peer ./bench/peer
CGO_ENABLED=0 go build -trimpath -o bin/bench/cluster ./bench/cluster
(cd bench/peer/centrifuge && CGO_ENABLED=0 go build -trimpath -o ../../../bin/bench/centrifuge .)
[ -d test/node/node_modules/socket.io ] || (cd test/node && npm ci --no-audit --no-fund)
exec taskset -c 1 bin/bench/cluster "$@"
