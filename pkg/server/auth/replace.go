package auth

// Replace makes v verify with the keys and rules of next from now on, and ends
// the refreshing of those it had. next belongs to v then, whose Close ends it;
// it must not be used otherwise. It is safe for concurrent use with Verify: a
// token is checked by the old rules or by the new ones.
func (v *Verifier) Replace(next *Verifier) {
	if old := v.next.Swap(next); old != nil {
		old.end()
	}
	v.end()
}

// now is what verifies now: v, or what replaced it last.
func (v *Verifier) now() *Verifier {
	if next := v.next.Load(); next != nil {
		return next
	}
	return v
}

// Close ends the refreshing of the key set and waits for a fetch under way,
// which it cancels. It is safe to call more than once.
func (v *Verifier) Close() {
	v.now().end()
	v.end()
}

func (v *Verifier) end() {
	v.stop()
	if v.jwks != nil {
		v.jwks.close()
	}
	for _, other := range v.byIssuer {
		other.end()
	}
}
