package loadgen

import (
	"regexp"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// probe watches a connection whose handshake is being judged. Its fields are
// guarded by the client's mu.
type probe struct {
	events     int
	firstEvent string
	// served is the first event that a refused client must not get: any after
	// the refusal, or one before it that does not announce it.
	served  string
	serves  int
	refused bool // the refusal is known
	gone    bool // the server said goodbye, or the transport ended
	goneAt  time.Duration
	by      rt.CloseBy
	reason  string
	shut    bool          // the transport ended
	signal  chan struct{} // holds one token when something has changed
}

// announcesRefusal matches the names of events by which servers say why they
// will disconnect.
var announcesRefusal = regexp.MustCompile(`(?i)err|exception|auth|forbid|deni|reject|refus|disconnect|invalid|expire|clos|logout|bye`)

func newProbe() *probe { return &probe{signal: make(chan struct{}, 1)} }

func (p *probe) event(name string, _ time.Duration) {
	if p.events++; p.events == 1 {
		p.firstEvent = name
	}
	if p.refused || p.gone || !announcesRefusal.MatchString(name) {
		if p.serves++; p.serves == 1 {
			p.served = name
		}
	}
	p.notify()
}

func (p *probe) disconnected(i rt.CloseInfo, at time.Duration) {
	if !p.gone {
		p.gone, p.goneAt, p.by, p.reason = true, at, i.By, endReason(i)
	}
	p.notify()
}

func (p *probe) closed(time.Duration) {
	p.shut = true
	p.notify()
}

func (p *probe) notify() {
	select {
	case p.signal <- struct{}{}:
	default:
	}
}

func (c *client) haltedEarly() bool {
	select {
	case <-c.eng.halted:
		return true
	default:
		return c.eng.stopping.Load()
	}
}

// await waits until cond holds (under mu), the instant has come, or the run
// ends, and returns whether cond holds.
func (c *client) await(until time.Duration, cond func(*probe) bool) bool {
	timer := time.NewTimer(max(until-c.eng.now(), 0))
	defer timer.Stop()
	for {
		c.mu.Lock()
		ok := cond(c.probe)
		c.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-c.probe.signal:
		case <-c.eng.halted:
			return false
		case <-timer.C:
			c.mu.Lock()
			defer c.mu.Unlock()
			return cond(c.probe)
		}
	}
}

func isGone(p *probe) bool { return p.gone }
func isShut(p *probe) bool { return p.shut }
