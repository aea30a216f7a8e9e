package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

// maxKeyFile bounds --jwt-key.
const maxKeyFile = 1 << 20

// verifier makes the token verifier of the flags, nil when they name no key.
// Errors never hold the value of a secret.
func (f *serveFlags) verifier(env *Env, log *slog.Logger) (*auth.Verifier, error) {
	o := auth.Options{
		JWKSURL:    f.jwks,
		Algorithms: f.jwtAlg,
		Audience:   f.jwtAudience,
		Issuer:     f.jwtIssuer,
		Leeway:     f.jwtLeeway,
		Logger:     log,
	}
	if f.jwtLeeway == 0 {
		o.Leeway = -1 // the flag's zero means none, not the default
	}
	if f.changed("jwt-secret") {
		secret, err := f.secret(env, "jwt-secret", f.jwtSecret)
		if err != nil {
			return nil, err
		}
		// Not nil even when empty: a secret that was meant to be there must
		// not leave the gateway open.
		o.Secret = []byte(secret)
	}
	if f.changed("jwt-key") {
		keys, err := readKeyFile(f.jwtKey)
		if err != nil {
			return nil, err
		}
		o.Keys = keys
	}
	if f.changed("jwks") && f.jwks == "" {
		return nil, usagef("--jwks: the URL is empty")
	}
	var err error
	if o.Issuers, err = issuersOf(env, f.issuers); err != nil {
		return nil, err
	}
	if o.Secret == nil && o.Keys == nil && o.JWKSURL == "" && len(o.Issuers) == 0 {
		for _, name := range []string{"jwt-audience", "jwt-issuer", "jwt-alg", "jwt-leeway"} {
			if f.changed(name) {
				return nil, hint(usagef("--%s does nothing without a key", name), "add   --jwt-secret @FILE, --jwt-key FILE or --jwks URL")
			}
		}
		return nil, nil
	}
	v, err := auth.New(o)
	if err != nil {
		return nil, usagef("tokens: %s", strings.TrimPrefix(err.Error(), "auth: "))
	}
	return v, nil
}

// secret resolves a flag that may be @FILE.
func (f *serveFlags) secret(env *Env, name, value string) (string, error) {
	s, err := readValue(env, value)
	if err != nil {
		return "", usagef("--%s: %w", name, err)
	}
	if s == "" && f.changed(name) {
		return "", usagef("--%s is set and empty", name)
	}
	return s, nil
}

func readKeyFile(path string) ([]byte, error) {
	if path == "" {
		return nil, usagef("--jwt-key: the file name is empty")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, usagef("--jwt-key: %w", err)
	}
	defer file.Close()
	buf := make([]byte, maxKeyFile+1)
	n, err := readFull(file, buf)
	if err != nil {
		return nil, usagef("--jwt-key: read %s: %w", path, err)
	}
	if n > maxKeyFile {
		return nil, usagef("--jwt-key: %s is larger than 1 MiB", path)
	}
	return buf[:n], nil
}

// loudlyOpen warns once that anybody may connect.
func loudlyOpen(env *Env, addr string) {
	fmt.Fprintf(env.Stderr, "rtk: WARNING: no key is configured: ANYBODY who reaches %s may connect, read and write. Set --jwt-secret, --jwt-key or --jwks\n", addr)
}

var errFaultyUnconfirmed = errors.New("--faulty breaks delivery or security on purpose; it is for testing checkers")
