package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/server/history"
)

// historyFlags say what is kept for clients that come back.
type historyFlags struct {
	history                                  []string
	historyAge                               time.Duration
	historyCount, historyBytes, historyTotal int
	recovery                                 time.Duration
}

func (h *historyFlags) register(fl *pflag.FlagSet) {
	fl.StringSliceVar(&h.history, "history", nil, `rooms and topics that keep their latest messages, such as 'ticker:*', '/chat#room:*' or '*' (default none)`)
	fl.DurationVar(&h.historyAge, "history-age", history.DefaultAge, "how long a message is kept")
	fl.IntVar(&h.historyCount, "history-count", history.DefaultCount, "messages kept of one room")
	fl.IntVar(&h.historyBytes, "history-bytes", history.DefaultBytes, "bytes kept of one room")
	fl.IntVar(&h.historyTotal, "history-total-bytes", history.DefaultTotal, "bytes kept of all rooms of a namespace")
	fl.DurationVar(&h.recovery, "recovery", 0, "how long a Socket.IO client that was cut off may come back to its session, such as 2m (default never)")
}

// options fills in what the flags say; changed reports whether a flag was given.
func (h *historyFlags) options(o *server.Options, r *redisFlags, changed func(string) bool) error {
	for _, n := range []struct {
		name string
		bad  bool
		v    any
	}{
		{"history-age", h.historyAge <= 0, h.historyAge},
		{"history-count", h.historyCount < 1, h.historyCount},
		{"history-bytes", h.historyBytes < 1, h.historyBytes},
		{"history-total-bytes", h.historyTotal < 1, h.historyTotal},
	} {
		if n.bad {
			return usagef("--%s %v: must be positive", n.name, n.v)
		}
		if changed(n.name) && len(h.history) == 0 && h.recovery == 0 {
			return hint(usagef("--%s does nothing without --history or --recovery", n.name), "add   --history '*'")
		}
	}
	if h.recovery < 0 || h.recovery > 0 && h.recovery < time.Second {
		return usagef("--recovery %v: at least 1s, or 0 for never", h.recovery)
	}
	if h.recovery > 0 && r.redis != "" && r.redisAdapter != string(redis.Streams) {
		return hint(usagef("--recovery does not go with --redis-adapter %s: its messages have no offset that the other pods know, so a client that comes back could not be told what it missed", r.redisAdapter),
			"add   --redis-adapter streams   on all servers of the prefix, or leave --recovery out; event streams resume with --history on any adapter")
	}
	o.History = server.HistoryOptions{
		Rooms:  h.history,
		Limits: history.Limits{Count: h.historyCount, Bytes: h.historyBytes, Total: h.historyTotal, Age: h.historyAge},
	}
	o.Recovery = h.recovery
	return nil
}
