package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

func TestParseRevocation(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		body string
		want auth.Revocation
		err  string
	}{
		{`{"jti":"t"}`, auth.Revocation{TokenID: "t"}, ""},
		{`{"sub":"a","iss":"i","issuedBefore":1000,"exp":2000}`, auth.Revocation{Subject: "a", Issuer: "i", IssuedBefore: time.Unix(1000, 0), Until: time.Unix(2000, 0)}, ""},
		{`[]`, auth.Revocation{}, "must be a JSON object"},
		{`null`, auth.Revocation{}, "must be a JSON object"},
		{`{"user":"a"}`, auth.Revocation{}, `unknown field "user"; fields are exp, iss, issuedBefore, jti, sub`},
		{`{"sub":""}`, auth.Revocation{}, `"sub" must be a string`},
		{`{"sub":null}`, auth.Revocation{}, `"sub" must be a string`},
		{`{"exp":"soon"}`, auth.Revocation{}, `"exp" must be a Unix time`},
	} {
		got, err := parseRevocation([]byte(tc.body))
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v, want an error with %q", tc.body, err, tc.err)
			}
			continue
		}
		if d := cmp.Diff(tc.want, got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tc.body, err, d)
		}
	}
}
