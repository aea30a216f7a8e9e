package loadgen

import (
	"cmp"
	"slices"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
)

// account is what the ledger says about one verify block.
type account struct {
	watch                *watch
	audience             *audience
	total                Counts
	cells                []Counts // publisher's target × subscriber's target
	possible             []int64  // by cell: deliveries that could have leaked
	losses, leaks        []Loss
	causes               causeList
	stuck                []StuckClient
	stuckAt, heldAt      []int64 // by subscriber's target: stuck ones, those that joined
	publishers, eligible int     // eligible: subscribers that joined
	pairs                int
	losers               int // subscribers that lost something
	foreign              int64
	unpaired             int64 // corrupt markers of which no one can tell whose they were
}

// lost counts what is missing at this moment.
func (a *audience) lost(w *watch) int64 {
	var n int64
	a.Account(w.rule, ledger.Visitor{Pair: func(_, _ int, c ledger.Counts) { n += c.Lost }})
	return n
}

// account judges all deliveries.
func (e *engine) account() []*account {
	var out []*account
	for _, v := range e.plan.Scenario.Verify {
		for _, a := range e.audiences {
			for i, w := range a.watches {
				if w.verify == v {
					out = append(out, e.accountOne(a, w, i == a.answers()))
				}
			}
		}
	}
	return out
}

// answers is the position of the verify block that answers for damaged and
// foreign markers, which have no publisher: the first that expects deliveries,
// or else the first.
func (a *audience) answers() int {
	return max(0, slices.IndexFunc(a.watches, func(w *watch) bool { return !w.rule.Nothing }))
}

// accountOne judges one verify block, and the damaged and foreign markers of
// its audience if it answers for them.
func (e *engine) accountOne(a *audience, w *watch, answers bool) *account {
	acc := &account{
		watch: w, audience: a,
		cells: make([]Counts, a.targets*a.targets), possible: make([]int64, a.targets*a.targets),
		stuckAt: make([]int64, a.targets), heldAt: make([]int64, a.targets),
		publishers: w.from.plan.Count,
	}
	g := a.group.plan
	disorder := a.Disorder()
	ordered := make([]int64, g.Count) // misorders within publishers, by subscriber
	lastCell := make([]int, g.Count)
	acc.pairsOf(e, ordered, lastCell)
	for sub := range g.Count {
		c := &e.clients[g.first+sub]
		if c.hasJoined() {
			acc.eligible++
			acc.heldAt[c.targetNo]++
		}
		// Across publishers there may be more disorder than within them.
		if more := disorder[sub] - ordered[sub]; w.verify.Order == OrderTotal && more > 0 {
			acc.cells[lastCell[sub]].OutOfOrder += more
		}
		if answers {
			corrupt, foreign := a.Damage(sub)
			acc.unpaired += corrupt
			acc.total.Unexpected += foreign
			acc.foreign += foreign
		}
	}
	acc.total.Corrupt += acc.unpaired
	for i := range acc.cells {
		acc.total.add(acc.cells[i])
	}
	for i := range w.from.plan.Count {
		_, accepted := e.book.Published(w.from.plan.firstPublisher + i)
		acc.total.Published += accepted
	}
	acc.leaks = worst(acc.leaks)
	return acc
}

