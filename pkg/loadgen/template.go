package loadgen

// Template is a payload compiled at load time: literal bytes and {{variables}}.
// The zero value renders nothing. Templates are immutable and safe for
// concurrent use.
type Template struct {
	text string
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
	Rand   uint64            // rand, from the run's seed
}

// Append renders the template after dst.
func (t Template) Append(dst []byte, v *TemplateVars) []byte { return append(dst, t.text...) }
