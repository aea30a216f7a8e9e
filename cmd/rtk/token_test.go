package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/mint"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

const tokenSecret = "0123456789abcdef0123456789abcdef"

// tokenRun is one command line of rtk token and what came of it.
type tokenRun struct {
	code           int
	stdout, stderr string
}

func runToken(t *testing.T, stdin string, vars map[string]string, args ...string) tokenRun {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := &Env{
		Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr,
		LookupEnv: func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
	}
	code := run(t.Context(), env, append([]string{"token"}, args...))
	return tokenRun{code, stdout.String(), stderr.String()}
}

func verifyToken(t *testing.T, o auth.Options, token string) (*auth.Identity, error) {
	t.Helper()
	v, err := auth.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	return v.Verify(context.Background(), strings.TrimSuffix(token, "\n"))
}

func TestTokenMintsWhatServeAccepts(t *testing.T) {
	t.Parallel()
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte(tokenSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		stdin string
		vars  map[string]string
		args  []string
	}{
		{"literal secret", "", nil, []string{"--jwt-secret", tokenSecret}},
		{"secret file", "", nil, []string{"--jwt-secret", "@" + secretFile}},
		{"secret on stdin", tokenSecret + "\n", nil, []string{"--jwt-secret", "@-"}},
		{"secret from the environment", "", map[string]string{"RTK_JWT_SECRET": tokenSecret}, nil},
		{"the verb spelled out", "", nil, []string{"mint", "--jwt-secret", tokenSecret}},
		{"algorithm", "", nil, []string{"--jwt-secret", tokenSecret, "--alg", "HS512"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := runToken(t, tt.stdin, tt.vars, append(tt.args, "--sub", "ana", "--aud", "chat", "--iss", "us")...)
			if got.code != 0 || got.stderr != "" || strings.Count(got.stdout, "\n") != 1 {
				t.Fatalf("got %+v, want the token alone", got)
			}
			id, err := verifyToken(t, auth.Options{Secret: []byte(tokenSecret), Audience: []string{"chat"}, Issuer: []string{"us"}}, got.stdout)
			if err != nil || id.Subject != "ana" {
				t.Errorf("Verify = %+v, %v", id, err)
			}
		})
	}
}

