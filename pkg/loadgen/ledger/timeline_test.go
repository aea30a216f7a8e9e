package ledger

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAccountsOfParts: what is counted in the parts of a run, and in the
// buckets of its timeline, adds up to what is counted over all of it; and each
// part has what was published in it.
func TestAccountsOfParts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		const pubs, subs, length = 3, 4, 1000
		b := New(7, pubs)
		sources := make([]Source, pubs)
		for i := range sources {
			sources[i] = Source{Publisher: i, Within: 20e3} // 20 ms
		}
		a := b.Audience(subs, sources, false)
		for s := range subs {
			a.Join(s, 1+Micros(r.IntN(200)))
		}
		seq := make([]uint32, pubs)
		for at := Micros(1); at < length; at += 1 + Micros(r.IntN(5)) {
			p := r.IntN(pubs)
			b.Publish(p, at)
			if r.IntN(10) > 0 {
				b.Accept(p, seq[p], at+1)
			}
			for s := range subs {
				switch late := Micros(0); r.IntN(8) {
				case 0: // lost
				case 1:
					late = 30e3
					fallthrough
				default:
					a.Receive(s, Marker{Run: 7, Publisher: uint32(p), Seq: seq[p], At: at}.Append(nil), at+2+late)
				}
			}
			seq[p]++
			if r.IntN(60) == 0 {
				s := r.IntN(subs)
				a.Pause(s, at)
				a.Rejoin(s, at+Micros(r.IntN(50)))
			}
		}
		if seed%3 == 0 {
			a.Leave(1, 700, 20)
			a.Cut(2, 500)
		}
		for _, rule := range []Rule{{End: pubs}, {End: pubs, Reliable: true}, {First: 1, End: 3, Across: true}} {
			account := func(from, to Micros) Bucket {
				var out Bucket
				x := rule
				x.From, x.To = from, to
				a.Account(x, Visitor{Pair: func(_, _ int, c Counts) {
					out.Expected, out.Lost, out.Late = out.Expected+c.Expected, out.Lost+c.Lost, out.Late+c.Late
				}})
				return out
			}
			whole := account(0, 0)
			var parts Bucket
			const width = 100
			var each []Bucket
			for at := Micros(0); at < length+width; at += width {
				p := account(max(at, 1), at+width)
				each = append(each, p)
				parts.Expected, parts.Lost, parts.Late = parts.Expected+p.Expected, parts.Lost+p.Lost, parts.Late+p.Late
			}
			if diff := cmp.Diff(whole, parts); diff != "" {
				t.Fatalf("seed %d, %+v: the parts don't add up (-whole +parts):\n%s", seed, rule, diff)
			}
			timeline := make([]Bucket, len(each))
			a.Timeline(rule, Axis{Width: width, N: len(each)}, 2, func(sub int) int { return sub % 2 }, func(_, _ int, list []Bucket) {
				for i, x := range list {
					y := &timeline[i]
					y.Expected, y.Lost, y.Late = y.Expected+x.Expected, y.Lost+x.Lost, y.Late+x.Late
				}
			})
			if diff := cmp.Diff(each, timeline); diff != "" {
				t.Fatalf("seed %d, %+v: the timeline differs from the accounts of its buckets:\n%s", seed, rule, diff)
			}
			if whole.Expected == 0 || whole.Lost == 0 || whole.Late == 0 {
				t.Fatalf("seed %d: nothing to compare: %+v", seed, whole)
			}
		}
	}
}
