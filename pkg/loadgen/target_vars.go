package loadgen

import (
	"net/http"
	"net/url"
	"strings"
)

// targetVars is what of a cell's target and headers holds variables. Its zero
// value is the same for all clients.
type targetVars struct {
	headers     []headerVar
	path, query Template
}

type headerVar struct {
	name  string
	value Template
}

func newTargetVars(t *Target, header http.Header) (targetVars, error) {
	var out targetVars
	for name, values := range header {
		for _, v := range values {
			if !strings.Contains(v, "{{") {
				continue
			}
			tpl, err := ParseTemplate(v)
			if err != nil {
				return out, planError(t.Pos, "header %s: %w", name, err)
			}
			out.headers = append(out.headers, headerVar{name, tpl})
		}
	}
	if t.URL == nil {
		return out, nil
	}
	for _, part := range []struct {
		text string
		into *Template
	}{{t.URL.Path, &out.path}, {t.URL.RawQuery, &out.query}} {
		if !strings.Contains(part.text, "{{") {
			continue
		}
		tpl, err := ParseTemplate(part.text)
		if err != nil {
			return out, planError(t.Pos, "url: %w", err)
		}
		*part.into = tpl
	}
	return out, nil
}

// header is the cell's header for one client. h is not changed.
func (t *targetVars) header(h http.Header, v *TemplateVars) http.Header {
	if len(t.headers) == 0 {
		return h
	}
	h = h.Clone()
	for _, x := range t.headers {
		// A value from a file can't add a header of its own.
		h.Set(x.name, strings.Map(func(r rune) rune {
			if r < 0x20 && r != '\t' || r == 0x7f {
				return -1
			}
			return r
		}, string(x.value.Append(nil, v))))
	}
	return h
}

// url is the target's URL for one client. u is not changed.
func (t *targetVars) url(u *url.URL, v *TemplateVars) *url.URL {
	if t.path.parts == nil && t.query.parts == nil {
		return u
	}
	out := *u
	if t.path.parts != nil {
		out.Path, out.RawPath = string(t.path.Append(nil, v)), string(t.path.appendEscaped(nil, v, url.PathEscape))
	}
	if t.query.parts != nil {
		out.RawQuery = string(t.query.appendEscaped(nil, v, escapeURL))
	}
	return &out
}