func (acc *account) pairsOf(e *engine, ordered []int64, lastCell []int) {
	a, w := acc.audience, acc.watch
	targetOf := func(sub int) int { return int(e.clients[a.group.plan.first+sub].targetNo) }
	cellOf := func(sub, pub int) int { return int(a.pubTarget[pub])*a.targets + targetOf(sub) }
	rule := w.rule
	if rule.From == 0 && rule.To == 0 { // causes are sought for the whole run only
		rule.Class = make([]int, a.group.plan.Count)
		for sub := range rule.Class {
			rule.Class[sub] = targetOf(sub)
		}
	}
	last := -1
	shared := newSharedLosses()
	a.Account(rule, ledger.Visitor{
		Pair: func(sub, pub int, c ledger.Counts) {
			acc.pairs++
			if c.Lost > 0 && sub != last { // pairs come subscriber by subscriber
				acc.losers++
				last = sub
			}
			at := cellOf(sub, pub)
			lastCell[sub] = at
			ordered[sub] += c.OutOfOrder
			acc.possible[at] += c.Forbidden
			acc.cells[at].add(Counts{
				Expected: c.Expected, Delivered: c.Delivered, Late: c.Late, Lost: c.Lost,
				Duplicated: c.Duplicated, OutOfOrder: c.OutOfOrder, Unexpected: c.Unexpected,
				Corrupt: c.Corrupt, Indeterminate: c.Indeterminate, AfterSettle: c.AfterSettle,
			})
			acc.causes.count(causeUnacked, at, sub, pub, c.Unaccepted)
			acc.causes.count(causeLate, at, sub, pub, c.AfterSettle)
		},
		Run: func(sub, pub int, r ledger.Run) {
			at := cellOf(sub, pub)
			l := Loss{
				From: e.targets[at/a.targets].Name, To: e.targets[at%a.targets].Name,
				Publisher: pub - w.from.plan.firstPublisher, Subscriber: sub, Subscribers: 1,
				First: int64(r.First), Last: int64(r.Last), Count: r.Count,
				Start: e.when(r.Start), End: e.when(r.End),
			}
			if w.rule.Nothing {
				acc.leaks = keepLoss(acc.leaks, l)
				return
			}
			l.Cause = causeOf(r.Cause, at/a.targets == at%a.targets)
			if w.verify.Slow {
				l.Cause = causeSlow
			}
			acc.causes.count(l.Cause, at, sub, pub, r.Count)
			acc.causes.when(l.Cause, at, l.Start, l.End)
			shared.add(l)
		},
		Stuck: func(sub int, since ledger.Micros, missed int64) {
			if !e.clients[a.group.plan.first+sub].isUp() {
				return
			}
			at := targetOf(sub)
			if acc.stuckAt[at]++; len(acc.stuck) < keptLosses {
				acc.stuck = append(acc.stuck, StuckClient{
					Target: e.targets[at].Name, Subscriber: sub, Since: e.when(since), Missed: missed,
				})
			}
		},
	})
	acc.losses = shared.list()
}

// keptLosses is how many losses a report lists for each verify block.
const keptLosses = 50

// keepLoss appends a loss to a list that is cut to the worst now and then.
func keepLoss(list []Loss, l Loss) []Loss {
	if list = append(list, l); len(list) >= 64*keptLosses {
		list = worst(list)
	}
	return list
}

// worst keeps the largest losses, those that began first among equals.
func worst(l []Loss) []Loss {
	slices.SortFunc(l, func(a, b Loss) int {
		return cmp.Or(cmp.Compare(b.Count*int64(b.Subscribers), a.Count*int64(a.Subscribers)), a.Start.Compare(b.Start),
			cmp.Compare(a.Publisher, b.Publisher), cmp.Compare(a.Subscriber, b.Subscriber), cmp.Compare(a.First, b.First))
	})
	return slices.Clip(l[:min(len(l), keptLosses)])
}

func (c *client) hasJoined() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.joined
}

// isUp tells whether the client holds a connection that has not ended.
func (c *client) isUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connected && !c.gone
}

func (acc *account) usedCells(e *engine) []int { return usedCells(e, acc.audience, acc.watch) }

// usedCells are the cells of a verify block's grid that have both publishers
// and subscribers.
func usedCells(e *engine, a *audience, w *watch) []int {
	var out []int
	for _, from := range e.targets {
		for _, to := range e.targets {
			if w.from.has(from) && a.group.has(to) {
				out = append(out, e.targetIndex(from)*a.targets+e.targetIndex(to))
			}
		}
	}
	return out
}

// has tells whether some of the group's clients are on the target.
func (g *groupRun) has(t *Target) bool {
	return slices.ContainsFunc(g.cells, func(c *cellRun) bool { return c.plan.Target == t })
}
