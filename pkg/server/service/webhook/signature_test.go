package webhook

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

// The vector is that of the Standard Webhooks specification's libraries.
func TestSignature(t *testing.T) {
	t.Parallel()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	body := []byte(`{"test": 2432232314}`)
	at := time.Unix(1614265330, 0)
	good := func() http.Header {
		return http.Header{
			HeaderID: {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, HeaderTimestamp: {"1614265330"},
			HeaderSignature: {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
		}
	}
	for _, tc := range []struct {
		name   string
		change func(http.Header)
		secret string
		body   string
		now    time.Time
		ok     bool
	}{
		{"vector", func(http.Header) {}, secret, string(body), at, true},
		{"one of several", func(h http.Header) { h.Set(HeaderSignature, "v1,AAAA "+h.Get(HeaderSignature)) }, secret, string(body), at, true},
		{"just in time", func(http.Header) {}, secret, string(body), at.Add(DefaultTolerance), true},
		{"too old", func(http.Header) {}, secret, string(body), at.Add(DefaultTolerance + 1), false},
		{"of the future", func(http.Header) {}, secret, string(body), at.Add(-DefaultTolerance - 1), false},
		{"other body", func(http.Header) {}, secret, "{}", at, false},
		{"other secret", func(http.Header) {}, "x", string(body), at, false},
		{"empty secret", func(http.Header) {}, "", string(body), at, false},
		{"other id", func(h http.Header) { h.Set(HeaderID, "x") }, secret, string(body), at, false},
		{"no signature", func(h http.Header) { h.Del(HeaderSignature) }, secret, string(body), at, false},
		{"no timestamp", func(h http.Header) { h.Del(HeaderTimestamp) }, secret, string(body), at, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := good()
			tc.change(h)
			err := Verify(tc.secret, h, []byte(tc.body), tc.now, DefaultTolerance)
			if tc.ok != (err == nil) || err != nil && !errors.Is(err, ErrSignature) {
				t.Errorf("error %v, want ok %v", err, tc.ok)
			}
		})
	}
}
