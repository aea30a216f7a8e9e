package loadgen

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/mint"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// tokenSource makes the tokens of one cell's clients.
type tokenSource struct {
	ref    *AuthRef
	place  Place
	minter *mint.Minter
	claims []claimTemplate
	raw    Template // a fixed token, which may hold variables
}

// claimTemplate is a claim with variables in it.
type claimTemplate struct {
	name  string
	value Template
}

// newTokenSource returns nil for clients that present no token.
func newTokenSource(ref *AuthRef, place Place) (*tokenSource, error) {
	if ref == nil || ref.Profile == nil || ref.Profile.None {
		return nil, nil
	}
	s := &tokenSource{ref: ref, place: place}
	spec := ref.Profile.JWT
	if spec == nil {
		s.raw = Template{parts: []templatePart{{lit: ref.Profile.Raw}}}
		if strings.Contains(ref.Profile.Raw, "{{") {
			t, err := ParseTemplate(ref.Profile.Raw)
			if err != nil {
				return nil, planError(ref.Pos, "raw: %w", err)
			}
			s.raw = t
		}
		return s, nil
	}
	fixed := make(map[string]any, len(spec.Claims))
	for name, v := range spec.Claims {
		text, ok := v.(string)
		if !ok || !strings.Contains(text, "{{") {
			fixed[name] = v
			continue
		}
		t, err := ParseTemplate(text)
		if err != nil {
			return nil, planError(ref.Pos, "claim %s: %w", name, err)
		}
		s.claims = append(s.claims, claimTemplate{name, t})
	}
	var err error
	s.minter, err = mint.New(mint.Spec{
		Alg: spec.Alg, Secret: []byte(spec.Secret), Key: spec.Key, KeyID: spec.KeyID,
		Claims: fixed, ExpiresIn: spec.ExpiresIn,
	})
	if err != nil {
		return nil, planError(ref.Pos, "%w", err)
	}
	return s, nil
}

// token makes one client's token.
func (s *tokenSource) token(v *TemplateVars, now time.Time) (string, error) {
	if s.minter == nil {
		return string(s.raw.Append(nil, v)), nil
	}
	claims := make(map[string]any, len(s.claims))
	for _, c := range s.claims {
		claims[c.name] = string(c.value.Append(nil, v))
	}
	return s.minter.Mint(claims, s.ref.Defect, s.ref.ExpiresIn, now)
}

// lifetime is how long a token of the source is valid, 0 if unknown.
func (s *tokenSource) lifetime() time.Duration {
	switch {
	case s == nil || s.ref.Profile.JWT == nil:
		return 0
	case s.ref.ExpiresIn > 0:
		return s.ref.ExpiresIn
	}
	return s.ref.Profile.JWT.ExpiresIn
}

// credentials is a token put where it belongs.
type credentials struct {
	header http.Header
	query  [][2]string
	auth   []byte // Socket.IO CONNECT payload
}

func place(token string, where Place, header http.Header) credentials {
	c := credentials{header: header.Clone()}
	if c.header == nil {
		c.header = http.Header{}
	}
	switch kind, name := where.Split(); kind {
	case PlaceHeader:
		c.header.Set("Authorization", "Bearer "+token)
	case PlaceCookie:
		pair := name + "=" + token
		if old := c.header.Get("Cookie"); old != "" {
			pair = old + "; " + pair
		}
		c.header.Set("Cookie", pair)
	case PlaceQuery:
		c.query = [][2]string{{name, token}}
	case PlaceSubprotocol:
		c.header.Set("Sec-WebSocket-Protocol", token)
	default: // auth.NAME
		field := strings.TrimPrefix(string(where), "auth.")
		c.auth, _ = json.Marshal(map[string]string{field: token}) // strings always marshal
	}
	return c
}

// dialRequest is the handshake that a client of the cell makes.
func (c *cellRun) dialRequest(v *TemplateVars, now time.Time) (*rt.DialRequest, error) {
	r := &rt.DialRequest{Target: c.target, Header: c.perClient.header(c.plan.Header, v), LastEventID: c.group.plan.Group.Connect.LastEventID, ReadRate: c.group.plan.Group.ReadRate, Also: c.group.plan.Group.Multiplex}
	r.Target.URL = c.perClient.url(c.target.URL, v)
	if c.tokens == nil {
		return r, nil
	}
	token, err := c.tokens.token(v, now)
	if err != nil {
		return nil, fmt.Errorf("clients %s: %w", c.group.plan.Group.Name, err)
	}
	cred := place(token, c.tokens.place, r.Header)
	r.Header, r.Query, r.Auth = cred.header, cred.query, cred.auth
	return r, nil
}
