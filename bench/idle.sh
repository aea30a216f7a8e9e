#!/usr/bin/env bash
# Bytes a connection of serve and of bench: 10,000 idle Socket.IO connections
# on two pods. Resident memory is read from /proc while all of them are open, at
# once and when the pods have been quiet for long enough to give back what the
# handshakes took. The kernel's is for both ends of each connection, with whatever
# else the machine did meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p bin
CGO_ENABLED=0 go build -trimpath -o bin/rtk ./cmd/rtk
dir=$(mktemp -d)
pids=()
cleanup() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
	wait || true
	rm -rf "$dir"
}
trap cleanup EXIT
slab() { awk '/^Slab:/ {print $2 * 1024}' /proc/meminfo; }
rss() { awk '/VmRSS/ {print $2 * 1024}' "/proc/$1/status"; }

n=${N:-5000}
targets=()
before=()
for i in 0 1; do
	bin/rtk serve --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 >"$dir/out$i" 2>/dev/null &
	pids+=($!)
	for _ in $(seq 100); do
		[ -s "$dir/out$i" ] && break
		sleep 0.1
	done
	targets+=(--target "$(grep -oE 'http://[0-9.:]+' "$dir/out$i" | head -1)")
	before+=("$(rss "${pids[$i]}")")
done
kernel=$(slab)
bin/rtk bench bench/idle.yaml "${targets[@]}" --set N="$n" --set HOLD=45s --progress none >"$dir/report" &
bench=$!
show() {
	for i in 0 1; do
		echo "serve, pod-$i, $1: $((($(rss "${pids[$i]}") - before[i]) / n)) bytes of resident memory a connection at $n"
	done
}
sleep $((2 * n / 1000 + 6))
show "just connected"
sleep 30
show "quiet"
echo "kernel: $((($(slab) - kernel) / (2 * n))) bytes of slab a connection at $((2 * n)), both ends"
echo "bench: $(($(rss "$bench") / (2 * n))) bytes of resident memory a connection at $((2 * n)), the whole process"
wait "$bench"
cat "$dir/report"
