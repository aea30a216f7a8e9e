package loadgen

import "slices"

// accountIn judges the deliveries of messages that were published within some
// stretches of the run. Its counts are those of the ledger; of what arrived
// twice, in the wrong order, damaged or from elsewhere, the incidents have the
// time.
func (e *engine) accountIn(list []stretch) []*account {
	var out []*account
	for _, v := range e.plan.Scenario.Verify {
		for _, a := range e.audiences {
			for i, w := range a.watches {
				if w.verify != v {
					continue
				}
				sum := &account{watch: w, audience: a, cells: make([]Counts, a.targets*a.targets), possible: make([]int64, a.targets*a.targets)}
				for _, s := range list {
					sum.addStretch(e, s, i == a.answers())
				}
				out = append(out, sum)
			}
		}
	}
	return out
}

// addStretch adds what was published in one stretch.
func (acc *account) addStretch(e *engine, s stretch, answers bool) {
	w := *acc.watch
	w.rule.From, w.rule.To = e.micros(s.from), e.micros(s.to)
	part := e.accountOne(acc.audience, &w, false)
	for i := range acc.cells {
		acc.cells[i].add(part.cells[i])
		acc.possible[i] += part.possible[i]
	}
	acc.total.add(part.total)
	at := slices.Index(acc.audience.watches, acc.watch)
	acc.audience.incidents.each(w.rule.From, w.rule.To, func(x *incident) {
		switch {
		case x.kind == incidentCorrupt && answers:
			acc.total.Corrupt++
			acc.unpaired++
		case x.kind == incidentForeign && answers:
			acc.total.Unexpected++
			acc.foreign++
		case x.watch != int16(at):
		case x.kind == incidentDamaged:
			acc.cells[x.cell].Corrupt++
			acc.total.Corrupt++
		case x.kind == incidentDuplicate:
			acc.cells[x.cell].Duplicated++
			acc.total.Duplicated++
		case x.kind == incidentMisorder:
			acc.cells[x.cell].OutOfOrder++
			acc.total.OutOfOrder++
		}
	})
}
