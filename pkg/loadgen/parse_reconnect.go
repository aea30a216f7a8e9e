package loadgen

import (
	"strconv"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// reconnectKeys says which policies have a use for a key.
var reconnectKeys = map[string][]ReconnectPolicy{
	"initialDelay": {ReconnectSocketIO},
	"maxDelay":     {ReconnectSocketIO},
	"jitter":       {ReconnectSocketIO},
	"delay":        {ReconnectFixed, ReconnectEventSource},
	"honourRetry":  {ReconnectEventSource},
}

// reconnect reads a group's reconnect: a policy, or a policy with its settings.
func (p *parse) reconnect(n *node, proto rt.Protocol) *Reconnect {
	if n == nil {
		return nil
	}
	if n.kind == scalarNode {
		word := p.enum(n, "reconnect policy", reconnectWords)
		return p.checkReconnect(n, nil, defaultReconnect(n.pos, word, proto), proto)
	}
	o := p.object(n, reconnectDef)
	if o == nil {
		return nil
	}
	r := defaultReconnect(n.pos, o.enum("policy", reconnectWords), proto)
	// Every key is read, also of a policy that is wrong, so that all errors
	// show at once.
	initial, most, jitter := o.duration("initialDelay", defaultInitialDelay), o.duration("maxDelay", defaultMaxDelay), o.share("jitter", defaultJitter)
	delay, honour, last := o.duration("delay", 0), o.boolean("honourRetry"), o.boolean("lastEventId")
	state, attempts, settle := o.boolean("recoverState"), o.integer("maxAttempts", 0, 1, 1e6), o.duration("settle", defaultComeback)
	if r == nil {
		return nil
	}
	r.InitialDelay, r.MaxDelay, r.Jitter = initial, most, jitter
	if delay > 0 {
		r.Delay = delay
	}
	for _, x := range []struct {
		key   string
		value bool
		to    *bool
	}{{"honourRetry", honour, &r.HonourRetry}, {"lastEventId", last, &r.LastEventID}, {"recoverState", state, &r.RecoverState}} {
		if o.has(x.key) {
			*x.to = x.value
		}
	}
	r.MaxAttempts, r.Settle = int(attempts), settle
	return p.checkReconnect(n, o, r, proto)
}

// defaultReconnect is a policy with what its client does when nothing is said,
// nil for none.
func defaultReconnect(pos Pos, word string, proto rt.Protocol) *Reconnect {
	if word == "" || word == "none" {
		return nil
	}
	r := &Reconnect{
		Pos: pos, Policy: ReconnectPolicy(word), Settle: defaultComeback,
		InitialDelay: defaultInitialDelay, MaxDelay: defaultMaxDelay, Jitter: defaultJitter,
	}
	switch r.Policy {
	case ReconnectSocketIO:
		r.RecoverState = proto == rt.SocketIO
	case ReconnectEventSource:
		r.Delay, r.HonourRetry, r.LastEventID = defaultRetry, true, true
	}
	return r
}

// checkReconnect reports settings that the policy or the protocol has no use
// for.
func (p *parse) checkReconnect(n *node, o *object, r *Reconnect, proto rt.Protocol) *Reconnect {
	if r == nil {
		return nil
	}
	wrong := func(key, why string) { p.errorf(o.keyPos(key), "%s has no meaning for %s", key, why) }
	for _, k := range reconnectDef.keys {
		policies := reconnectKeys[k.name]
		if policies == nil || !o.has(k.name) {
			continue
		}
		fits := false
		for _, policy := range policies {
			fits = fits || policy == r.Policy
		}
		if !fits {
			wrong(k.name, "the policy "+string(r.Policy))
		}
	}
	if proto != "" {
		switch {
		case proto == rt.HTTP:
			p.errorf(n.pos, "reconnect has no meaning for http targets, which hold no connection")
		case o.has("recoverState") && proto != rt.SocketIO:
			wrong("recoverState", string(proto)+" targets")
		case o.has("lastEventId") && proto != rt.SSE:
			wrong("lastEventId", string(proto)+" targets")
		}
	}
	if r.Policy == ReconnectFixed && r.Delay == 0 {
		p.hintf(n.pos, "write { policy: fixed, delay: 1s }", "the policy fixed needs a delay")
	}
	if r.MaxDelay < r.InitialDelay && o.has("initialDelay") && o.has("maxDelay") {
		p.errorf(o.keyPos("maxDelay"), "maxDelay is shorter than initialDelay")
	}
	return r
}

// share reads a number from 0 to 1, also as a percentage.
func (o *object) share(key string, def float64) float64 {
	n := o.get(key)
	if n == nil {
		return def
	}
	s, ok := o.p.text(n, key)
	if !ok {
		return def
	}
	v, isShare := parsePercent(s)
	if !isShare {
		var err error
		v, err = strconv.ParseFloat(s, 64)
		isShare = err == nil
	}
	if !isShare || !(v >= 0 && v <= 1) {
		o.p.hintf(n.pos, "write 0.5 or 50%", "%s is a share from 0 to 1, not %s", key, n.describe())
		return def
	}
	return v
}
