package peers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// header carries the signature of a request between pods:
//
//	1 UNIX-MILLISECONDS CLIENT-ADDRESS BASE64URL(HMAC-SHA-256)
const header = "Rtk-Hop"

// maxSkew is how far the clocks of two pods may be apart.
const maxSkew = 30 * time.Second

// ErrHop means that a request claims to come from another pod and does not.
var ErrHop = errors.New("not signed by a pod of this cluster")

// sign signs what the peer must be able to rely on.
func (p *Peers) sign(method, uri, client string, now time.Time) string {
	at := strconv.FormatInt(now.UnixMilli(), 10)
	return strings.Join([]string{"1", at, client, p.mac(method, uri, client, at)}, " ")
}

func (p *Peers) mac(method, uri, client, at string) string {
	m := hmac.New(sha256.New, p.key)
	for _, part := range [...]string{method, uri, client, at} {
		_, _ = m.Write([]byte(strconv.Itoa(len(part))))
		_, _ = m.Write([]byte{' '})
		_, _ = m.Write([]byte(part))
	}
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Accept reports whether a request comes from another pod, and with which
// client's address. It takes the mark off the request. The error is ErrHop for a
// mark that no pod made, or made too long ago.
func (p *Peers) Accept(r *http.Request) (client string, hop bool, err error) {
	marks := r.Header[header]
	if len(marks) == 0 {
		return "", false, nil
	}
	r.Header.Del(header)
	parts := strings.Split(marks[0], " ")
	if len(marks) != 1 || len(parts) != 4 || parts[0] != "1" {
		return "", true, ErrHop
	}
	ms, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || time.Since(time.UnixMilli(ms)).Abs() > maxSkew {
		return "", true, ErrHop
	}
	if !hmac.Equal([]byte(p.mac(r.Method, r.URL.RequestURI(), parts[2], parts[1])), []byte(parts[3])) {
		return "", true, ErrHop
	}
	return parts[2], true, nil
}
