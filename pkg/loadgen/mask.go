package loadgen

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// masker hides secrets in texts that leave the program.
type masker struct {
	replace *strings.Replacer
	long    []string // secrets of which a part counts where a text was cut off
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
	long := slices.Clone(secrets)
	// Longest first, so that a secret that contains another goes as a whole.
	slices.SortFunc(long, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, s := range long {
		if len(s) >= minSecret {
			pairs = append(pairs, s, "***")
		}
	}
	if len(pairs) == 0 {
		return &masker{}
	}
	return &masker{replace: strings.NewReplacer(pairs...), long: long}
}

func (m *masker) mask(s string) string {
	if m.replace != nil {
		s = m.replace.Replace(s)
	}
	if strings.Contains(s, "eyJ") {
		s = tokenPattern.ReplaceAllString(s, "***")
	}
	return m.maskCut(s)
}

// maskCut hides what is left of secrets in which a text was cut off.
func (m *masker) maskCut(s string) string {
	for at := 0; len(m.long) > 0; {
		i := strings.Index(s[at:], ellipsis)
		if i < 0 {
			break
		}
		end := at + i
		start := end
		for _, secret := range m.long {
			for n := min(len(secret)-1, end); n >= minCut; n-- {
				if strings.HasSuffix(s[:end], secret[:n]) {
					start = min(start, end-n)
					break
				}
			}
		}
		if start < end {
			s = s[:start] + "***" + s[end:]
			end = start + len("***")
		}
		at = end + len(ellipsis)
	}
	return s
}
