package loadgen

import (
	"slices"
	"strconv"
)

// Template is a payload compiled at load time: literal bytes and {{variables}}.
// The zero value renders nothing. Templates are immutable and safe for
// concurrent use.
//
// A template of YAML data renders as JSON. A string in it stays a string
// whatever it holds: args: ["{{seq}}"] sends "7", not 7. To send a number,
// write the arguments as JSON text, where a variable outside of quotes is a
// number: argsJSON: '[{"n": {{seq}}}]'.
type Template struct {
	text  string
	parts []templatePart
}

type templatePart struct {
	lit    string // literal text, when v is nil
	v      *templateVar
	mod    uint64 // {{seq % 100}}, 0 for none
	size   int    // {{marker 512}}, 0 for the short form
	name   string // matrix.NAME, data.NAME, vars.NAME
	column string // data.NAME.COLUMN
	nth    uint64 // which of the template's random values
	pad    int    // {{pad SIZE}}
	// escape: the value stands within a JSON string. quote: it stands alone
	// in JSON and is a text.
	escape, quote bool
}

// TemplateVars are the values of one rendering.
type TemplateVars struct {
	Client int               // client.index, within the group
	Group  string            // client.group
	Target string            // target.name
	RunID  string            // run.id
	Seq    int64             // seq, of this client's sends in this step
	NowMS  int64             // now, Unix milliseconds
	Matrix map[string]string // matrix.NAME
	Marker []byte            // marker, made by the ledger for this send
	Rand   uint64            // rand and uuid, from the run's seed
	Vars   map[string]string // vars.NAME, set by exec steps

	rows *clientRows // data.NAME.COLUMN
}

// templateVar is one variable of the language. Exactly one of number and text
// is set.
type templateVar struct {
	name    string
	doc     string
	perSend bool // has a value only while a message is sent
	number  func(v *TemplateVars, p *templatePart) uint64
	text    func(dst []byte, v *TemplateVars, p *templatePart) []byte
}

var templateVars = []*templateVar{
	{name: "client.index", doc: "index of the client within its group, from 0", number: func(v *TemplateVars, _ *templatePart) uint64 { return uint64(v.Client) }},
	{name: "client.group", doc: "name of the group", text: func(dst []byte, v *TemplateVars, _ *templatePart) []byte { return append(dst, v.Group...) }},
	{name: "target.name", doc: "name of the client's target", text: func(dst []byte, v *TemplateVars, _ *templatePart) []byte { return append(dst, v.Target...) }},
	{name: "run.id", doc: "id of the run", text: func(dst []byte, v *TemplateVars, _ *templatePart) []byte { return append(dst, v.RunID...) }},
	{name: "seq", doc: "number of this send within the step and client, from 0", perSend: true, number: func(v *TemplateVars, _ *templatePart) uint64 { return uint64(v.Seq) }},
	{name: "now", doc: "Unix time in milliseconds", number: func(v *TemplateVars, _ *templatePart) uint64 { return uint64(v.NowMS) }},
	// 53 bits, because JSON numbers above that lose digits in JavaScript.
	{name: "rand", doc: "random number from the run's seed, below 2^53", number: func(v *TemplateVars, p *templatePart) uint64 { return mix64(v.Rand+p.nth) >> 11 }},
	{name: "uuid", doc: "random UUID from the run's seed", text: appendUUID},
	{name: "marker", doc: "the envelope by which verify recognises the message; {{marker 512}} is that many bytes long, with a payload whose damage is found", perSend: true, text: func(dst []byte, v *TemplateVars, _ *templatePart) []byte { return append(dst, v.Marker...) }},
	{name: "pad SIZE", doc: "so many bytes of text, such as {{pad 2MiB}}, for messages of a certain size", text: appendPad},
	{name: matrixVar, doc: "value of a matrix axis", text: func(dst []byte, v *TemplateVars, p *templatePart) []byte { return append(dst, v.Matrix[p.name]...) }},
	{name: dataVar, doc: "a column of the client's row of data", text: func(dst []byte, v *TemplateVars, p *templatePart) []byte {
		return append(dst, v.rows.cell(p.name, p.column, v.Client)...)
	}},
	{name: varsVar, doc: "what an exec step of the flow has set", perSend: true, text: func(dst []byte, v *TemplateVars, p *templatePart) []byte { return append(dst, v.Vars[p.name]...) }},
}

