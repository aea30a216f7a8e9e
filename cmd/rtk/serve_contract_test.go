package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

func TestServeContract(t *testing.T) {
	t.Parallel()
	s := startServeCmd(t, nil)
	for path, want := range map[string]string{
		"/asyncapi":      `<code>message</code>`,
		"/asyncapi.json": `"asyncapi": "3.0.0"`,
		"/asyncapi.yaml": `asyncapi: 3.0.0`,
	} {
		status, body := s.get(s.public + path)
		if status != 200 || !strings.Contains(body, want) || !strings.Contains(body, strings.TrimPrefix(s.public, "http://")) {
			t.Errorf("%s: %d %.300s, want %s and the address", path, status, body, want)
		}
	}
	off := startServeCmd(t, nil, "--asyncapi=false")
	if status, _ := off.get(off.public + "/asyncapi"); status != 404 {
		t.Errorf("--asyncapi=false: %d", status)
	}
}

func TestServePrintsItsContract(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want []string
		code int
	}{
		{[]string{"--print-asyncapi"}, []string{"asyncapi: 3.0.0\n", "address: /chat", "address: ticker"}, 0},
		{[]string{"--print-asyncapi=json", "--service", "echo", "--jwt-secret", goodSecret}, []string{`"address": "/custom"`, `"securitySchemes"`}, 0},
		{[]string{"--print-asyncapi=xml"}, nil, exitUsage},
	} {
		s := runServeCmd(t, nil, tt.args...)
		if code := s.wait(); code != tt.code {
			t.Errorf("%v: exit code %d, want %d: %s", tt.args, code, tt.code, s.stderr)
		}
		out := s.stdout.String()
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v: no %q in %.500s", tt.args, want, out)
			}
		}
		if strings.Contains(out, goodSecret) {
			t.Errorf("%v: the secret is printed", tt.args)
		}
		if len(tt.args) > 1 && !json.Valid([]byte(out)) {
			t.Errorf("%v: not JSON", tt.args)
		}
	}
}

func TestServeValidate(t *testing.T) {
	t.Parallel()
	const frame = `{"event":"join","id":1,"data":{"room":7}}`
	for mode, want := range map[string]string{
		"reject": `{"event":"ack","id":1,"data":{"ok":false,"error":{"code":"invalid_payload","message":"event \"join\": /room: got number, want string","pointer":"/room"}}}`,
		"warn":   `"code":"invalid_room"`,
		"off":    `"code":"invalid_room"`,
	} {
		s := startServeCmd(t, nil, "--validate", mode)
		c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.public, "http")+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
			t.Fatal(err)
		}
		_, got, err := c.ReadMessage()
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %s, %v; want %s", mode, got, err, want)
		}
		c.Close()
		if warned := strings.Contains(s.stderr.String(), "payload breaks the contract"); warned != (mode == "warn") {
			t.Errorf("%s: warned %v", mode, warned)
		}
	}
	bad := runServeCmd(t, nil, "--validate", "rejekt")
	if code := bad.wait(); code != exitUsage || !strings.Contains(bad.stderr.String(), "reject, warn or off") {
		t.Errorf("exit code %d, stderr %s", code, bad.stderr)
	}
}
