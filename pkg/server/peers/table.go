package peers

import (
	"context"
	"net/url"
	"sync"
	"time"
)

// table is the addresses of the pods by tag.
type table struct {
	directory Directory
	static    map[string]*url.URL
	stale     chan struct{} // somebody missed a tag

	mu      sync.Mutex
	found   map[string]*url.URL
	fresh   chan struct{} // closed at the next refresh
	clashed bool
}

// Times of the table.
const (
	// announceTimeout bounds one call of the Directory.
	announceTimeout = 3 * time.Second
	// missInterval is the shortest time between refreshes that unknown tags
	// cause: clients choose tags, so these cost nothing more.
	missInterval = 500 * time.Millisecond
	// missWait is how long a request with an unknown tag waits for a refresh:
	// its pod may have come up a moment ago.
	missWait = time.Second
)

func (t *table) init(d Directory, static map[string]*url.URL) {
	t.directory, t.static = d, static
	t.stale = make(chan struct{}, 1)
	t.fresh = make(chan struct{})
}

// lookup finds the address of a pod; nil means that there is none.
func (t *table) lookup(ctx context.Context, tag string) *url.URL {
	if u := t.static[tag]; u != nil {
		return u
	}
	if t.directory == nil {
		return nil
	}
	t.mu.Lock()
	u, fresh := t.found[tag], t.fresh
	t.mu.Unlock()
	if u != nil {
		return u
	}
	select {
	case t.stale <- struct{}{}:
	default:
	}
	timer := time.NewTimer(missWait)
	defer timer.Stop()
	select {
	case <-fresh:
	case <-timer.C:
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.found[tag]
}

// run refreshes the table until ctx ends.
func (t *table) run(ctx context.Context, p *Peers) {
	ticker := time.NewTicker(p.opts.TTL / 3)
	defer ticker.Stop()
	for {
		t.refresh(ctx, p)
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
			if err := t.directory.Withdraw(end, p.tag); err != nil {
				p.log.Warn("withdraw the pod's address", "error", err)
			}
			cancel()
			return
		case <-ticker.C:
		case <-t.stale:
			select {
			case <-ctx.Done():
			case <-time.After(missInterval):
			}
		}
	}
}

// refresh asks the directory once. Addresses that it can't give now stay as they
// were.
func (t *table) refresh(ctx context.Context, p *Peers) {
	call, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	pods, err := t.directory.Announce(call, p.tag, p.opts.Advertise, p.opts.TTL)
	if err != nil {
		if ctx.Err() == nil {
			p.log.Warn("addresses of the other pods", "error", err)
		}
		return
	}
	found := make(map[string]*url.URL, len(pods))
	for tag, address := range pods {
		base, err := baseURL(address)
		if err != nil || Tag(base) != tag {
			continue // not one of ours
		}
		if u, err := url.Parse(base); err == nil {
			found[tag] = u
		}
	}
	clash := pods[p.tag] != "" && pods[p.tag] != p.opts.Advertise
	t.mu.Lock()
	first := clash && !t.clashed
	t.clashed = clash
	t.found = found
	close(t.fresh)
	t.fresh = make(chan struct{})
	t.mu.Unlock()
	if first {
		p.log.Error("another pod has this one's tag: change the advertised name or port of one of them", "advertise", p.opts.Advertise, "other", pods[p.tag])
	}
}
