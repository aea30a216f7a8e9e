package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Defaults of Options.
const (
	DefaultTimeout     = 2 * time.Second
	DefaultDeadline    = 5 * time.Second
	DefaultConcurrency = 64
	DefaultQueue       = 1024
	DefaultRetries     = 2
	DefaultMaxResponse = 1 << 20
)

// Options of New; only URL is required. 0 in a field means its default, negative
// none where the field says so.
type Options struct {
	// URL of the endpoint, http or https. It never shows in an error or a log.
	URL string
	// Secret signs requests: text, or "whsec_" and base64. Empty: no signature.
	Secret string
	// Timeout is for one try, Deadline for the call with all its tries and the
	// wait for a place.
	Timeout, Deadline time.Duration
	// Concurrency is how many tries may be under way, Queue how many calls may
	// wait for that; negative: none may.
	Concurrency, Queue int
	// Retries is how many tries may follow the first; negative: none.
	Retries int
	// MaxResponse bounds the body of a response in bytes.
	MaxResponse int
	// Transport sends the requests; nil makes one of its own.
	Transport http.RoundTripper
}

// ErrOptions is returned for options that can't work.
var ErrOptions = errors.New("webhook options")

func (o Options) withDefaults() (Options, error) {
	for _, d := range []struct {
		at   *time.Duration
		name string
		def  time.Duration
	}{{&o.Timeout, "timeout", DefaultTimeout}, {&o.Deadline, "deadline", max(DefaultDeadline, o.Timeout)}} {
		if *d.at == 0 {
			*d.at = d.def
		}
		if *d.at < time.Millisecond {
			return o, fmt.Errorf("%w: %s %v: at least 1ms", ErrOptions, d.name, *d.at)
		}
	}
	if o.Deadline < o.Timeout {
		return o, fmt.Errorf("%w: deadline %v is shorter than timeout %v", ErrOptions, o.Deadline, o.Timeout)
	}
	for _, n := range []struct {
		at   *int
		name string
		def  int
		none bool
	}{
		{&o.Concurrency, "concurrency", DefaultConcurrency, false},
		{&o.Queue, "queue", DefaultQueue, true},
		{&o.Retries, "retries", DefaultRetries, true},
		{&o.MaxResponse, "max-response", DefaultMaxResponse, false},
	} {
		if *n.at == 0 {
			*n.at = n.def
		}
		if *n.at < 0 && !n.none {
			return o, fmt.Errorf("%w: %s %d: must be positive", ErrOptions, n.name, *n.at)
		}
		*n.at = max(*n.at, 0)
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return o, fmt.Errorf("%w: url: want http://host/path or https://host/path", ErrOptions)
	}
	return o, nil
}

// signingKey returns the key of a secret, nil for none.
func signingKey(secret string) ([]byte, error) {
	text, encoded := strings.CutPrefix(secret, "whsec_")
	if !encoded {
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) == 0 {
		return nil, fmt.Errorf("%w: secret: what follows whsec_ is not base64", ErrOptions)
	}
	return key, nil
}
