package server_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// revocable connects a client with a token of these claims.
func revocable(t *testing.T, g *gateway, claims jwt.MapClaims) *client {
	t.Helper()
	c := g.sio(t)
	c.send(fmt.Sprintf(`40{"token":%q}`, claimToken(t, time.Hour, claims)))
	c.want(`40{"sid":`)
	return c
}

// Connections whose token is revoked are closed at once and can't come back;
// others stay.
func TestRevoke(t *testing.T) {
	t.Parallel()
	hourAgo := time.Now().Add(-time.Hour).Unix()
	for _, tc := range []struct {
		name       string
		revocation auth.Revocation
		gone, left jwt.MapClaims
	}{
		{"by id", auth.Revocation{TokenID: "t1"}, jwt.MapClaims{"sub": "ana", "jti": "t1"}, jwt.MapClaims{"sub": "ana", "jti": "t2"}},
		{"by subject", auth.Revocation{Subject: "ana"}, jwt.MapClaims{"sub": "ana", "iat": hourAgo}, jwt.MapClaims{"sub": "ben", "iat": hourAgo}},
		{"by subject, issued before", auth.Revocation{Subject: "ana", IssuedBefore: time.Now().Add(-time.Minute)}, jwt.MapClaims{"sub": "ana", "iat": hourAgo}, jwt.MapClaims{"sub": "ana", "iat": time.Now().Unix()}},
		{"issued before", auth.Revocation{IssuedBefore: time.Now().Add(-time.Minute)}, jwt.MapClaims{"sub": "ana", "iat": hourAgo}, jwt.MapClaims{"sub": "ben", "iat": time.Now().Unix()}},
		{"without a time of issue", auth.Revocation{Subject: "ana"}, jwt.MapClaims{"sub": "ana"}, jwt.MapClaims{"sub": "ben"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := start(t, withAuth(t, server.Options{}), whoami)
			gone, left := revocable(t, g, tc.gone), revocable(t, g, tc.left)
			closed, err := g.Revoke(tc.revocation)
			if err != nil || closed != 1 {
				t.Fatalf("Revoke = %d, %v, want 1 closed", closed, err)
			}
			gone.closed(1008)
			left.send(`421["whoami"]`)
			left.want(`431["`)

			c := g.sio(t)
			c.send(fmt.Sprintf(`40{"token":%q}`, claimToken(t, time.Hour, tc.gone)))
			c.is(`44{"message":"unauthorized","data":{"code":"token_revoked"}}`)
			header := http.Header{"Authorization": {"Bearer " + claimToken(t, time.Hour, tc.gone)}}
			if res, _ := g.request(t, http.MethodGet, "/events?topic=a", "", header); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("a stream with the token: %d, want 401", res.StatusCode)
			}
		})
	}
}

// clustered starts a pod on the backplane.
func clustered(t *testing.T, b cluster.Backplane) *gateway {
	t.Helper()
	return start(t, withAuth(t, server.Options{Backplane: b}), whoami)
}

// A revocation on one pod closes connections on the other, and a pod that comes
// later knows of it.
func TestRevokeOnAllPods(t *testing.T) {
	t.Parallel()
	hub := cluster.NewHub()
	url := rttest.Redis(t)
	for name, backplane := range map[string]func() cluster.Backplane{
		"memory": hub.Backplane,
		"redis": func() cluster.Backplane {
			b, err := redis.New(redis.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := clustered(t, backplane()), clustered(t, backplane())
			for _, g := range []*gateway{one, two} {
				eventually(t, "the pod is ready", func() bool { ok, _ := g.Ready(); return ok })
			}
			claims := jwt.MapClaims{"sub": "ana", "jti": "t1"}
			c := revocable(t, two, claims)
			if _, err := one.Revoke(auth.Revocation{TokenID: "t1"}); err != nil {
				t.Fatal(err)
			}
			c.closed(1008)

			three := clustered(t, backplane())
			eventually(t, "a pod that came later refuses the token", func() bool {
				status := 0
				header := http.Header{"Authorization": {"Bearer " + claimToken(t, time.Hour, claims)}}
				res, _ := three.request(t, http.MethodHead, "/events?topic=a", "", header)
				status = res.StatusCode
				return status == http.StatusUnauthorized
			})
		})
	}
}
