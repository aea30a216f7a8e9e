package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed templates/*.rtk.yaml
var templates embed.FS

// Template is a file to begin a scenario of one's own with: shorter than the
// shipped ones, and meant to be changed.
type Template struct {
	Name string
	What string // in one sentence
}

// Templates lists the templates in the order in which they are best read.
func Templates() []Template {
	return []Template{
		{"chat", "acks and deliveries in one room, with a profile for the night"},
		{"cross-pod", "every message from every pod to every pod, exactly once, and to nobody else"},
		{"auth-matrix", "bad tokens at every place, over every transport"},
		{"throttle", "a message limit, and bystanders who must not notice"},
		{"sse", "server-sent events, posted over HTTP"},
		{"websocket", "a plain WebSocket endpoint with NestJS' frames"},
		{"hook", "a program of your own in the flow"},
	}
}

// OpenTemplate returns the source of a template; the error for any other name
// is fs.ErrNotExist.
func OpenTemplate(name string) ([]byte, error) {
	if strings.ContainsAny(name, `/\`) {
		return nil, fmt.Errorf("template %q: %w", name, fs.ErrNotExist)
	}
	return templates.ReadFile("templates/" + name + ".rtk.yaml")
}