func TestTokenClaims(t *testing.T) {
	t.Parallel()
	got := runToken(t, "", nil, "--jwt-secret", tokenSecret, "--aud", "a,b", "--expires", "1h",
		"--claim", "level=3", "--claim", `roles=["admin"]`, "--claim", "name=Ana Lopes", "--claim", "big=12345678901234567890",
		"--claim", "ok=true", "--claim", "eq=a=b", "--claim", `quoted="3"`, "--claim", "two=1 2", "--claim", "empty=")
	id, err := verifyToken(t, auth.Options{Secret: []byte(tokenSecret)}, got.stdout)
	if err != nil {
		t.Fatalf("%v, %+v", err, got)
	}
	if lives := time.Until(id.ExpiresAt); lives < 59*time.Minute || lives > 61*time.Minute {
		t.Errorf("token lives for %v, want an hour", lives)
	}
	delete(id.Claims, "exp")
	delete(id.Claims, "iat")
	text, err := json.Marshal(id.Claims)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"aud":["a","b"],"big":12345678901234567890,"empty":"","eq":"a=b","level":3,"name":"Ana Lopes","ok":true,"quoted":"3","roles":["admin"],"two":"1 2"}`
	if string(text) != want {
		t.Errorf("claims\n got %s\nwant %s", text, want)
	}
}

func TestTokenDefects(t *testing.T) {
	t.Parallel()
	for _, d := range mint.Defects() {
		got := runToken(t, "", nil, "--jwt-secret", tokenSecret, "--sub", "ana", "--defect", string(d.Defect))
		if got.code != 0 {
			t.Fatalf("%s: %+v", d.Defect, got)
		}
		if _, err := verifyToken(t, auth.Options{Secret: []byte(tokenSecret), Audience: []string{"chat"}, Issuer: []string{"us"}}, got.stdout); err == nil {
			t.Errorf("%s: accepted", d.Defect)
		}
	}
	if got := runToken(t, "", nil, "--help"); !strings.Contains(got.stdout, "noExpiry       no exp") {
		t.Errorf("help does not describe the defects: %s", got.stdout)
	}
}

func TestTokenUsageErrors(t *testing.T) {
	t.Parallel()
	secret := []string{"--jwt-secret", tokenSecret}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no key", nil, "rtk: a token needs a key to sign it with\nrtk: hint: rtk token keygen --out secret"},
		{"two keys", append(secret, "--key", "x"), "--jwt-secret and --key contradict each other"},
		{"no such key file", []string{"--key", "/nowhere/key"}, "--key: open /nowhere/key: no such file"},
		{"empty secret", []string{"--jwt-secret", "@/dev/null"}, "--jwt-secret: the secret is empty"},
		{"wrong algorithm", append(secret, "--alg", "RS256"), "RS256 is signed with a private key, not with a secret"},
		{"unknown algorithm", append(secret, "--alg", "none"), `algorithm "none" can't be used here`},
		{"unknown defect", append(secret, "--defect", "expird"), `did you mean "expired"?`},
		{"claim without value", append(secret, "--claim", "x"), `--claim "x": want NAME=VALUE`},
		{"claim twice", append(secret, "--claim", "x=1", "--claim", "x=2"), `--claim "x" stands twice`},
		{"claim beside its flag", append(secret, "--sub", "ana", "--claim", "sub=bob"), `--claim "sub" stands twice`},
		{"exp twice", append(secret, "--expires", "1m", "--claim", "exp=5"), "--claim exp and --expires contradict"},
		{"no lifetime", append(secret, "--expires", "0"), "--defect noExpiry"},
		{"unknown command", []string{"inspct"}, `unknown command "inspct" for "rtk token", did you mean "inspect"?`},
		{"token as argument", []string{"eyJhbGciOiJub25lIn0.e30.c2VjcmV0"}, "rtk token inspect -"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := runToken(t, "", nil, tt.args...)
			if got.code != exitUsage || got.stdout != "" || !strings.Contains(got.stderr, tt.want) {
				t.Errorf("got %+v, want exit code 2 and %q", got, tt.want)
			}
			if strings.Contains(got.stderr, tokenSecret) || strings.Contains(got.stderr, "c2VjcmV0") {
				t.Errorf("the error holds a secret: %s", got.stderr)
			}
		})
	}
}

func TestTokenWarnsOfShortSecret(t *testing.T) {
	t.Parallel()
	got := runToken(t, "", nil, "--jwt-secret", "short")
	if got.code != 0 || got.stdout == "" || !strings.Contains(got.stderr, "the secret has 5 bytes, rtk serve takes no fewer than 32") {
		t.Errorf("got %+v, want a token and a warning", got)
	}
}

func TestTokenKeygen(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"HS256", "RS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "dev.key")
			got := runToken(t, "", nil, "keygen", "--alg", alg, "--out", file)
			if got.code != 0 || got.stdout != "" || !strings.Contains(got.stderr, file) {
				t.Fatalf("keygen: %+v", got)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("private key: %v, %v, want mode 0600", info.Mode(), err)
			}
			keyFlag, options := []string{"--key", file}, auth.Options{}
			if alg == "HS256" {
				keyFlag = []string{"--jwt-secret", "@" + file}
				options.Secret = bytes.TrimSuffix(mustRead(t, file), []byte("\n"))
			} else {
				options.Keys = mustRead(t, file+".pub")
			}
			token := runToken(t, "", nil, append(keyFlag, "--sub", "ana")...)
			if _, err := verifyToken(t, options, token.stdout); err != nil {
				t.Errorf("a token of the new key: %v, %+v", err, token)
			}
			again := runToken(t, "", nil, "keygen", "--alg", alg, "--out", file)
			if again.code != exitUsage || !strings.Contains(again.stderr, "exists and is not overwritten") {
				t.Errorf("keygen over an existing file: %+v, want a refusal", again)
			}
		})
	}
	got := runToken(t, "", nil, "keygen", "--alg", "EdDSA")
	if !strings.Contains(got.stdout, "BEGIN PRIVATE KEY") || !strings.Contains(got.stdout, "BEGIN PUBLIC KEY") {
		t.Errorf("keygen without --out: %+v, want both halves", got)
	}
	if got := runToken(t, "", nil, "keygen", "--alg", "none"); got.code != exitUsage {
		t.Errorf("keygen of none: %+v, want exit code 2", got)
	}
}

