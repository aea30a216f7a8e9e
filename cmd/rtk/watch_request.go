package main

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/tui"
)

// request is the connection to make, and the mask that hides its secrets.
func (f *watchFlags) request(env *Env) (*rt.DialRequest, *tui.Mask, error) {
	target, err := rt.ParseTarget(f.target)
	if err != nil {
		return nil, nil, err
	}
	if f.protocol != "" {
		target.Protocol = rt.Protocol(f.protocol)
	}
	target.Insecure = f.insecure
	target.Framing = rt.Framing(f.framing)
	switch f.transport {
	case "websocket":
	case "polling":
		target.Transports = []rt.Transport{rt.TransportPolling}
	case "polling,websocket":
		target.Transports = []rt.Transport{rt.TransportPolling, rt.TransportWebSocket}
	default:
		return nil, nil, usagef("--transport %q: want websocket, polling or polling,websocket", f.transport)
	}
	r := &rt.DialRequest{Target: target, Header: http.Header{}}
	mask := &tui.Mask{}
	for _, h := range f.headers {
		name, value, ok := strings.Cut(h, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" {
			return nil, nil, usagef("--header: want NAME:VALUE, such as -H 'Origin: https://example.com'")
		}
		f.stdinUsed = f.stdinUsed || value == "@-"
		if value, err = readValue(env, value); err != nil {
			return nil, nil, usagef("--header %s: %w", name, err)
		}
		r.Header.Add(name, value)
		if strings.EqualFold(name, "Authorization") || strings.EqualFold(name, "Cookie") {
			mask.Known = append(mask.Known, value)
		}
	}
	f.stdinUsed = f.stdinUsed || f.token == "@-"
	token, err := readValue(env, f.token)
	if err != nil {
		return nil, nil, usagef("--token: %w", err)
	}
	if token = strings.TrimSpace(token); token != "" {
		mask.Known = append(mask.Known, token)
		if r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if r.Auth, err = json.Marshal(map[string]string{"token": token}); err != nil {
			return nil, nil, usagef("--token: %w", err)
		}
	}
	return r, mask, nil
}

// complete fills in what depends on the protocol.
func (f *watchFlags) complete(r *rt.DialRequest) {
	t := &r.Target
	if f.namespace != "" {
		t.Namespace = f.namespace
	}
	switch t.Protocol {
	case rt.SocketIO:
		if t.Namespace == "" {
			t.Namespace = "/"
		}
		if !strings.HasPrefix(t.Namespace, "/") {
			t.Namespace = "/" + t.Namespace
		}
		if len(r.Auth) > 0 && !f.headerGiven("Authorization") {
			r.Header.Del("Authorization") // the token travels in the CONNECT packet
		}
	case rt.WebSocket:
		r.Auth = nil
		if t.Namespace != "" {
			r.Query = append(r.Query, [2]string{"namespace", t.Namespace})
		}
	case rt.SSE:
		r.Auth = nil
		if t.URL.Path == "" || t.URL.Path == "/" {
			t.URL.Path = "/events"
		}
		for _, topic := range f.topics {
			r.Query = append(r.Query, [2]string{"topic", topic})
		}
	}
}

func (f *watchFlags) headerGiven(name string) bool {
	for _, h := range f.headers {
		if given, _, _ := strings.Cut(h, ":"); strings.EqualFold(strings.TrimSpace(given), name) {
			return true
		}
	}
	return false
}
