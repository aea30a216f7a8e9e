package loadgen

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// masker hides secrets in texts that leave the program.
type masker struct{ replace *strings.Replacer }

// tokenPattern is a compact JWT: minted tokens are as secret as what they
// were minted with, and servers like to quote them in errors.
var tokenPattern = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*)?`)

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
	return &masker{replace: strings.NewReplacer(pairs...)}
}

func (m *masker) mask(s string) string {
	if m.replace != nil {
		s = m.replace.Replace(s)
	}
	if strings.Contains(s, "eyJ") {
		s = tokenPattern.ReplaceAllString(s, "***")
	}
	return s
}
