package loadgen

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const (
	maxFaults          = 1000
	defaultExecTimeout = 30 * time.Second
	maxCommand         = 8 << 10
)

// faultKinds are the keys that say what a fault is, and the keys that belong to
// each.
var faultKinds = []struct {
	key  string
	keys []string
}{
	{"do", []string{"clients", "share", "how"}},
	{"proxy", nil},
	{"exec", []string{"undo", "timeout"}},
	{"kill", []string{"signal", "restart"}},
}

func (p *parse) faults(n *node) {
	if n == nil {
		return
	}
	items := p.items(n, "faults")
	if len(items) > maxFaults {
		p.errorf(n.pos, "more than %d faults", maxFaults)
		return
	}
	for _, item := range items {
		if f := p.fault(item); f != nil {
			p.sc.Faults = append(p.sc.Faults, f)
		}
	}
	for _, f := range p.sc.Faults {
		p.nameFault(f)
	}
}

// nameFault gives a fault without a name that of its kind.
func (p *parse) nameFault(f *Fault) {
	if f.Name != "" {
		return
	}
	for i := 1; ; i++ {
		if f.Name = f.kind(); i > 1 {
			f.Name = fmt.Sprintf("%s-%d", f.kind(), i)
		}
		if !slices.ContainsFunc(p.sc.Faults, func(o *Fault) bool { return o != f && o.Name == f.Name }) {
			return
		}
	}
}

// kind is the key that says what the fault is.
func (f *Fault) kind() string {
	switch {
	case f.Drop != nil:
		return "dropConnections"
	case f.Proxy != nil:
		return "proxy"
	case f.Exec != nil:
		return "exec"
	}
	return "kill"
}

// fault reads one fault. It is nil when it can't be told what it is.
func (p *parse) fault(n *node) *Fault {
	o := p.object(n, faultDef)
	if o == nil {
		return nil
	}
	f := &Fault{
		Pos: n.pos, Name: o.str("name"), At: o.duration("at", 0), In: o.str("in"),
		Every: o.duration("every", 0), Times: int(o.integer("times", 0, 1, maxCount)), For: o.duration("for", 0),
	}
	switch {
	case f.Name == "":
	case !validName(f.Name):
		p.hintf(o.get("name").pos, "letters, digits, and - _ . after the first", "%q is no name for a fault", clip(printable(f.Name), 40))
	case slices.ContainsFunc(p.sc.Faults, func(x *Fault) bool { return x.Name == f.Name }):
		p.hintf(o.get("name").pos, "one fault may happen several times: every, times", "two faults are called %q", f.Name)
	}
	kind := ""
	for _, k := range faultKinds {
		switch {
		case !o.has(k.key):
			for _, key := range k.keys {
				if o.has(key) {
					p.errorf(o.keyPos(key), "%s belongs to a fault with %s", key, k.key)
				}
			}
		case kind != "":
			p.errorf(o.keyPos(k.key), "a fault has %s or %s, not both", kind, k.key)
			return nil
		default:
			kind = k.key
		}
	}
	// All of them are read, also where the kind does not fit.
	p.dropFault(f, o)
	p.proxyFault(f, o)
	p.execFault(f, o)
	p.killFault(f, o)
	if kind == "" {
		p.hintf(n.pos, "do: dropConnections, proxy, exec or kill", "the fault does not say what happens")
		return nil
	}
	p.faultTime(f, o)
	if reason := o.skipped(); reason != "" {
		p.skips[f] = reason
	}
	return f
}

// faultTime checks when a fault happens.
func (p *parse) faultTime(f *Fault, o *object) {
	switch {
	case !o.has("at") && !o.has("in"):
		p.hintf(o.n.pos, "at: 30s after the start, or in: PHASE", "the fault does not say when it happens")
	case f.In != "":
		from, to, ok := p.sc.PhaseSpan(f.In)
		switch names := p.phaseNames(); {
		case !ok && len(names) == 0:
			p.hintf(o.keyPos("in"), "give the scenario phases, or write at: 30s", "there is no phase %q", f.In)
		case !ok:
			p.hintf(o.keyPos("in"), didYouMean(f.In, names), "there is no phase %q", f.In)
		case f.At >= to-from:
			p.errorf(o.keyPos("at"), "never happens: phase %q lasts %s", f.In, to-from)
		}
	}
	switch {
	case f.Times > 0 && !o.has("every"):
		p.hintf(o.keyPos("times"), "add every: 20s", "times needs every")
	case f.Every > 0 && f.For >= f.Every:
		p.errorf(o.keyPos("every"), "it would happen again while it still lasts (for %s)", f.For)
	}
}

func (p *parse) phaseNames() []string {
	var out []string
	for i := range p.sc.Phases {
		out = append(out, p.sc.Phases[i].Name)
	}
	return out
}

