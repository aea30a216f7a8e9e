package discover_test

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/discover"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type srv struct {
	host string
	port uint16
}

// nameServer answers A, AAAA and SRV questions from two tables.
func nameServer(t *testing.T, hosts map[string][]string, services map[string][]srv) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			reply, err := answer(m, hosts, services)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := c.WriteTo(reply, from); err != nil {
				return
			}
		}
	}()
	return c.LocalAddr().String()
}

func answer(m dnsmessage.Message, hosts map[string][]string, services map[string][]srv) ([]byte, error) {
	q := m.Questions[0]
	name := q.Name.String()
	m.Header.Response, m.Header.Authoritative, m.Additionals = true, true, nil
	_, isHost := hosts[name]
	if _, isService := services[name]; !isHost && !isService {
		m.Header.RCode = dnsmessage.RCodeNameError
	}
	head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}
	add := func(b dnsmessage.ResourceBody) {
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: b})
	}
	for _, h := range hosts[name] {
		switch a := netip.MustParseAddr(h); {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			add(&dnsmessage.AResource{A: a.As4()})
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			add(&dnsmessage.AAAAResource{AAAA: a.As16()})
		}
	}
	for _, s := range services[name] {
		if q.Type == dnsmessage.TypeSRV {
			add(&dnsmessage.SRVResource{Priority: 1, Weight: 1, Port: s.port, Target: dnsmessage.MustNewName(s.host)})
		}
	}
	return m.Pack()
}

func TestDNS(t *testing.T) {
	t.Parallel()
	server := nameServer(t, map[string][]string{
		"chat.test.":        {"10.0.0.12", "10.0.0.11", "fd00::1"},
		"six.test.":         {"fd00::2", "fd00::1"},
		"empty.test.":       {},
		"chat-0.chat.test.": {"10.0.0.1"},
		"chat-1.chat.test.": {"10.0.0.2"},
	}, map[string][]srv{
		"_http._tcp.chat.test.": {{"chat-1.chat.test.", 3001}, {"chat-0.chat.test.", 3000}},
		"_lost._tcp.chat.test.": {{"gone.test.", 3000}},
	})
	for _, tt := range []struct {
		name string
		want []discover.Endpoint
		kind rt.ErrKind
		text string
	}{
		{name: "chat.test.:3000", want: []discover.Endpoint{{Addr: "10.0.0.11:3000"}, {Addr: "10.0.0.12:3000"}}},
		{name: "six.test.:80", want: []discover.Endpoint{{Addr: "[fd00::1]:80"}, {Addr: "[fd00::2]:80"}}},
		{name: "127.0.0.9:80", want: []discover.Endpoint{{Addr: "127.0.0.9:80"}}},
		{name: "_http._tcp.chat.test.", want: []discover.Endpoint{{Name: "chat-0", Addr: "10.0.0.1:3000"}, {Name: "chat-1", Addr: "10.0.0.2:3001"}}},
		{name: "none.test.:80", kind: rt.KindUnreachable, text: "discover none.test.:80: no such host"},
		{name: "empty.test.:80", kind: rt.KindUnreachable, text: "discover empty.test.:80: no such host"},
		{name: "_none._tcp.chat.test.", kind: rt.KindUnreachable, text: "discover _none._tcp.chat.test.: no such host"},
		{name: "_lost._tcp.chat.test.", kind: rt.KindUnreachable, text: "discover _lost._tcp.chat.test.: no such host"},
		{name: "chat.test.", kind: rt.KindUsage, text: "discover chat.test.: want host:port, or _service._proto.name for SRV records"},
		{name: "chat.test.:0", kind: rt.KindUsage, text: `discover chat.test.:0: port "0", want 1 to 65535`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := discover.DNS(t.Context(), tt.name, server)
			check(t, got, err, tt.want, tt.kind, tt.text)
		})
	}
}

func check(t *testing.T, got []discover.Endpoint, err error, want []discover.Endpoint, kind rt.ErrKind, text string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if text == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if err == nil || err.Error() != text || rt.KindOf(err) != kind {
		t.Errorf("got %v (%v), want %s (%v)", err, rt.KindOf(err), text, kind)
	}
}

func TestDNSWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := discover.DNS(ctx, "chat.test.:80", "127.0.0.1:1"); err == nil {
		t.Error("found pods without a name server")
	}
}
