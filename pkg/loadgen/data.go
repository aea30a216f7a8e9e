package loadgen

import (
	"strings"
)

// Feeder is one `data:` entry: a table of which each client has a row.
type Feeder struct {
	Pos        Pos
	Name       string
	File       string // as the scenario has it
	Order      DataOrder
	OnEnd      DataEnd
	Secret     []string
	Fields     []string // names of the columns, nil for those of the header line
	SkipHeader bool
	Delimiter  rune

	filePos   Pos
	secretPos Pos
	columns   []string
	index     map[string]int // of a column
	cells     []string       // row by row
}

// DataOrder is how rows are given to clients.
type DataOrder string

// Orders of rows.
const (
	DataSequence DataOrder = "sequence"
	DataRandom   DataOrder = "random"
	DataUnique   DataOrder = "unique"
)

// DataEnd is what becomes of clients for which there is no row.
type DataEnd string

// Ends of data.
const (
	DataRepeat DataEnd = "repeat"
	DataStop   DataEnd = "stop"
	DataFail   DataEnd = "fail"
)

// Rows is how many rows there are.
func (f *Feeder) Rows() int {
	if len(f.columns) == 0 {
		return 0
	}
	return len(f.cells) / len(f.columns)
}

// clientRows gives the clients of one group their rows. It is immutable.
type clientRows struct {
	feeders map[string]*feederRows
}

type feederRows struct {
	*Feeder
	seed  uint64
	first int // row of the group's first client
}

// cell is a client's value in a column, "" for one that does not exist.
func (r *clientRows) cell(feeder, column string, client int) string {
	if r == nil {
		return ""
	}
	f := r.feeders[feeder]
	if f == nil {
		return ""
	}
	i, ok := f.index[column]
	if !ok || len(f.cells) == 0 {
		return ""
	}
	return f.cells[f.row(client)*len(f.columns)+i]
}

// row is the number of a client's row.
func (f *feederRows) row(client int) int {
	if f.Order == DataRandom {
		return int(mix64(f.seed+uint64(f.first+client)) % uint64(f.Rows()))
	}
	return (f.first + client) % f.Rows()
}

// dataUse is a place that names a column.
type dataUse struct {
	pos            Pos
	feeder, column string
	secret         bool // a place that holds secrets
}

// bare tells whether a cell stands in JSON as it is where the template has no
// quotes around it: numbers, true, false, null, and what JSON Lines nest.
func bare(cell []byte) bool {
	if len(cell) == 0 || strings.IndexByte(`{[-0123456789tfn`, cell[0]) < 0 {
		return false
	}
	raw, ok := jsonValue(cell)
	return ok && len(raw) == len(cell)
}

// feeders calls add with the data that a template names.
func (t Template) feeders(add func(feeder string)) {
	for i := range t.parts {
		if v := t.parts[i].v; v != nil && v.name == dataVar {
			add(t.parts[i].name)
		}
	}
}
