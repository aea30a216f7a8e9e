package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/policy"
)

const rightsPolicy = `
room "lobby" allow join
room "org:{claims.org}:*" allow join, emit
topic "builds:{claims.org}" allow join
`

func withPolicy(t testing.TB, text string, o server.Options) server.Options {
	t.Helper()
	p, err := policy.Parse("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	o.Policy = p
	return withAuth(t, o)
}

func orgToken(t testing.TB, sub, org string) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": sub, "org": org, "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What no rule allows is forbidden: to join and to send to.
func TestPolicyOnJoinAndEmit(t *testing.T) {
	t.Parallel()
	g := start(t, withPolicy(t, rightsPolicy, server.Options{}), chatter)
	c := g.sio(t)
	c.send(fmt.Sprintf(`40{"token":%q}`, orgToken(t, "ana", "acme")))
	c.want(`40{"sid":`)
	const forbidden = `[{"ok":false,"error":{"code":"forbidden","message":"not allowed to `
	for i, tc := range []struct{ send, want string }{
		{`["join","lobby"]`, "[true]"},
		{`["join","org:acme:x"]`, "[true]"},
		{`["join","org:other:x"]`, forbidden + "join"},
		{`["join","org:acme:x:y"]`, forbidden + "join"},
		{`["join","anything"]`, forbidden + "join"},
		{`["emit","lobby"]`, forbidden + "send"},
		{`["emit","org:acme:x"]`, "[true]"},
		{`["emit","org:other:x"]`, forbidden + "send"},
	} {
		c.send(fmt.Sprintf("42%d%s", i, tc.send))
		c.want(fmt.Sprintf("43%d%s", i, tc.want))
	}
}

// A topic that the policy does not allow is refused before the stream.
func TestPolicyOnTopics(t *testing.T) {
	t.Parallel()
	g := start(t, withPolicy(t, rightsPolicy, server.Options{}), func(s *server.Server) { s.Of(server.EventsNamespace) })
	header := http.Header{"Authorization": {"Bearer " + orgToken(t, "ana", "acme")}}
	for _, tc := range []struct {
		target string
		want   int
	}{
		{"/events?topic=builds:other", http.StatusForbidden},
		{"/events?topic=builds:acme&topic=lobby", http.StatusForbidden},
		{"/events?topic=lobby", http.StatusForbidden},
	} {
		res, body := g.request(t, http.MethodGet, tc.target, "", header)
		if res.StatusCode != tc.want || !strings.Contains(body, `"code":"forbidden"`) {
			t.Errorf("%s: %d %s, want %d", tc.target, res.StatusCode, body, tc.want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.host+"/events?topic=builds:acme", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res, err := g.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("an allowed topic: %d", res.StatusCode)
	}
}
