package redis_test

import (
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// counter counts what is delivered.
type counter struct {
	want int
	done chan struct{}
}

func (*counter) Execute(*cluster.Command) {}

func (*counter) Answer(*cluster.Query, func(*cluster.Answer)) {}

func (*counter) HasRoom(_, _ string) bool { return true }

func (c *counter) Deliver(*cluster.Broadcast) {
	if c.want--; c.want == 0 {
		close(c.done)
	}
}

// BenchmarkBackplane sends messages from pod to pod through a real Redis.
func BenchmarkBackplane(b *testing.B) {
	url := rttest.Redis(b)
	there := &counter{want: b.N, done: make(chan struct{})}
	var pods [2]cluster.Backplane
	for i, s := range []cluster.Sink{newSink(), there} {
		p, err := redis.New(redis.Options{URL: url})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.AddNamespace("/"); err != nil {
			b.Fatal(err)
		}
		if err := p.Start(b.Context(), s); err != nil {
			b.Fatal(err)
		}
		defer p.Close(b.Context())
		pods[i] = p
	}
	m := event("/", `["message",{"room":"r1","text":"hello, wörld","from":"alice","id":"01J","at":1795476495675}]`, "r1")
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for pods[0].Status().Queued > 10_000 {
			time.Sleep(100 * time.Microsecond)
		}
		pods[0].Publish(m)
	}
	<-there.done
}