// Variables that have a name of their own.
const (
	matrixVar = "matrix.NAME"
	dataVar   = "data.NAME.COLUMN"
	varsVar   = "vars.NAME"
)

// Append renders the template after dst.
func (t Template) Append(dst []byte, v *TemplateVars) []byte {
	for i := range t.parts {
		p := &t.parts[i]
		switch {
		case p.v == nil:
			dst = append(dst, p.lit...)
		case p.v.number != nil:
			n := p.v.number(v, p)
			if p.mod > 0 {
				n %= p.mod
			}
			dst = strconv.AppendUint(dst, n, 10)
		default:
			dst = p.appendText(dst, v)
		}
	}
	return dst
}

// appendText renders a text variable. The value is appended first and escaped
// in place only if it needs to be, so that no scratch buffer is allocated.
func (p *templatePart) appendText(dst []byte, v *TemplateVars) []byte {
	if p.quote && (p.column != "" || p.v.name == varsVar) {
		from := len(dst)
		if dst = p.v.text(dst, v, p); bare(dst[from:]) {
			return dst
		}
		dst = dst[:from]
	}
	if p.quote {
		dst = append(dst, '"')
	}
	from := len(dst)
	dst = p.v.text(dst, v, p)
	if p.escape || p.quote {
		for _, c := range dst[from:] {
			if c < 0x20 || c == '"' || c == '\\' {
				raw := string(dst[from:])
				dst = appendJSONText(dst[:from], raw)
				break
			}
		}
	}
	if p.quote {
		dst = append(dst, '"')
	}
	return dst
}

// appendEscaped renders the template with every value escaped: for a URL.
func (t Template) appendEscaped(dst []byte, v *TemplateVars, escape func(string) string) []byte {
	for i := range t.parts {
		if p := &t.parts[i]; p.v == nil {
			dst = append(dst, p.lit...)
		} else {
			one := Template{parts: t.parts[i : i+1]}
			dst = append(dst, escape(string(one.Append(nil, v)))...)
		}
	}
	return dst
}

// String is the template as JSON text with its {{variables}}.
func (t Template) String() string { return t.text }

// HasMarker tells that the template holds {{marker}}.
func (t Template) HasMarker() bool {
	for i := range t.parts {
		if v := t.parts[i].v; v != nil && v.name == "marker" {
			return true
		}
	}
	return false
}

// markerSize is the size of the largest {{marker N}}, 0 if none has one.
func (t Template) markerSize() int {
	n := 0
	for i := range t.parts {
		n = max(n, t.parts[i].size)
	}
	return n
}

// padding is the text of a pad.
const padding = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"

func appendPad(dst []byte, _ *TemplateVars, p *templatePart) []byte {
	dst = slices.Grow(dst, p.pad)
	for n := p.pad; n > 0; n -= len(padding) {
		dst = append(dst, padding[:min(n, len(padding))]...)
	}
	return dst
}

// appendUUID renders a version 4 UUID (RFC 9562, section 5.4).
func appendUUID(dst []byte, v *TemplateVars, p *templatePart) []byte {
	hi, lo := mix64(v.Rand+2*p.nth), mix64(v.Rand+2*p.nth+1)
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			dst = append(dst, '-')
		}
		w := hi
		if i >= 16 {
			w = lo
		}
		dst = append(dst, hexDigits[w>>(60-4*(i%16))&15])
	}
	return dst
}

// mix64 is the finaliser of splitmix64: neighbouring inputs give unrelated
// outputs.
func mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
