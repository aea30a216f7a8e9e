#!/usr/bin/env bash
# What each pod and Redis see as pods, rooms and members grow, with each adapter,
# beside the model of docs/scaling.md. The flags are those of bench/scaling.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin/bench
CGO_ENABLED=0 go build -trimpath -o bin/bench/peer ./bench/peer
CGO_ENABLED=0 go build -trimpath -o bin/bench/scaling ./bench/scaling
exec taskset -c 1 bin/bench/scaling "$@"
