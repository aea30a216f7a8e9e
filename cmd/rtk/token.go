package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/mint"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

const tokenLong = `Mint a JSON Web Token for tests and print it.

The token is the only thing on standard output, so it can be used in place:

  curl -H "Authorization: Bearer $(rtk token --jwt-secret @secret --sub ana)" …

The key is an HMAC secret (--jwt-secret) or a private key (--key). With --defect
the token gets exactly one flaw that a server must refuse:

`

const tokenExample = `  rtk token keygen --out secret
  rtk token --jwt-secret @secret --sub ana --claim roles='["admin"]'
  rtk token --jwt-secret @secret --sub ana --defect expired
  rtk token keygen --alg ES256 --out dev.key && rtk token --key dev.key --sub ana
  rtk token inspect --jwt-secret @secret "$TOKEN"`

// tokenOptions are the flags of rtk token.
type tokenOptions struct {
	jwtSecret, key   string
	alg, kid         string
	sub, iss, defect string
	aud, claims      []string
	expires          time.Duration
}

// newTokenCmd is rtk token: it mints by itself, and has inspect and keygen.
func newTokenCmd(env *Env) *cobra.Command {
	cmd := newMintCmd(env, "token")
	cmd.Example = tokenExample
	spelled := newMintCmd(env, "mint") // for those who look for the verb
	spelled.Hidden = true
	cmd.AddCommand(spelled, newTokenInspectCmd(env), newTokenKeygenCmd(env))
	return cmd
}

func newMintCmd(env *Env, name string) *cobra.Command {
	o := &tokenOptions{}
	cmd := &cobra.Command{
		Use:   name,
		Short: "Mint a JWT for tests, sound or with a chosen defect",
		Long:  tokenLong + describeDefects(),
		Args:  noTokenArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := bindFlags(env, cmd); err != nil {
				return err
			}
			return o.run(env, cmd.Flags().Changed("expires"))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.jwtSecret, "jwt-secret", "", "HMAC `SECRET`: literal, @FILE, or @- for standard input")
	f.StringVar(&o.key, "key", "", "`FILE` with a PEM private key")
	f.StringVar(&o.alg, "alg", "", "signature `ALGORITHM`, such as HS512 or PS256 (default: what fits the key)")
	f.StringVar(&o.kid, "kid", "", "key `ID` for the header")
	f.StringVar(&o.sub, "sub", "", "`SUBJECT`: who the token is for")
	f.StringSliceVar(&o.aud, "aud", nil, "`AUDIENCE` that the token is meant for; repeatable")
	f.StringVar(&o.iss, "iss", "", "`ISSUER` of the token")
	f.StringArrayVar(&o.claims, "claim", nil, "further claim `NAME=VALUE`, the value is JSON or else text; repeatable")
	f.DurationVar(&o.expires, "expires", 10*time.Minute, "time until the token expires; negative makes one that has")
	f.StringVar(&o.defect, "defect", "", "put in this `FLAW`; the list is above")
	_ = cmd.RegisterFlagCompletionFunc("defect", cobra.FixedCompletions(defectNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("alg", cobra.FixedCompletions(mint.Algorithms, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// noTokenArgs refuses arguments without quoting them: one may be a token.
func noTokenArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if strings.Count(args[0], ".") == 2 {
		return hint(usagef("%s takes no token", cmd.CommandPath()), "to look into one:   rtk token inspect -")
	}
	return hint(usagef("unknown command %q for %q%s", clipText(args[0], 40), cmd.CommandPath(), nearest.Hint(args[0], []string{"inspect", "keygen", "mint"})),
		"see   rtk token --help")
}

func (o *tokenOptions) run(env *Env, expiresGiven bool) error {
	spec, err := o.spec(env)
	if err != nil {
		return err
	}
	claims, err := o.claimSet()
	if err != nil {
		return err
	}
	ttl := o.expires
	if _, ok := claims["exp"]; ok {
		if expiresGiven {
			return usagef("--claim exp and --expires contradict each other: give one")
		}
		ttl = 0
	} else if ttl == 0 {
		return hint(usagef("--expires 0 would expire at once"), "for a token without expiry:   --defect noExpiry")
	}
	defect := mint.Defect(o.defect)
	if !defect.Valid() {
		return usagef("--defect %q: want one of %s%s", clipText(o.defect, 40), strings.Join(defectNames(), ", "), nearest.Hint(o.defect, defectNames()))
	}
	m, err := mint.New(spec)
	if err != nil {
		return usagef("%w", err)
	}
	token, err := m.Mint(claims, defect, ttl, time.Now())
	if err != nil {
		return err
	}
	if n := len(spec.Secret); n > 0 && n < auth.MinSecretBytes {
		fmt.Fprintf(env.Stderr, "rtk: warning: the secret has %d bytes, rtk serve takes no fewer than %d\n", n, auth.MinSecretBytes)
	}
	_, err = fmt.Fprintln(env.Stdout, token)
	return err
}

// spec reads the key that the flags name.
func (o *tokenOptions) spec(env *Env) (mint.Spec, error) {
	spec := mint.Spec{Alg: o.alg, KeyID: o.kid}
	switch {
	case o.jwtSecret != "" && o.key != "":
		return spec, usagef("--jwt-secret and --key contradict each other: give one")
	case o.jwtSecret != "":
		secret, err := readValue(env, o.jwtSecret)
		if err != nil {
			return spec, usagef("--jwt-secret: %w", err)
		}
		if secret == "" {
			return spec, usagef("--jwt-secret: the secret is empty")
		}
		spec.Secret = []byte(secret)
	case o.key != "":
		key, err := readTokenFile(o.key)
		if err != nil {
			return spec, usagef("--key: %w", err)
		}
		spec.Key = key
	default:
		return spec, hint(usagef("a token needs a key to sign it with"),
			"rtk token keygen --out secret; rtk token --jwt-secret @secret --sub ana")
	}
	return spec, nil
}

// readTokenFile reads a key file of at most 64 KiB. A leading @ is let pass,
// since the secret flags want one.
func readTokenFile(name string) ([]byte, error) {
	f, err := os.Open(strings.TrimPrefix(name, "@"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSecretFile {
		return nil, errors.New("larger than 64 KiB, which is no key")
	}
	return data, nil
}

func defectNames() []string {
	var names []string
	for _, d := range mint.Defects() {
		names = append(names, string(d.Defect))
	}
	return names
}

func describeDefects() string {
	var b strings.Builder
	for _, d := range mint.Defects() {
		fmt.Fprintf(&b, "  %-14s %s", d.Defect, d.What)
		if d.Needs != "" {
			fmt.Fprintf(&b, " (needs %s)", d.Needs)
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}
