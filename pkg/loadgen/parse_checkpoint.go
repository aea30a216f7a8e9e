package loadgen

import "time"

var checkpointDef = &objectDef{
	name: "checkpoint", what: "checkpoint", doc: "Where and how often a partial report is written during the run.",
	keys: []keyDef{
		{name: "every", typ: durationType, doc: "How often, 5m by default.", examples: []any{"5m"}},
		{name: "file", typ: textType, doc: "File, relative to where rtk runs. It is always whole: each report replaces the one before.", examples: []any{"soak.ckpt.json"}, required: true},
	},
}

// Checkpoint is a partial report that is written during a run.
type Checkpoint struct {
	Pos   Pos
	Every time.Duration
	File  string
}

const defaultCheckpointEvery = 5 * time.Minute

func (p *parse) checkpoint(n *node) *Checkpoint {
	if n == nil {
		return nil
	}
	o := p.object(n, checkpointDef)
	if o == nil {
		return nil
	}
	c := &Checkpoint{Pos: n.pos, Every: o.duration("every", defaultCheckpointEvery), File: o.str("file")}
	if f := o.get("file"); f != nil && c.File == "" {
		p.errorf(f.pos, "file is the name of a file")
	}
	return c
}
