package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/policy"
)

// claimToken signs a token of the given claims that expires after d.
func claimToken(t testing.TB, d time.Duration, claims jwt.MapClaims) string {
	t.Helper()
	claims["exp"] = time.Now().Add(d).Unix()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A client is warned before its token expires; with a new one of the same
// subject it stays, without one it is closed.
func TestTokenRefresh(t *testing.T) {
	t.Parallel()
	g := start(t, withAuth(t, server.Options{ExpiryWarning: time.Hour - time.Millisecond}), whoami)
	soon := func(sub string) string { return claimToken(t, 3*time.Second, jwt.MapClaims{"sub": sub}) }
	c := g.sio(t)
	c.send(fmt.Sprintf(`40{"token":%q}`, soon("ana")))
	c.want(`40{"sid":`)
	c.want(`42["token_expiring",{"expiresAt":`)

	for i, tc := range []struct{ token, want string }{
		{soon("ben"), `"code":"token_other_subject"`},
		{claimToken(t, -time.Hour, jwt.MapClaims{"sub": "ana"}), `"code":"token_expired"`},
		{"", `"code":"token_missing"`},
		{"x.y.z", `"code":"token_malformed"`},
	} {
		c.send(fmt.Sprintf(`42%d["auth.refresh",{"token":%q}]`, i+1, tc.token))
		if got := c.want(fmt.Sprintf(`43%d[{"ok":false,`, i+1)); !strings.Contains(got, tc.want) {
			t.Errorf("refresh %d: %s, want %s", i, got, tc.want)
		}
	}
	c.send(`429["auth.refresh"]`)
	c.want(`439[{"ok":false,"error":{"code":"token_missing"`)

	fresh := claimToken(t, 2*time.Hour, jwt.MapClaims{"sub": "ana", "role": "admin"})
	c.send(fmt.Sprintf(`4210["auth.refresh",{"token":%q}]`, fresh))
	if got := c.want(`4310[{"ok":true,"expiresAt":`); strings.Contains(got, fresh) {
		t.Error("the answer holds the token")
	}
	time.Sleep(3500 * time.Millisecond) // the first token is over, on a real clock as its issuer's
	c.send(`4211["whoami"]`)
	c.want(`4311["ana"`)

	gone := g.sio(t)
	gone.send(fmt.Sprintf(`40{"token":%q}`, claimToken(t, time.Second, jwt.MapClaims{"sub": "ana"})))
	gone.want(`40{"sid":`)
	gone.want(`42["token_expiring",{"expiresAt":`)
	gone.closed(1008)
}

// Whoever has lost the right to a room with the new token is taken out of it.
func TestRefreshAppliesThePolicy(t *testing.T) {
	t.Parallel()
	g := start(t, withPolicy(t, rightsPolicy, server.Options{}), chatter)
	c := g.sio(t)
	c.send(fmt.Sprintf(`40{"token":%q}`, claimToken(t, time.Hour, jwt.MapClaims{"sub": "ana", "org": "acme"})))
	c.want(`40{"sid":`)
	c.send(`421["join","org:acme:x"]`, `422["join","lobby"]`)
	c.is("431[true]", "432[true]")
	c.send(fmt.Sprintf(`423["auth.refresh",{"token":%q}]`, claimToken(t, time.Hour, jwt.MapClaims{"sub": "ana", "org": "other"})))
	c.want(`433[{"ok":true,`)
	if rooms := g.Of("/").Rooms(); rooms["lobby"] != 1 || rooms["org:acme:x"] != 0 {
		t.Errorf("rooms: %v, want lobby only", rooms)
	}
}

// On a gateway without tokens the event is a service's like any other.
func TestRefreshWithoutAuth(t *testing.T) {
	t.Parallel()
	var none *policy.Policy
	g := start(t, server.Options{Policy: none}, nil)
	c := g.joined(t, "/")
	c.send(`421["auth.refresh",{"token":"x"}]`)
	c.want(`431[{"ok":false,"error":{"code":"unknown_event"`)
}