func (p *parse) dropFault(f *Fault, o *object) {
	o.enum("do", doWords)
	d := &DropFault{Clients: p.groupName(o.get("clients")), Share: o.share("share", 1)}
	if d.Share == 0 {
		p.hintf(o.keyPos("share"), "write for example 25%", "a share of nothing hits nobody")
	}
	how := o.enum("how", howWords)
	d.How = rt.BreakHow(max(slices.Index(howWords, how), 0))
	if !o.has("do") {
		return
	}
	f.Drop = d
	if d.How == rt.BreakBlackhole && !o.has("for") {
		p.hintf(o.keyPos("how"), "add for: 10s", "a blackhole needs for, after which the connections are reset")
	}
	if g := p.groups[d.Clients]; g != nil && g.protocol() == rt.HTTP {
		p.errorf(o.keyPos("clients"), "group %q sends plain requests, it has no connections to drop", g.Name)
	}
}

func (p *parse) proxyFault(f *Fault, o *object) {
	n := o.get("proxy")
	if n == nil {
		return
	}
	x := p.object(n, proxyFaultDef)
	f.Proxy = &ProxyFault{pos: n.pos}
	if x == nil {
		return
	}
	f.Proxy.name, f.Proxy.Targets = p.faultTargets(x.get("target"))
	if d := x.duration("for", 0); d > 0 {
		if f.For > 0 {
			p.errorf(x.keyPos("for"), "for stands twice")
		}
		f.For = d
	}
	f.Proxy.Toxics = Toxics{
		Latency: x.duration("latency", 0), Jitter: x.duration("jitter", 0), Bandwidth: x.size("bandwidth", "/s"),
		Blackhole: Way(x.enum("blackhole", wayWords)), HalfOpen: Side(x.enum("halfOpen", sideWords)), Refuse: x.boolean("refuse"),
		ResetAfter: x.size("resetAfter", ""), SlowClose: x.duration("slowClose", 0),
	}
	switch t := f.Proxy.Toxics; {
	case t == Toxics{} && !slices.ContainsFunc(n.entries, func(e entry) bool { return e.key.text != "target" && e.key.text != "for" }):
		p.hintf(n.pos, "latency, bandwidth, blackhole, halfOpen, refuse, resetAfter or slowClose", "the proxy disturbs nothing")
	case t.Jitter > t.Latency:
		p.errorf(x.keyPos("jitter"), "jitter is at most latency, which is %s", t.Latency)
	}
}

// size reads a number of bytes, with per behind the unit.
func (o *object) size(key, per string) int64 {
	n := o.get(key)
	if n == nil {
		return 0
	}
	s, ok := o.p.text(n, key)
	if !ok {
		return 0
	}
	example := "64KiB" + per
	number, fits := strings.CutSuffix(strings.ReplaceAll(s, " ", ""), per)
	v, ok := parseBytes(number)
	if !ok || !fits || v < 1 || v > math.MaxInt64/2 {
		o.p.hintf(n.pos, "write for example "+example, "%s: %s: want a number of bytes with its unit", key, n.describe())
		return 0
	}
	return int64(v)
}

// faultTargets resolves the name of a target. Gateways that rtk starts are
// known only later, by the names pod-0, pod-1 and so on.
func (p *parse) faultTargets(n *node) (string, []*Target) {
	if n == nil {
		return "", nil
	}
	name, ok := p.text(n, "target")
	if !ok {
		return "", nil
	}
	found := p.targets[name]
	if name == "each" {
		found = p.sc.Targets
	}
	if found == nil && !isPodName(name) {
		p.hintf(n.pos, didYouMean(name, p.targetNames()), "unknown target %s", n.describe())
	}
	return name, found
}

// isPodName tells whether a gateway that rtk starts may have that name.
func isPodName(name string) bool {
	digits, ok := strings.CutPrefix(name, "pod-")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

func (p *parse) execFault(f *Fault, o *object) {
	x := &ExecFault{Command: o.str("exec"), Undo: o.str("undo"), Timeout: o.duration("timeout", defaultExecTimeout), Dir: filepath.Dir(o.n.pos.File)}
	if !o.has("exec") {
		return
	}
	f.Exec = x
	for key, command := range map[string]string{"exec": x.Command, "undo": x.Undo} {
		if o.has(key) && strings.TrimSpace(command) == "" || len(command) > maxCommand || strings.ContainsRune(command, 0) {
			p.errorf(o.keyPos(key), "%s is a command of the shell of at most %d bytes", key, maxCommand)
		}
	}
}

func (p *parse) killFault(f *Fault, o *object) {
	n := o.get("kill")
	k := &KillFault{Signal: o.enum("signal", signalWords), Restart: o.boolean("restart")}
	if k.Signal == "" {
		k.Signal = signalWords[0]
	}
	if n == nil {
		return
	}
	f.Kill, k.pos = k, n.pos
	switch {
	case n.kind == mappingNode:
		if x := p.object(n, killFaultDef); x != nil {
			k.PID = int(x.integer("pid", 0, 2, 1<<22))
		}
	case n.text == "redis" && p.targets["redis"] == nil:
		k.Redis = true
	default:
		k.name, k.Targets = p.faultTargets(n)
	}
	switch {
	case k.Restart && k.Signal == "STOP":
		p.errorf(o.keyPos("restart"), "a stopped process goes on after for, it is not started again")
	case k.Restart && k.PID != 0:
		p.hintf(o.keyPos("restart"), "use exec for what rtk did not start", "a process given by its pid can't be started again")
	}
}
