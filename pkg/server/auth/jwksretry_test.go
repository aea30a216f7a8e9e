package auth

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// In an outage the issuer is asked ever more rarely; when it is back, the set is
// there without a token that asks for it.
func TestJWKSBackOff(t *testing.T) {
	t.Parallel()
	key := testKeys()["ed25519"]
	synctest.Test(t, func(t *testing.T) {
		iss := &issuer{err: errors.New("connection refused")}
		v := mustNew(t, iss.options())
		time.Sleep(10 * time.Minute)
		// 2, 4, … 64 s, then every 2 minutes, each shortened by up to a half.
		if n := iss.count(); n < 8 || n > 20 {
			t.Errorf("%d fetches in an outage of ten minutes, want 8 to 20", n)
		}
		iss.set(func(i *issuer) { i.err, i.body = nil, set(jwk(t, "k", key.Public())) })
		time.Sleep(jwksRetryMost + time.Second)
		before := iss.count()
		if got := verdict(t, v, signed(t, "EdDSA", key, time.Now().Add(time.Minute), kid("k"))); got != "" {
			t.Errorf("the issuer is back: refused with %q", got)
		}
		time.Sleep(time.Minute) // not yet the regular refresh
		if n := iss.count(); n != before {
			t.Errorf("%d fetches more after a success", n-before)
		}
	})
}

func TestRetryWait(t *testing.T) {
	t.Parallel()
	for failures := 1; failures < 100; failures++ {
		most := jwksRetryMost
		if failures < 8 {
			most = min(jwksRetryFirst<<(failures-1), jwksRetryMost)
		}
		if d := retryWait(failures); d < most/2 || d > most {
			t.Errorf("wait %d is %v, want %v to %v", failures, d, most/2, most)
		}
	}
}
