package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/cobra"
	"github.com/tidwall/gjson"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/policy"
)

const inspectLong = `Show the header and the claims of a token.

Without a key the token is not verified: anyone may have written it. With
--jwt-secret, --jwt-key or --jwks it is checked by the rules of rtk serve, and
the exit code is 0 when it is accepted and 99 when it is refused.`

// inspectOptions are the flags of rtk token inspect. The key flags are those of
// rtk serve, so that one environment sets up both.
type inspectOptions struct {
	secret, key, jwks string
	audience, issuer  []string
	policy            string
	output            string
}

// newTokenInspectCmd is rtk token inspect.
func newTokenInspectCmd(env *Env) *cobra.Command {
	o := &inspectOptions{}
	cmd := &cobra.Command{
		Use:   "inspect TOKEN|@FILE|-",
		Short: "Show what a token says, and whether it is good",
		Long:  inspectLong,
		Example: `  rtk token inspect "$TOKEN"
  pbpaste | rtk token inspect --jwt-secret @secret -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return hint(usagef("inspect wants one token, got %d", len(args)), "rtk token inspect -   reads it from standard input")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := bindFlags(env, cmd); err != nil {
				return err
			}
			return o.run(cmd.Context(), env, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.secret, "jwt-secret", "", "verify with this HMAC `SECRET`: literal or @FILE")
	f.StringVar(&o.key, "jwt-key", "", "verify with the PEM public keys in `FILE`")
	f.StringVar(&o.jwks, "jwks", "", "verify with the key set at `URL`")
	f.StringSliceVar(&o.audience, "jwt-audience", nil, "an audience that the token must name one of")
	f.StringSliceVar(&o.issuer, "jwt-issuer", nil, "an issuer that the token must come from one of")
	f.StringVar(&o.policy, "policy", "", "show what the token may do by the rules in `FILE`")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	return cmd
}

func (o *inspectOptions) run(ctx context.Context, env *Env, arg string) error {
	if o.output != "text" && o.output != "json" {
		return usagef("--output %q: want text or json", o.output)
	}
	if arg == "-" {
		arg = "@-"
	}
	token, err := readValue(env, arg)
	if err != nil {
		return usagef("token: %w", err)
	}
	token = strings.TrimSpace(token)
	header, claims, err := decodeToken(token)
	if err != nil {
		return err
	}
	verified, refusal, err := o.verify(ctx, env, token)
	if err != nil {
		return err
	}
	grants, err := o.grants(claims)
	if err != nil {
		return err
	}
	if o.output == "json" {
		err = writeTokenJSON(env.Stdout, header, claims, verified, refusal, grants)
	} else {
		err = writeTokenText(env.Stdout, header, claims, time.Now())
		if err == nil {
			err = writeGrants(env.Stdout, grants)
		}
	}
	if err != nil {
		return err
	}
	switch {
	case refusal != nil:
		fmt.Fprintf(env.Stderr, "rtk: REFUSED: %s: %v\n", refusal.Code, refusal)
		return &exitError{code: exitVerdict}
	case verified:
		fmt.Fprintln(env.Stderr, "rtk: VERIFIED")
	default:
		fmt.Fprintln(env.Stderr, "rtk: NOT VERIFIED: without a key anyone may have written this")
	}
	return nil
}

// decodeToken is the JSON of header and claims. It checks nothing else, and its
// errors hold nothing of the token.
func decodeToken(token string) (header, claims string, err error) {
	parts := strings.Split(token, ".")
	switch len(parts) {
	case 3:
	case 5:
		return "", "", usagef("this is an encrypted token (JWE); its claims can't be read without the recipient's key")
	default:
		return "", "", hint(usagef("not a JWT: %d parts between dots, want 3", len(parts)), "is it complete, and without \"Bearer \" in front?")
	}
	var text [2]string
	parser := jwt.NewParser()
	for i, name := range []string{"header", "claims"} {
		raw, err := parser.DecodeSegment(parts[i])
		if err != nil {
			return "", "", usagef("not a JWT: the %s part is not base64url", name)
		}
		if text[i] = string(raw); !gjson.Valid(text[i]) || !gjson.Parse(text[i]).IsObject() {
			return "", "", usagef("not a JWT: the %s part is not a JSON object", name)
		}
	}
	return text[0], text[1], nil
}

// verify checks the token if the flags name a key. refusal is the answer no.
func (o *inspectOptions) verify(ctx context.Context, env *Env, token string) (verified bool, refusal *auth.Error, err error) {
	options := auth.Options{JWKSURL: o.jwks, Audience: o.audience, Issuer: o.issuer}
	if o.secret != "" {
		secret, err := readValue(env, o.secret)
		if err != nil {
			return false, nil, usagef("--jwt-secret: %w", err)
		}
		options.Secret = []byte(secret)
	}
	if o.key != "" {
		if options.Keys, err = readTokenFile(o.key); err != nil {
			return false, nil, usagef("--jwt-key: %w", err)
		}
	}
	if options.Secret == nil && options.Keys == nil && options.JWKSURL == "" {
		if len(o.audience)+len(o.issuer) > 0 {
			return false, nil, usagef("--jwt-audience and --jwt-issuer do nothing without a key")
		}
		return false, nil, nil
	}
	v, err := auth.New(options)
	if err != nil {
		return false, nil, usagef("key: %s", strings.TrimPrefix(err.Error(), "auth: "))
	}
	defer v.Close()
	_, err = v.Verify(ctx, token)
	if refusal, ok := errors.AsType[*auth.Error](err); ok {
		return false, refusal, nil
	}
	return err == nil, nil, err
}

func writeTokenJSON(w io.Writer, header, claims string, verified bool, refusal *auth.Error, grants []policy.Grant) error {
	code := "null"
	if refusal != nil {
		code = `"` + refusal.Code + `"`
	}
	_, err := fmt.Fprintf(w, `{"header":%s,"claims":%s,"verified":%t,"refused":%s%s}`+"\n",
		strings.TrimSpace(header), strings.TrimSpace(claims), verified, code, grantsJSON(grants))
	return err
}

func writeTokenText(w io.Writer, header, claims string, now time.Time) error {
	var b strings.Builder
	for _, part := range []struct{ title, json string }{{"header", header}, {"claims", claims}} {
		b.WriteString(part.title + "\n")
		gjson.Parse(part.json).ForEach(func(name, value gjson.Result) bool {
			fmt.Fprintf(&b, "  %-8s %s%s\n", printable(name.String()), printable(value.Raw), humanDate(name.String(), value, now))
			return true
		})
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// humanDate explains the claims that are dates (RFC 7519, section 4.1, and
// OpenID Connect).
func humanDate(name string, value gjson.Result, now time.Time) string {
	switch name {
	case "exp", "nbf", "iat", "auth_time", "updated_at":
	default:
		return ""
	}
	if value.Type != gjson.Number || value.Num < 0 || value.Num > 253402300799 { // the year 9999
		return ""
	}
	at := time.Unix(int64(value.Num), 0).UTC()
	relative := "in " + at.Sub(now).Round(time.Second).String()
	if !at.After(now) {
		relative = now.Sub(at).Round(time.Second).String() + " ago"
	}
	return "  (" + at.Format(time.RFC3339) + ", " + relative + ")"
}

// printable keeps a token from driving the terminal: what is no ordinary
// character is shown as an escape.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
