package loadgen

import "fmt"

// maxFailed is how many clients that failed the text names.
const maxFailed = 5

// failed names clients with which something went wrong, and how one of them can
// be run by itself.
func (t *textWriter) failed(r *Report) {
	if r.Verdict == Pass || len(r.Failed) == 0 {
		return
	}
	fmt.Fprintf(&t.b, "\n  clients that failed\n")
	for i := range r.Failed {
		if i == maxFailed {
			fmt.Fprintf(&t.b, "      and %d more\n", len(r.Failed)-i)
			break
		}
		c := &r.Failed[i]
		fmt.Fprintf(&t.b, "      #%d %s\n", c.Client, clip(t.clean(fmt.Sprintf("%s[%d]@%s  %s", c.Group, c.Index, c.Target, c.Why)), t.o.width()-10))
	}
	if r.Repeat != "" {
		fmt.Fprintf(&t.b, "      see one by itself   %s --only-client %d --trace\n", t.clean(r.Repeat), r.Failed[0].Client)
	}
}
