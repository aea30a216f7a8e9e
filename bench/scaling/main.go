//go:build linux

// Command scaling measures what each pod and Redis see as pods, rooms and
// members grow, with each adapter, and compares it with the model of
// docs/scaling.md. bench/scaling.sh builds what it runs.
//
// All processes of a fleet share core 0, the driver has core 1.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "scaling:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("scaling", flag.ContinueOnError)
	var p plan
	adapters := flags.String("adapters", "classic,rooms,sharded,streams", "adapters; rooms is classic with room subscriptions")
	pods := flags.String("pods", "1,2,4,8", "numbers of pods")
	members := flags.String("members", "1,4,16", "members of a room, on pods at random")
	rooms := flags.String("rooms", "50,800", "numbers of rooms, with -fixed-pods and -fixed-members; the rest has -fixed-rooms")
	flags.IntVar(&p.fixed.rooms, "fixed-rooms", 200, "rooms while pods and members grow")
	flags.IntVar(&p.fixed.pods, "fixed-pods", 4, "pods while rooms grow")
	flags.IntVar(&p.fixed.members, "fixed-members", 4, "members while rooms grow")
	flags.Float64Var(&p.rate, "rate", 2000, "messages a second, over all pods and rooms")
	flags.IntVar(&p.window, "window", 200, "messages outstanding at saturation")
	costs := flags.Bool("costs", true, "measure processor time at saturation too")
	flags.IntVar(&p.size, "size", 128, "bytes of a message")
	flags.DurationVar(&p.measured, "for", 2*time.Second, "measured time of a run")
	flags.DurationVar(&p.warm, "warm", 500*time.Millisecond, "time before it")
	flags.StringVar(&p.peer, "peer", "bin/bench/peer", "the built bench/peer")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p.adapters = strings.Split(*adapters, ",")
	var err error
	for _, list := range []struct {
		name, text string
		to         *[]int
	}{{"pods", *pods, &p.pods}, {"members", *members, &p.members}, {"rooms", *rooms, &p.rooms}} {
		if *list.to, err = numbers(list.text); err != nil {
			return fmt.Errorf("-%s %s: %w", list.name, list.text, err)
		}
	}
	if min(p.fixed.rooms, p.fixed.pods, p.fixed.members, p.window, len(p.pods), len(p.members)) < 1 || p.rate <= 0 {
		return fmt.Errorf("-fixed-rooms, -fixed-pods, -fixed-members, -window and -rate are at least 1, and there is one of -pods and -members")
	}
	results, err := p.run(os.Stderr)
	if err != nil {
		return err
	}
	p.print(os.Stdout, results)
	if !*costs {
		return nil
	}
	if results, err = p.saturate(os.Stderr); err != nil {
		return err
	}
	p.printCosts(os.Stdout, results)
	return nil
}

func numbers(list string) (v []int, err error) {
	if list == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a number above 0", word)
		}
		v = append(v, n)
	}
	return v, nil
}
