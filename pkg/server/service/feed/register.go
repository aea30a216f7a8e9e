package feed

import (
	"context"
	"encoding/json"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// Declare describes the topics in the contract of s.
func Declare(s *server.Server) {
	s.EmitsTopic(TopicTicker, "price", price{}, "A price, every second while somebody follows. Each pod has its own.")
	s.EmitsTopic("", "message", json.RawMessage(`{}`), "What is published to the topic; the event may have any name.")
}

// Register connects f to the SSE topics of s and runs it until ctx ends; the
// returned function waits for that.
func Register(ctx context.Context, s *server.Server, f *Feed) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx, topics{s, s.Of(server.EventsNamespace)})
	}()
	return func() { <-done }
}

// topics are the rooms of the server's topic namespace.
type topics struct {
	s  *server.Server
	ns *server.Namespace
}

var _ Audience = topics{}

func (t topics) Listening(topic string) bool { return t.s.HasRoom(server.EventsNamespace, topic) }

func (t topics) Send(topic, event string, data []byte) error {
	return t.ns.Local().To(topic).EmitRaw(event, data)
}