func TestTokenKeygenLeavesNoHalfPair(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "dev.key")
	if err := os.WriteFile(file+".pub", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := runToken(t, "", nil, "keygen", "--alg", "EdDSA", "--out", file); got.code != exitUsage {
		t.Errorf("got %+v, want a refusal", got)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the private key without its public key was left behind: %v", err)
	}
}

func TestTokenInspect(t *testing.T) {
	t.Parallel()
	sound := strings.TrimSpace(runToken(t, "", nil, "--jwt-secret", tokenSecret, "--sub", "ana", "--kid", "k1").stdout)
	expired := strings.TrimSpace(runToken(t, "", nil, "--jwt-secret", tokenSecret, "--defect", "expired").stdout)
	none := strings.TrimSpace(runToken(t, "", nil, "--jwt-secret", tokenSecret, "--defect", "algNone").stdout)
	verify := []string{"--jwt-secret", tokenSecret}
	tests := []struct {
		name   string
		stdin  string
		args   []string
		code   int
		stdout string // part
		stderr string // part
	}{
		{"no key", "", []string{sound}, 0, "  sub      \"ana\"\n", "NOT VERIFIED"},
		{"from stdin", sound + "\n", []string{"-"}, 0, "  kid      \"k1\"\n", "NOT VERIFIED"},
		{"dates", "", []string{sound}, 0, "Z, in ", "NOT VERIFIED"},
		{"verified", "", append(verify, sound), 0, "  alg      \"HS256\"\n", "rtk: VERIFIED"},
		{"other key", "", []string{"--jwt-secret", strings.Repeat("x", 32), sound}, exitVerdict, "\"ana\"", "REFUSED: token_bad_signature: the token's signature is not valid"},
		{"expired", "", append(verify, expired), exitVerdict, "Z, 1h0m", "REFUSED: token_expired"},
		{"audience", "", append(verify, "--jwt-audience", "chat", sound), exitVerdict, "", "REFUSED: token_bad_audience"},
		{"unsigned", "", []string{none}, 0, "  alg      \"none\"\n", "NOT VERIFIED"},
		{"JSON", "", append(verify, "-o", "json", expired), exitVerdict, `"verified":false,"refused":"token_expired"}`, "REFUSED"},
		{"JSON without key", "", []string{"-o", "json", sound}, 0, `"verified":false,"refused":null}`, "NOT VERIFIED"},
		{"two parts", "", []string{"a.b"}, exitUsage, "", "not a JWT: 2 parts between dots, want 3"},
		{"encrypted", "", []string{"a.b.c.d.e"}, exitUsage, "", "encrypted token (JWE)"},
		{"not base64", "", []string{"*.*.*"}, exitUsage, "", "header part is not base64url"},
		{"not JSON", "", []string{"YQ.YQ.YQ"}, exitUsage, "", "header part is not a JSON object"},
		{"none given", "", nil, exitUsage, "", "inspect wants one token, got 0"},
		{"too long", strings.Repeat("x", 1<<17), []string{"-"}, exitUsage, "", "larger than 64 KiB"},
		{"rules without a key", "", []string{"--jwt-issuer", "us", sound}, exitUsage, "", "do nothing without a key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := runToken(t, tt.stdin, nil, append([]string{"inspect"}, tt.args...)...)
			if got.code != tt.code || !strings.Contains(got.stdout, tt.stdout) || !strings.Contains(got.stderr, tt.stderr) {
				t.Errorf("got code %d\nstdout %s\nstderr %s\nwant code %d, %q and %q", got.code, got.stdout, got.stderr, tt.code, tt.stdout, tt.stderr)
			}
			if strings.Contains(got.stderr, tokenSecret) {
				t.Errorf("stderr holds the secret: %s", got.stderr)
			}
		})
	}
}

func TestTokenInspectKeepsTheTerminalSafe(t *testing.T) {
	t.Parallel()
	token := runToken(t, "", nil, "--jwt-secret", tokenSecret, "--claim", "x=\u009b31m\u202e\x1b[2J é", "--claim", "\u0085=1").stdout
	got := runToken(t, token, nil, "inspect", "-")
	for _, r := range got.stdout {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e') {
			t.Errorf("the output holds %U:\n%q", r, got.stdout)
		}
	}
	if !strings.Contains(got.stdout, "é") {
		t.Errorf("letters beyond ASCII were lost: %q", got.stdout)
	}
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
