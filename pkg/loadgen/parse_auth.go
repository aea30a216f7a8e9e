package loadgen

import (
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// authNone is the name that stands for no token at all.
const authNone = "none"

func (p *parse) authProfile(name string, key, value *node) {
	o := p.object(value, authProfileDef)
	if o == nil {
		return
	}
	if name == authNone {
		p.errorf(key.pos, "an auth profile can't be called none: auth: none means no token")
		return
	}
	a := &AuthProfile{Pos: key.pos, Name: name, Place: p.place(o.get("in"))}
	jwt, raw := o.get("jwt"), o.get("raw")
	given := raw != nil && !(raw.fromEnv && raw.text == "")
	switch {
	case jwt != nil && given && !raw.fromEnv:
		p.hintf(o.keyPos("raw"), "a raw that comes from the environment may stand beside jwt and takes its place when it is set", "an auth profile has jwt or raw, not both")
	case jwt != nil && !given:
		a.JWT = p.jwt(jwt)
	case raw != nil:
		a.Raw, _ = p.text(raw, "raw")
		p.perClient(raw, a.Raw, "a token", true)
		if !strings.Contains(a.Raw, "{{") {
			p.addSecret(a.Raw)
		}
	case !o.has("jwt") && !o.has("raw"):
		p.errorf(key.pos, "auth profile %q needs jwt or raw", name)
	}
	p.sc.Auth[name] = a
}

func (p *parse) jwt(n *node) *JWTSpec {
	o := p.object(n, jwtDef)
	if o == nil {
		return nil
	}
	j := &JWTSpec{
		Alg:       o.enum("alg", algWords),
		KeyID:     o.str("keyId"),
		ExpiresIn: o.duration("expiresIn", defaultTokenLife),
	}
	p.signingKey(j, o)
	if c := o.get("claims"); c != nil {
		if c.kind != mappingNode {
			p.errorf(c.pos, "claims is a mapping, not %s", c.describe())
		} else {
			j.Claims = p.claims(c)
		}
	}
	return j
}

// signingKey reads secret and key, of which the algorithm takes one. The other
// may be there if it comes from the environment, so that one file serves
// servers with either kind.
func (p *parse) signingKey(j *JWTSpec, o *object) {
	secret, key := o.get("secret"), o.get("key")
	hmac := strings.HasPrefix(j.Alg, "HS")
	needs, has, other, otherKey := secret, "secret", key, "key"
	if !hmac {
		needs, has, other, otherKey = key, "key", secret, "secret"
	}
	given := func(n *node) bool { return n != nil && n.text != "" }
	switch {
	case j.Alg == "" || needs != nil && needs.bad:
	case !given(needs) && needs != nil && needs.fromEnv:
		p.hintf(needs.pos, "set the environment variable that it comes from", "%s needs a %s, and this one is empty", j.Alg, has)
	case !given(needs):
		p.errorf(o.keyPos(has), "%s needs a %s", j.Alg, has)
	case given(other) && !other.fromEnv:
		p.errorf(o.keyPos(otherKey), "%s takes a %s, no %s", j.Alg, has, otherKey)
	}
	if secret != nil {
		s, _ := p.text(secret, "secret")
		p.addSecret(s)
		if hmac {
			j.Secret = s
		}
	}
	if key == nil || hmac {
		return
	}
	switch s, _ := p.text(key, "key"); {
	case strings.Contains(s, "-----BEGIN"):
		j.Key = []byte(s)
		p.addSecret(s)
	default:
		j.KeyFile, j.keyPos = s, key.pos
	}
}

// claims reads the claims of a token. Variables are rendered in texts of the
// top level, so elsewhere they would reach the server as they stand.
func (p *parse) claims(n *node) map[string]any {
	for _, e := range n.entries {
		if f := e.value.find("{{"); f != nil && f != e.value {
			p.errorf(f.pos, "variables are for texts directly below claims")
		}
	}
	v, _ := p.goValue(n, p.checkClaim).(map[string]any)
	return v
}

// checkClaim allows the variables that have a value before anything is sent.
func (p *parse) checkClaim(n *node) {
	if !strings.Contains(n.text, "{{") {
		return
	}
	t, err := ParseTemplate(n.text)
	if err != nil {
		p.errorf(n.pos, "%v", err)
		return
	}
	for _, part := range t.parts {
		if part.v != nil && part.v.perSend {
			p.errorf(n.pos, "{{%s}} has no value in a token: it belongs to a message", part.v.name)
		}
	}
	p.noteTemplate(n, t, false)
}

var placeWords = []string{string(PlaceAuthToken), string(PlaceHeader), string(PlaceSubprotocol), "cookie.NAME", "query.NAME"}

// place reads where a token goes.
func (p *parse) place(n *node) Place {
	if n == nil {
		return ""
	}
	s, ok := p.text(n, "place")
	if !ok {
		return ""
	}
	place := Place(s)
	switch kind, name := place.Split(); kind {
	case PlaceAuthToken, PlaceHeader, PlaceSubprotocol:
		return place
	case PlaceCookie, PlaceQuery:
		if isHTTPToken(name) {
			return place
		}
	}
	p.hintf(n.pos, didYouMean(s, placeWords), "unknown place %s", n.describe())
	return ""
}

// placeFits tells whether tokens can travel there with a protocol.
func placeFits(place Place, proto rt.Protocol) bool {
	switch kind, _ := place.Split(); kind {
	case PlaceAuthToken:
		return proto == rt.SocketIO
	case PlaceSubprotocol:
		return proto == rt.WebSocket || proto == rt.SocketIO
	}
	return true
}

// authRef reads NAME, none, {use: NAME, …} or {raw: TEXT}.
func (p *parse) authRef(n *node) *AuthRef {
	if n == nil {
		return nil
	}
	ref := &AuthRef{Pos: n.pos}
	if n.kind == scalarNode {
		ref.Profile = p.profile(n)
		return ref
	}
	o := p.object(n, authRefDef)
	if o == nil {
		return ref
	}
	use, raw := o.get("use"), o.get("raw")
	switch {
	case use != nil && raw != nil:
		p.errorf(o.keyPos("raw"), "auth has use or raw, not both")
	case use != nil:
		ref.Profile = p.profile(use)
	case raw != nil:
		s, _ := p.text(raw, "raw")
		p.perClient(raw, s, "a token", true)
		ref.Profile = &AuthProfile{Pos: raw.pos, Raw: s}
	case !o.has("use") && !o.has("raw"):
		p.errorf(n.pos, "auth needs use or raw")
	}
	ref.Defect = Defect(o.enum("defect", defectWords))
	ref.ExpiresIn = o.duration("expiresIn", 0)
	ref.Place = p.place(o.get("in"))
	if minted := ref.Profile != nil && ref.Profile.JWT != nil; !minted && p.sound() {
		for _, key := range []string{"defect", "expiresIn"} {
			if o.has(key) {
				p.errorf(o.keyPos(key), "%s changes a minted token, so it needs a profile with jwt", key)
			}
		}
	}
	if ref.Defect == DefectExpired && o.has("expiresIn") {
		p.errorf(o.keyPos("expiresIn"), "a token with the defect expired has no lifetime to set")
	}
	return ref
}

// sound tells that nothing was wrong so far, so that a missing part is the
// file's and not the consequence of an error that was reported.
func (p *parse) sound() bool { return len(p.diags) == 0 }

func (p *parse) profile(n *node) *AuthProfile {
	s, ok := p.text(n, "auth")
	if !ok || s == authNone {
		return nil
	}
	a, ok := p.sc.Auth[s]
	if !ok {
		known := []string{authNone}
		for name := range p.sc.Auth {
			known = append(known, name)
		}
		p.hintf(n.pos, didYouMean(s, sorted(known)), "unknown auth profile %s", n.describe())
		// A profile of that name, so that one error does not cause more.
		a = &AuthProfile{Pos: n.pos, Name: s, JWT: &JWTSpec{}}
	}
	return a
}
