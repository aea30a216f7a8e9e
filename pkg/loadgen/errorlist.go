package loadgen

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// errorList counts distinct error texts. It is safe for concurrent use and
// bounded: texts beyond the bound are counted together.
type errorList struct {
	masker *masker
	mu     sync.Mutex
	counts map[string]int64
	total  int64
}

const (
	maxErrorTexts = 100
	maxErrorText  = 300
	moreErrors    = "more errors, each different from these"
)

// localAddress is the local end in "read tcp 127.0.0.1:54321->10.0.0.1:3000",
// which makes every text different and tells nothing.
var localAddress = regexp.MustCompile(`\b[0-9a-fA-F.:\[\]%]+:\d+->`)

func newErrorList(secrets []string) *errorList {
	return &errorList{masker: newMasker(secrets), counts: map[string]int64{}}
}

func (l *errorList) add(text string) {
	text = l.clean(text)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	if _, ok := l.counts[text]; !ok && len(l.counts) >= maxErrorTexts {
		text = moreErrors
	}
	l.counts[text]++
}

// clean makes a text that may come from a server fit for logs and terminals.
func (l *errorList) clean(text string) string {
	text = l.masker.mask(localAddress.ReplaceAllString(text, ""))
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return text
}

func (l *errorList) count() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// list returns the texts, most frequent first.
func (l *errorList) list() []ErrorCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]ErrorCount, 0, len(l.counts))
	for text, n := range l.counts {
		out = append(out, ErrorCount{Text: text, Count: n})
	}
	slices.SortFunc(out, func(a, b ErrorCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
	})
	return out
}
