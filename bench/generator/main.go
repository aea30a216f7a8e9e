//go:build linux

// Command generator measures what `rtk bench` takes to make load, beside a bare Go
// reader, the neutral driver, and k6 and Artillery where they are installed, in one
// run against the same servers: memory of idle clients, processor time of a verified
// delivery and of a round trip, and the latency that is reported for the same load.
// bench/generator.sh builds what it runs.
//
// The server has core 0, the generator core 1. It is linked with nothing of rtk.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generator:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	what := "compare"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		what, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet(what, flag.ContinueOnError)
	addr := flags.String("addr", "", "reader, driver: host:port of the server")
	protocol := flags.String("proto", "ws", "driver: ws or sio")
	clients := flags.Int("n", 2000, "reader, driver: sockets")
	rate := flags.Float64("rate", 0, "reader, driver: messages a second to all of them; driver: 0 for round trips")
	measured := flags.Duration("for", 4*time.Second, "measured time")
	warm := flags.Duration("warm", time.Second, "driver: time before it")
	size := flags.Int("size", 128, "driver: bytes of a message")
	var p plan
	flags.IntVar(&p.rounds, "rounds", 3, "repetitions of everything, interleaved")
	flags.IntVar(&p.idle, "idle", 9000, "idle clients")
	flags.StringVar(&p.rtk, "rtk", "bin/rtk", "the binary under test")
	flags.StringVar(&p.before, "before", "", "an older binary of rtk, to be measured as well")
	flags.StringVar(&p.peer, "peer", "bin/bench/peer", "the Socket.IO server")
	flags.StringVar(&p.k6, "k6", "k6", "k6, left out where there is none")
	flags.StringVar(&p.artillery, "artillery", "artillery", "Artillery, left out where there is none")
	flags.StringVar(&p.only, "only", "idle,fanout,echo,latency", "what to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p.measured, p.self = *measured, os.Args[0]
	switch what {
	case "hub":
		return serveHub(os.Getenv("PORT"))
	case "reader":
		r := &reader{addr: *addr, clients: *clients, rate: *rate, length: *measured}
		return r.run(context.Background(), os.Stdout)
	case "driver":
		return driveServer(os.Stdout, *addr, *protocol, *clients, *size, *rate, *warm, *measured)
	case "compare":
		return p.run(os.Stdout, os.Stderr)
	}
	return fmt.Errorf("%q: want compare, hub, reader or driver", what)
}
