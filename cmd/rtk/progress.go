package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// plainEvery is how often progress writes a line where no terminal shows it.
const plainEvery = 10 * time.Second

// progress writes one line about a run to stderr: rewritten in place on a
// terminal, a fresh line every ten seconds elsewhere.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	live  bool
	off   bool
	name  string
	width int
	last  time.Duration
	drawn bool
}

// newProgress makes the progress of mode auto, plain or none.
func newProgress(env *Env, mode string) *progress {
	live := env.IsTerminal(env.Stderr) && env.Getenv("TERM") != "dumb" && env.Getenv("CI") == ""
	return &progress{w: env.Stderr, live: live && mode == "auto", off: mode == "none", width: env.Width()}
}

// begin names the scenario that runs next.
func (p *progress) begin(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.last = name, 0
}

// show is loadgen.Options.Progress.
func (p *progress) show(s loadgen.Snapshot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.off || !p.live && s.Elapsed-p.last < plainEvery {
		return
	}
	p.last = s.Elapsed
	phase := s.Phase
	if s.Part != "" { // the scenario's own name says more
		phase = s.Part
	}
	line := fmt.Sprintf("rtk: %s %s %s  %s/%s clients  %s/s sent  %s/s received  p99 %s  errors %d",
		p.name, clock(s.Elapsed), phase, thousands(int64(s.Open)), thousands(int64(s.Planned)),
		short(s.SentRate), short(s.RecvRate), seconds(s.P99), s.Errors)
	if !p.live {
		fmt.Fprintln(p.w, line)
		return
	}
	if len(line) >= p.width {
		line = line[:max(0, p.width-1)]
	}
	fmt.Fprint(p.w, "\r\x1b[K", line)
	p.drawn = true
}

// end takes the live line away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// short prints a rate with at most four significant characters.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.1fM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.0fk", v/1e3)
	case v >= 1e3:
		return fmt.Sprintf("%.1fk", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}

func seconds(v float64) string {
	if v == 0 {
		return "–"
	}
	return time.Duration(v * float64(time.Second)).Round(100 * time.Microsecond).String()
}

// thousands prints 12,480.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 && s[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}
