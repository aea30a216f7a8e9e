package loadgen

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// masker hides secrets in texts that leave the program. There may be many of
// them, a password for each client, so they are kept sorted and looked up.
type masker struct {
	secrets []string // sorted, without repetition
	longest int
	starts  [256]bool // the first bytes of secrets
}

// tokenPattern is a compact JWT: minted tokens are as secret as what they
// were minted with, and servers like to quote them in errors. Texts are cut
// off, so that any part of one from its start counts.
var tokenPattern = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{6,}(\.[A-Za-z0-9_-]*){0,2}`)

const (
	// ellipsis ends a text that was cut off.
	ellipsis = "…"
	// minCut is the shortest start of a secret that is hidden before it.
	minCut = 6
)

// minSecret keeps very short values from turning every text into asterisks.
const minSecret = 4

func newMasker(secrets []string) *masker {
	m := &masker{}
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		m.secrets = append(m.secrets, s)
		m.longest = max(m.longest, len(s))
		m.starts[s[0]] = true
	}
	slices.Sort(m.secrets)
	m.secrets = slices.Compact(m.secrets)
	return m
}

func (m *masker) mask(s string) string {
	s = m.maskWhole(s)
	if strings.Contains(s, "eyJ") {
		s = tokenPattern.ReplaceAllString(s, "***")
	}
	return m.maskCut(s)
}

// maskWhole hides the secrets that stand in s. Of two that begin at the same
// place, the longer goes as a whole.
func (m *masker) maskWhole(s string) string {
	if len(m.secrets) == 0 {
		return s
	}
	var b strings.Builder
	from := 0
	for i := 0; i < len(s); i++ {
		if !m.starts[s[i]] {
			continue
		}
		if n := m.at(s[i:]); n > 0 {
			b.WriteString(s[from:i] + "***")
			from = i + n
			i = from - 1
		}
	}
	if from == 0 {
		return s
	}
	b.WriteString(s[from:])
	return b.String()
}

// at is the length of the longest secret that s begins with, 0 for none.
func (m *masker) at(s string) int {
	for s != "" {
		// The last secret that is not beyond s: one that s begins with is that,
		// or it begins with what both have in common.
		i, found := slices.BinarySearchFunc(m.secrets, s, cmp.Compare[string])
		if found {
			return len(s)
		}
		if i == 0 {
			return 0
		}
		last := m.secrets[i-1]
		n := 0
		for n < len(last) && n < len(s) && last[n] == s[n] {
			n++
		}
		if n == len(last) {
			return n
		}
		s = s[:n]
	}
	return 0
}

// maskCut hides what is left of secrets in which a text was cut off.
func (m *masker) maskCut(s string) string {
	for at := 0; len(m.secrets) > 0; {
		i := strings.Index(s[at:], ellipsis)
		if i < 0 {
			break
		}
		end := at + i
		for n := min(m.longest-1, end); n >= minCut; n-- {
			part := s[end-n : end]
			k, _ := slices.BinarySearch(m.secrets, part)
			if k < len(m.secrets) && strings.HasPrefix(m.secrets[k], part) {
				s = s[:end-n] + "***" + s[end:]
				end += len("***") - n
				break
			}
		}
		at = end + len(ellipsis)
	}
	return s
}
