package loadgen

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/realtime-toolkit/rtk/internal/nearest"
)

func (p *parse) feeder(name string, key, value *node) {
	o := p.object(value, dataDef)
	if o == nil {
		return
	}
	f := &Feeder{
		Pos: key.pos, Name: name, Delimiter: ',',
		File: o.str("file"), filePos: key.pos,
		Order:      DataOrder(o.enum("order", dataOrderWords)),
		OnEnd:      DataEnd(o.enum("onEnd", dataEndWords)),
		SkipHeader: o.boolean("skipHeader"),
	}
	if strings.Contains(name, ".") {
		p.errorf(key.pos, "the name of data holds no dot: it divides the name from the column in {{data.NAME.COLUMN}}")
	}
	if n := o.get("file"); n != nil {
		f.filePos = n.pos
		if f.File == "" && !n.bad {
			p.errorf(n.pos, "file names no file")
		}
	}
	f.Secret = p.columns(o.get("secret"), "secret")
	f.Fields = p.columns(o.get("fields"), "fields")
	if n := o.get("secret"); n != nil {
		f.secretPos = n.pos
	}
	if f.Order == "" {
		f.Order = DataSequence
	}
	switch {
	case f.Order == DataRandom && o.has("onEnd"):
		p.errorf(o.keyPos("onEnd"), "onEnd has no meaning where rows are picked at random: they never end")
	case f.Order == DataUnique && f.OnEnd == DataRepeat:
		p.hintf(o.keyPos("onEnd"), "write stop or fail", "no row is unique where they repeat")
	case f.OnEnd == "" && f.Order == DataUnique:
		f.OnEnd = DataFail
	case f.OnEnd == "":
		f.OnEnd = DataRepeat
	}
	if f.SkipHeader && f.Fields == nil {
		p.errorf(o.keyPos("skipHeader"), "skipHeader needs fields to stand in the header's place")
	}
	if n := o.get("delimiter"); n != nil {
		f.Delimiter = p.delimiter(n)
	}
	if f.jsonLines() {
		for _, k := range []string{"fields", "skipHeader", "delimiter"} {
			if o.has(k) {
				p.errorf(o.keyPos(k), "%s is for CSV files", k)
			}
		}
	}
	if slices.ContainsFunc(p.sc.Data, func(x *Feeder) bool { return x.Name == name }) {
		return
	}
	p.sc.Data = append(p.sc.Data, f)
}

func (f *Feeder) jsonLines() bool {
	return strings.HasSuffix(f.File, ".jsonl") || strings.HasSuffix(f.File, ".ndjson")
}

func (p *parse) columns(n *node, what string) []string {
	var out []string
	for _, item := range p.list(n, what) {
		if slices.Contains(out, item.text) {
			p.errorf(item.pos, "column %s is listed twice", item.describe())
			continue
		}
		out = append(out, item.text)
	}
	return out
}

func (p *parse) delimiter(n *node) rune {
	s, ok := p.text(n, "delimiter")
	if s == "tab" || s == `\t` {
		s = "\t"
	}
	r, size := utf8.DecodeRuneInString(s)
	if !ok || size != len(s) || strings.ContainsRune("\"\r\n\ufffd", r) {
		p.errorf(n.pos, "delimiter is one character other than a quote, or tab")
		return ','
	}
	return r
}

// noteTemplate checks what a template says about data, and remembers the
// columns to look for once the data is read.
func (p *parse) noteTemplate(n *node, t Template, secret bool) {
	for i := range t.parts {
		part := &t.parts[i]
		if part.v == nil || part.v.name != dataVar {
			continue
		}
		if !slices.ContainsFunc(p.sc.Data, func(f *Feeder) bool { return f.Name == part.name }) {
			var names []string
			for _, f := range p.sc.Data {
				names = append(names, f.Name)
			}
			hint := "add it under data"
			if nearest.Word(part.name, names) != "" {
				hint = didYouMean(part.name, names)
			}
			p.hintf(n.pos, hint, "{{data.%s.%s}}: no data is called %q", part.name, part.column, part.name)
			continue
		}
		p.sc.dataUses = append(p.sc.dataUses, dataUse{n.pos, part.name, part.column, secret})
	}
}

// perClient reads a text that may hold variables which have a value before
// anything is sent: a header, a token, part of a URL.
func (p *parse) perClient(n *node, s, what string, secret bool) {
	if !strings.Contains(s, "{{") {
		return
	}
	t, err := ParseTemplate(s)
	if err != nil {
		p.errorf(n.pos, "%s: %v", what, err)
		return
	}
	for _, part := range t.parts {
		if part.v != nil && part.v.perSend {
			p.errorf(n.pos, "{{%s}} has no value in %s: it belongs to a message", part.v.name, what)
		}
	}
	p.noteTemplate(n, t, secret)
}

// checkData reports data that nothing uses.
func (p *parse) checkData() {
	for _, f := range p.sc.Data {
		if p.sound() && !slices.ContainsFunc(p.sc.dataUses, func(u dataUse) bool { return u.feeder == f.Name }) {
			p.hintf(f.Pos, "use it as {{data."+f.Name+".COLUMN}}, or take it out", "nothing uses data %q", f.Name)
		}
	}
}
