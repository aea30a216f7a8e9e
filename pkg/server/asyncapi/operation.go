package asyncapi

import (
	"strconv"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// operation is one in the making.
type operation struct{ Operation }

// newOperation adds the message of an event to its channel.
func newOperation(ch *Channel, channel string, d server.Declaration, payload *Schema) *operation {
	prefix, action := "out.", "send"
	if d.FromClient {
		prefix, action = "in.", "receive"
	}
	key := addMessage(ch, prefix+word(d.Event), Message{Name: d.Event, Title: d.Event, Summary: d.Summary, Payload: payload})
	return &operation{Operation{
		Action: action, Channel: Ref{"#/channels/" + channel}, Summary: d.Summary,
		Messages: []Ref{{"#/channels/" + channel + "/messages/" + key}},
	}}
}

// reply adds the acknowledgement of an event.
func (o *operation) reply(ch *Channel, channel, event string, ack *Schema) {
	key := addMessage(ch, "ack."+word(event), Message{Name: event + " acknowledgement", Title: "Acknowledgement of " + event, Payload: ack})
	o.Reply = &Reply{
		Channel: Ref{"#/channels/" + channel},
		Messages: []Ref{
			{"#/channels/" + channel + "/messages/" + key},
			{"#/channels/" + channel + "/messages/error"},
		},
	}
}

// addMessage adds a message under a key that is free.
func addMessage(ch *Channel, key string, m Message) string {
	want := key
	for i := 2; ; i++ {
		if _, taken := ch.Messages.Get(key); !taken {
			ch.Messages.Set(key, m)
			return key
		}
		key = want + "-" + strconv.Itoa(i)
	}
}
