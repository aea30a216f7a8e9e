package loadgen

// Matcher is a compiled `match:` condition. It is immutable and safe for
// concurrent use; a nil Matcher matches anything.
type Matcher struct {
	text string
}

// Match reports whether arg, one JSON value (or plain text that is no JSON),
// satisfies the matcher. nil means that there was no argument.
func (m *Matcher) Match(arg []byte) bool { return m == nil }

// String is the condition as the file has it.
func (m *Matcher) String() string { return m.text }
