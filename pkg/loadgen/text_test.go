package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestTextIsBounded(t *testing.T) {
	t.Parallel()
	r := &Report{Verdict: Fail}
	for i := range 1000 {
		r.Checks = append(r.Checks, Check{Kind: "auth", Name: fmt.Sprint("cell ", i), Status: CheckFail, Detail: strings.Repeat("evidence\n", 100)})
		r.Errors = append(r.Errors, ErrorCount{Text: strings.Repeat("x", 1000), Count: 1})
		r.Verify = append(r.Verify[:0], VerifyReport{Losses: append(r.verifyLosses(), Loss{First: int64(i), Last: int64(i)})})
	}
	var b bytes.Buffer
	if err := WriteText(&b, r, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n > 700 {
		t.Errorf("%d lines", n)
	}
	for _, want := range []string{"and 975 more, a report file", "and 80 more lines", "and 992 more kinds", "and 990 more intervals"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("nothing says %q", want)
		}
	}
}

func (r *Report) verifyLosses() []Loss {
	if len(r.Verify) == 0 {
		return nil
	}
	return r.Verify[0].Losses
}

// An empty report, as of a run that was interrupted at once, is no trouble.
func TestWritersTakeAnEmptyReport(t *testing.T) {
	t.Parallel()
	reports := []*Report{{Verdict: Interrupted, Partial: true}, {}}
	for _, r := range reports {
		if err := WriteText(&bytes.Buffer{}, r, TextOptions{Width: 1}); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(WriteVerdictTable(&bytes.Buffer{}, reports, TextOptions{}), WriteJSON(&bytes.Buffer{}, reports), WriteJUnit(&bytes.Buffer{}, reports)); err != nil {
		t.Error(err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("pipe") }

func TestWritersReportWriteErrors(t *testing.T) {
	t.Parallel()
	r := passedReport()
	for name, err := range map[string]error{
		"text":  WriteText(brokenPipe{}, r, TextOptions{}),
		"table": WriteVerdictTable(brokenPipe{}, []*Report{r}, TextOptions{}),
		"json":  WriteJSON(brokenPipe{}, []*Report{r}),
		"junit": WriteJUnit(brokenPipe{}, []*Report{r}),
	} {
		if err == nil {
			t.Errorf("%s swallows the error", name)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	m := newMasker([]string{"abcd", "abcdefgh", "x"})
	for in, want := range map[string]string{
		"abcdefgh abcd x": "*** *** x",
		"token eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.": "token ***",
		"eyJ is no token": "eyJ is no token",
		"":                "",
	} {
		if got := m.mask(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
