//go:build linux

// Command cluster measures several pods of rtk, with each adapter, beside Node
// with @socket.io/redis-adapter and Centrifuge with Redis, in one run: deliveries
// a second at saturation, the processor time of pods and of Redis, and what the
// way over Redis adds. bench/cluster.sh builds what it runs.
//
// All processes of a fleet share core 0, the driver has core 1. It is linked with
// nothing of rtk.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/bench/internal/fleet"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	var p plan
	flags.IntVar(&p.pods, "pods", 3, "pods of each fleet")
	flags.IntVar(&p.subscribers, "subscribers", 1000, "subscribers of one room, over all pods")
	flags.IntVar(&p.few, "few", 60, "subscribers for the second measurement of latency, with as many more messages")
	flags.IntVar(&p.rounds, "rounds", 3, "repetitions of everything, interleaved")
	flags.IntVar(&p.window, "window", 48, "messages outstanding at saturation")
	flags.Float64Var(&p.rate, "deliveries", 20_000, "deliveries a second while latency is measured")
	flags.IntVar(&p.size, "size", 128, "bytes of a message")
	flags.DurationVar(&p.measured, "for", 3*time.Second, "measured time of a run")
	flags.DurationVar(&p.warm, "warm", time.Second, "time before it")
	bin := flags.String("bin", "bin/bench", "folder of the built peers")
	modules := flags.String("modules", "test/node/node_modules", "socket.io and its Redis adapter")
	only := flags.String("only", "", "names of fleets, separated by commas; all when empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if p.pods < 1 || min(p.subscribers, p.few) < p.pods || p.rounds < 1 || p.window < 1 || p.rate <= 0 {
		return fmt.Errorf("-pods, -rounds, -window and -deliveries are at least 1, -subscribers and -few at least the pods")
	}
	p.fleets = fleets(*bin, *modules, *only)
	if len(p.fleets) == 0 {
		return fmt.Errorf("-only %s names no fleet", *only)
	}
	results, err := p.run(os.Stderr)
	if err != nil {
		return err
	}
	p.print(os.Stdout, results)
	return nil
}

func fleets(bin, modules, only string) []contender {
	rtk := func(name, adapter string) contender {
		return contender{server: fleet.Server{Name: name, Argv: []string{bin + "/peer"}, Env: []string{"ADAPTER=" + adapter}}, protocol: socketIO}
	}
	all := []contender{
		rtk("rtk classic", "classic"),
		rtk("rtk classic, room subscriptions", "rooms"),
		rtk("rtk sharded", "sharded"),
		rtk("rtk streams", "streams"),
		{server: fleet.Server{Name: "Node + redis-adapter", Argv: []string{"node", "bench/peer/node/server.js"}, Env: []string{"NODE_PATH=" + modules}}, protocol: socketIO},
		{server: fleet.Server{Name: "Centrifuge + Redis", Argv: []string{bin + "/centrifuge"}}, protocol: centrifugo},
	}
	if only == "" {
		return all
	}
	var some []contender
	for _, c := range all {
		for want := range strings.SplitSeq(only, ",") {
			if strings.TrimSpace(want) == strings.ReplaceAll(c.server.Name, ",", "") {
				some = append(some, c)
			}
		}
	}
	return some
}
