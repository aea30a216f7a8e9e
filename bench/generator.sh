#!/usr/bin/env bash
# What `rtk bench` takes to make load, beside a bare Go reader, the neutral driver,
# and k6 and Artillery if they are on the PATH, in one run on this machine: memory of
# idle clients, processor time of a verified delivery and of a round trip, and the
# 99th percentile that is reported for the same load. The flags are those of
# bench/generator; BEFORE names an older binary of rtk to be measured as well.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin/bench
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/rtk ./cmd/rtk
CGO_ENABLED=0 go build -trimpath -o bin/bench/peer ./bench/peer
CGO_ENABLED=0 go build -trimpath -o bin/bench/generator ./bench/generator
exec bin/bench/generator compare -before "${BEFORE:-}" "$@"
