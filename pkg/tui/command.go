package tui

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Verb is what a line of the send box or of standard input asks for.
type Verb uint8

// Verbs of a Command.
const (
	VerbNone  Verb = iota // an empty line
	VerbSend              // send Event with Body
	VerbClose             // close the connection and stay away
	VerbOpen              // connect again, now
	VerbAck               // switch asking for acks
)

// Command is one parsed line of input.
type Command struct {
	Verb  Verb
	Event string // empty for a raw frame
	Body  []byte // JSON arguments, or the frame
	Ack   bool   // VerbAck: the new setting
}

// Grammar is what a line may hold besides slash commands.
type Grammar uint8

// Grammars of ParseCommand, by what the endpoint takes.
const (
	GrammarArgs  Grammar = iota // an event and JSON arguments (Socket.IO)
	GrammarValue                // an event and one JSON value ({event,data} frames)
	GrammarRaw                  // frames as they are
)

// commandHelp documents the grammar of ParseCommand, for the help screen.
var commandHelp = [][2]string{
	{`message {"text":"hi"}`, "event name, then JSON arguments"},
	{`move 3, "left"`, "several arguments, with commas (Socket.IO)"},
	{"/join ROOM", `send the event join with {"room":"ROOM"}`},
	{"/leave ROOM", "likewise leave"},
	{"/ack on|off", "ask the server to acknowledge"},
	{"/close  /open", "close the connection, connect again"},
	{"//text", "text that begins with a slash (raw frames)"},
}

// ParseCommand reads one line of the send box or of standard input:
//
//	event {"json":1}     an event and JSON: arguments separated by commas
//	                     (GrammarArgs), or one value (GrammarValue)
//	any text             one frame (GrammarRaw)
//	/join ROOM, /leave ROOM, /ack on|off, /close, /open
//	//text               the frame "/text" (GrammarRaw)
//
// Its errors say how to mend the line.
func ParseCommand(line string, g Grammar) (Command, error) {
	raw := g == GrammarRaw
	text := strings.TrimSpace(line)
	if strings.HasPrefix(text, "/") {
		if !raw || !strings.HasPrefix(text, "//") {
			return parseSlash(text)
		}
		line = strings.TrimLeft(line, " \t")[1:]
	}
	if text == "" {
		return Command{}, nil
	}
	if raw {
		return Command{Verb: VerbSend, Body: []byte(line)}, nil
	}
	event, args, _ := strings.Cut(text, " ")
	args = strings.TrimSpace(args)
	if strings.ContainsAny(event, "{}[]\"") {
		return Command{}, errors.New(`the event name is missing, want   message {"text":"hi"}`)
	}
	list := args
	if g == GrammarArgs {
		list = "[" + args + "]"
	}
	if args != "" && !json.Valid([]byte(list)) {
		return Command{}, fmt.Errorf("not JSON after %q, want   %s {\"text\":\"hi\"}   or   %s \"text\"", event, event, event)
	}
	return Command{Verb: VerbSend, Event: event, Body: []byte(args)}, nil
}

func parseSlash(text string) (Command, error) {
	verb, rest, _ := strings.Cut(text[1:], " ")
	rest = strings.TrimSpace(rest)
	switch verb {
	case "join", "leave":
		if rest == "" {
			return Command{}, fmt.Errorf("/%s wants a room, such as   /%s lobby", verb, verb)
		}
		body, err := json.Marshal(map[string]string{"room": rest})
		if err != nil {
			return Command{}, fmt.Errorf("room %q: %w", rest, err)
		}
		return Command{Verb: VerbSend, Event: verb, Body: body}, nil
	case "ack":
		switch rest {
		case "on", "off":
			return Command{Verb: VerbAck, Ack: rest == "on"}, nil
		}
		return Command{}, errors.New("/ack wants on or off")
	case "close":
		return Command{Verb: VerbClose}, nil
	case "open":
		return Command{Verb: VerbOpen}, nil
	}
	return Command{}, fmt.Errorf("unknown command %q, want /join, /leave, /ack, /close or /open", "/"+verb)
}
