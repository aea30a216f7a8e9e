package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Scrape is one page of metrics that is read again and again during a run.
type Scrape struct {
	Pos    Pos
	Name   string // its label target
	URL    string
	Every  time.Duration
	Keep   []*Matcher // names to keep beside those of the thresholds
	Header http.Header
}

// Bounds of what a page may take.
const (
	defaultScrapeEvery = 5 * time.Second
	maxScrapeTime      = 5 * time.Second
	maxPage            = 4 << 20
	maxScraped         = 1000 // series of a page
	maxScrapePoints    = 2048 // of a series; past that, each two become one
)

// scraper reads the pages of a run.
type scraper struct {
	e    *engine
	want map[string]bool // names that thresholds ask for
	list []*scrapeRun
	quit chan struct{}
	wg   sync.WaitGroup
	last bool // some threshold asks for the last value
}

// scrapeRun is one page during a run.
type scrapeRun struct {
	x *Scrape

	mu             sync.Mutex
	series         []*scrapedSeries
	byKey          map[string]*scrapedSeries
	tried, failed  int
	lastError      string
	badLines, over int
}

// scrapedSeries is one series of a page.
type scrapedSeries struct {
	name   string
	labels map[string]string
	points []point
}

func (e *engine) startScraper() *scraper {
	s := &scraper{e: e, want: map[string]bool{}, quit: make(chan struct{})}
	for _, t := range e.plan.Scenario.Thresholds {
		if t.def == nil {
			continue
		}
		s.want[t.Metric[len(serverPrefix):]] = true
		s.last = s.last || slices.ContainsFunc(t.Exprs, func(x ThresholdExpr) bool { return x.Agg == "last" })
	}
	for _, x := range e.plan.Scenario.Scrapes {
		r := &scrapeRun{x: x, byKey: map[string]*scrapedSeries{}}
		s.list = append(s.list, r)
		s.wg.Go(func() { s.loop(r) })
	}
	return s
}

func (s *scraper) loop(r *scrapeRun) {
	tick := time.NewTicker(r.x.Every)
	defer tick.Stop()
	for {
		s.once(r)
		select {
		case <-s.quit:
			s.once(r) // what is left when everyone has gone
			return
		case <-tick.C:
		}
	}
}

// stop takes the last reading and ends the goroutines. A server needs a moment
// to notice that its clients have gone.
func (s *scraper) stop() {
	if len(s.list) > 0 && s.last {
		time.Sleep(time.Second)
	}
	close(s.quit)
	s.wg.Wait()
}

// once reads the page.
func (s *scraper) once(r *scrapeRun) {
	at := s.e.now()
	page, err := s.fetch(r.x)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried++
	if err == nil {
		found := 0
		r.badLines += parseMetrics(page, func(x exposed) {
			found++
			r.add(x, at, s.want)
		})
		if found == 0 {
			err = errors.New("no metric is on the page")
		}
	}
	if err != nil {
		r.failed++
		r.lastError = s.e.errs.clean(err.Error())
	}
}

func (s *scraper) fetch(x *Scrape) ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.e.work, min(maxScrapeTime, x.Every))
	defer cancel()
	resp, err := s.e.opt.Requester.Request(ctx, &rt.Request{Method: http.MethodGet, URL: x.URL, Header: x.Header, MaxBody: maxPage + 1})
	switch {
	case err != nil:
		return nil, err
	case resp.Status != http.StatusOK:
		return nil, fmt.Errorf("status %d", resp.Status)
	case len(resp.Body) > maxPage:
		return nil, errors.New("the page is larger than 4 MiB")
	}
	return resp.Body, nil
}

// add keeps a sample if it is wanted. mu is held.
func (r *scrapeRun) add(x exposed, at time.Duration, want map[string]bool) {
	if !want[x.name] && !slices.ContainsFunc(r.x.Keep, func(m *Matcher) bool { return m.Match([]byte(x.name)) }) {
		return
	}
	key := x.key()
	s := r.byKey[key]
	if s == nil {
		if len(r.series) >= maxScraped {
			r.over++
			return
		}
		s = &scrapedSeries{name: x.name, labels: x.labels}
		r.byKey[key] = s
		r.series = append(r.series, s)
	}
	if n := len(s.points); n > 0 && s.points[n-1].at == at.Seconds() {
		return // twice on one page
	}
	if len(s.points) >= maxScrapePoints {
		s.points = thin(s.points, maxScrapePoints/2)
	}
	s.points = append(s.points, point{at.Seconds(), x.value})
}

// points is the sum, at each reading, of the series of a metric whose labels
// satisfy the conditions, within some stretches.
func (r *scrapeRun) points(name string, labels []LabelMatch, list []stretch) []point {
	r.mu.Lock()
	defer r.mu.Unlock()
	sums := map[float64]float64{}
	for _, s := range r.series {
		if s.name != name || !matchesAll(labels, s.labels) {
			continue
		}
		for _, p := range s.points {
			at := seconds(p.at)
			if slices.ContainsFunc(list, func(x stretch) bool { return x.from <= at && at <= x.to }) {
				sums[p.at] += p.v
			}
		}
	}
	out := make([]point, 0, len(sums))
	for at, v := range sums {
		out = append(out, point{at, v})
	}
	slices.SortFunc(out, func(a, b point) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	return out
}

// failure says in words how reading went wrong, "" when it did not.
func (r *scrapeRun) failure() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == 0 {
		return ""
	}
	return fmt.Sprintf("%s: %d of %d scrapes failed, the last with: %s", r.x.Name, r.failed, r.tried, r.lastError)
}

// scraped makes a series for each page of a threshold's metric.
func (e *engine) scraped(t *Threshold, list []stretch) *seriesList {
	l := &seriesList{e: e, took: length(list).Seconds()}
	var own []LabelMatch
	for _, m := range t.seriesLabels() {
		if m.Key != LabelTarget {
			own = append(own, m)
		}
	}
	for _, r := range e.scraper.list {
		labels := map[string]string{LabelTarget: r.x.Name}
		fits := true
		for _, m := range t.seriesLabels() {
			fits = fits && (m.Key != LabelTarget || m.Matches(labels))
		}
		if fits {
			l.list = append(l.list, &series{def: t.metric(), labels: labels, points: r.points(t.Metric[len(serverPrefix):], own, list)})
		}
	}
	return l
}
