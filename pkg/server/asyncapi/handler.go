package asyncapi

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
)

// Handler serves a document: as JSON where the path ends in .json, as YAML where
// it ends in .yaml, and as a page to read elsewhere. The servers in it are given
// the host of the request, so that what a reader copies works behind proxies.
func Handler(doc *Document) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this is a document: GET it", http.StatusMethodNotAllowed)
			return
		}
		d := doc
		if plainHost.MatchString(r.Host) {
			d = doc.At(r.Host, r.TLS != nil)
		}
		kind, render := "text/html; charset=utf-8", d.HTML
		switch {
		case strings.HasSuffix(r.URL.Path, ".json"):
			kind, render = "application/vnd.aai.asyncapi+json;version=3.0.0", d.JSON
		case strings.HasSuffix(r.URL.Path, ".yaml"):
			kind, render = "application/vnd.aai.asyncapi+yaml;version=3.0.0", d.YAML
		}
		b, err := render()
		if err != nil {
			http.Error(w, "the document can't be made", http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", "no-store") // it depends on Host
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Referrer-Policy", "no-referrer")
		_, _ = bytes.NewReader(b).WriteTo(w)
	})
}

// plainHost is a host name or address with or without a port.
var plainHost = regexp.MustCompile(`^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$`)
