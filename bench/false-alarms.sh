#!/bin/sh
# Runs the shipped scenarios on healthy gateways again and again and counts the
# runs that did not pass: a checker that cries wolf is worthless.
#
#   bench/false-alarms.sh [RUNS] [SCENARIO...]      50 runs of each by default
#
# Inconclusive runs are counted by themselves: the machine was too busy to tell,
# and rtk says so. The reason of each run that failed is printed.
set -u
runs=${1:-50}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- auth throttle cross-pod sse transports sse-resume reconnect-storm slow-consumer polling-sticky chat soak audit

cd "$(dirname "$0")/.." || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/rtk" ./cmd/rtk || exit 1

small="SUBSCRIBERS=20 PUBLISHERS=1 OUTSIDERS=3 FLOODERS=2 BYSTANDERS=4 PROBES=1 READERS=10 WEBSOCKET=5 SOCKETIO=5 POLLING=5 SSE_H1=5 SSE_H2=5
 HERD=20 MEMBERS=10 TALKERS=2 TYPISTS=2 VISITORS=3 CLIQUES=10 SNAILS=1 POLLERS=5 CLIMBERS=5 CLIENTS=20
 DURATION=5s BYSTANDERS_FOR=5s DROP_AT=3s SETTLE=2s RAMP=1s HOLD=6s DRAIN=1s METRICS_EVERY=500ms WINDOW=3s
 SIZE=15KiB READ=16KiB/s ACK_SLOPE=1000s/h MEMORY_SLOPE=100GiB/h MEMORY_GROWTH=100GiB/min TOLERANCE=25%
 P99=10s ACK_P99=10s JOIN_P99=10s WITHIN=10s BACKPLANE=10s BYSTANDER_P99=5s REJECT_WITHIN=5s REJECT_P99=10s RECONNECT_P99=30s"

args="--set CHECKPOINT=$dir/soak.ckpt.json"
for v in $small; do args="$args --set $v"; done

failed=0 busy=0 all=0
i=0
while [ "$i" -lt "$runs" ]; do
	i=$((i + 1))
	for s in "$@"; do
		# shellcheck disable=SC2086 # the words of args are arguments
		"$dir/rtk" bench "$s" -q $args >"$dir/out" 2>"$dir/err"
		code=$?
		all=$((all + 1))
		case $code in
		0) ;;
		4) busy=$((busy + 1)) ;;
		*)
			failed=$((failed + 1))
			echo "run $i, $s: exit code $code: $(tail -1 "$dir/err")"
			;;
		esac
	done
done
echo "$all runs: $failed failed, $busy inconclusive, $((all - failed - busy)) passed"
[ "$failed" -eq 0 ]
