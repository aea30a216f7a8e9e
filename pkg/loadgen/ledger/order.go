package ledger

// Disorder compares the order across publishers that each subscriber saw with
// that of the subscriber who received most, and returns for each how many
// arrivals came after one that stands later there. It is exact if that one
// received everything; what it missed is not compared.
func (a *Audience) Disorder() []int64 {
	out := make([]int64, len(a.subs))
	if !a.total {
		return out
	}
	logs := make([][]uint64, len(a.subs))
	best := 0
	for i := range a.subs {
		s := &a.subs[i]
		s.mu.Lock()
		if s.order != nil {
			logs[i] = (*s.order)[:len(*s.order):len(*s.order)]
		}
		s.mu.Unlock()
		if len(logs[i]) > len(logs[best]) {
			best = i
		}
	}
	if len(logs) == 0 {
		return out
	}
	place := make(map[uint64]int32, len(logs[best]))
	for i, id := range logs[best] {
		place[id] = int32(i)
	}
	for i, log := range logs {
		if i == best {
			continue
		}
		last := int32(-1)
		for _, id := range log {
			at, ok := place[id]
			switch {
			case !ok:
			case at < last:
				out[i]++
			default:
				last = at
			}
		}
	}
	return out
}
