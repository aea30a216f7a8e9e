package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServeIssuers(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(goodSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, o, err := parseServe(t, nil, "--issuer", "iss=https://a,secret=@"+secret+",alg=HS256", "--issuer", "iss=https://b,secret=@"+secret+",alg=HS512,audience=x")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(o.Auth.Algorithms(), " "); got != "HS256 HS512" {
		t.Errorf("algorithms %q", got)
	}
	for args, want := range map[string]string{
		"https://a":                             "is not NAME=VALUE",
		"alg=ES256,iss=a":                       "comes before iss=",
		"iss=a,secret=" + goodSecret:            "wants @FILE",
		"iss=a,secret=@/nowhere":                "no such file",
		"iss=a,algo=x":                          `did you mean "alg"`,
		"iss=a":                                 "nothing to verify tokens with",
		"iss=a,secret=@" + secret + ",alg=none": "none",
	} {
		_, _, err := parseServe(t, nil, "--issuer", args)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), goodSecret) {
			t.Errorf("--issuer %s: %v, want an error with %q and without the secret", args, err, want)
		}
	}
}
