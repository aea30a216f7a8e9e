package ledger

import "sync/atomic"

// Bounds of what the exceptions of all pairs together may take. They are met
// only when tens of millions of messages have gone astray.
const (
	maxSpans = 1 << 24 // intervals of 8 bytes
	maxOrder = 1 << 25 // arrivals of 8 bytes, for total order
)

// Book holds the publishers of one run and the audiences that watch them.
// Publish and Accept are safe for concurrent use.
type Book struct {
	run        uint32
	publishers []publisher

	spans, order atomic.Int64 // in use, of maxSpans and maxOrder
	settled      atomic.Int64 // when the settle time was over, 0 until then
}

// New returns a book for the publishers 0 to n-1 of a run.
func New(run uint32, n int) *Book {
	return &Book{run: run, publishers: make([]publisher, n)}
}

// Run is the number that the run's markers carry.
func (b *Book) Run() uint32 { return b.run }

// Publish logs that a publisher is about to send its next message, and
// returns the message's sequence number.
func (b *Book) Publish(pub int, at Micros) uint32 { return b.publishers[pub].publish(at) }

// Settle says that the settle time is over. What arrives from now on was not
// lost, but late.
func (b *Book) Settle(at Micros) { b.settled.CompareAndSwap(0, max(at, 1)) }

// Full tells whether arrivals had to be dropped from the account because too
// much had gone astray before.
func (b *Book) Full() bool { return b.spans.Load() >= maxSpans }

// OrderCut tells whether only the first arrivals were compared for total order.
func (b *Book) OrderCut() bool { return b.order.Load() >= maxOrder }

// Accept logs that the server has accepted a message. What was never accepted
// is expected nowhere, and where it arrives all the same it is indeterminate.
func (b *Book) Accept(pub int, seq uint32, at Micros) { b.publishers[pub].accept(seq, at) }

// Published returns how many messages a publisher has sent and how many of
// them were accepted.
func (b *Book) Published(pub int) (sent, accepted int64) {
	p := &b.publishers[pub]
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.acked {
		if a != 0 {
			accepted++
		}
	}
	return int64(len(p.sent)), accepted
}
