package auth

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// checkURL refuses plain HTTP to another machine: whoever sits between could
// hand out keys of their own, and with them any identity.
func checkURL(text string, insecure bool) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("auth: the key set URL is not a URL with a host: want https://issuer/path")
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case u.Scheme == "https":
	case u.Scheme != "http":
		return nil, fmt.Errorf("auth: the key set URL has scheme %q: want https", u.Scheme)
	case !loopback && !insecure:
		return nil, fmt.Errorf("auth: the key set of %s comes over plain http, where anyone on the way can replace it: use https", u.Host)
	}
	return u, nil
}

// maxSetBytes bounds the body of a key set; real ones have a few KiB.
const maxSetBytes = 1 << 20

// boundedClient is c, or a client of our own, with a bounded body and without a
// way from https to http.
func boundedClient(c *http.Client) *http.Client {
	client := http.Client{Timeout: jwksTimeout}
	if c != nil {
		client = *c
	}
	if client.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableKeepAlives = true // one fetch in many minutes: nothing to keep open
		client.Transport = t
	}
	client.Transport = boundedBody{client.Transport}
	if client.CheckRedirect == nil {
		client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
			if len(via) >= 3 || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
				return errors.New("redirect refused: more than three, or away from https")
			}
			return nil
		}
	}
	return &client
}

type boundedBody struct{ next http.RoundTripper }

func (b boundedBody) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxSetBytes)
	}
	return res, err
}

// withoutURL is the cause in an error of net/http or net/url, which would
// otherwise quote the whole URL.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errors.New("the key set is larger than 1 MiB")
	}
	return err
}
