package loadgen

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ScrapeReport is what a page of the targets' own metrics showed.
type ScrapeReport struct {
	Name, URL     string // without credentials and query
	Tried, Failed int
	LastError     string // of those that failed
	Series        []ScrapedSeries
}

// ScrapedSeries is one series of a page over the run, times in seconds.
type ScrapedSeries struct {
	Name   string
	Labels map[string]string
	At, V  []float64
}

func (e *engine) scrapeReports() []ScrapeReport {
	var out []ScrapeReport
	for _, r := range e.scraper.list {
		r.mu.Lock()
		x := ScrapeReport{Name: r.x.Name, URL: bareURL(r.x.URL), Tried: r.tried, Failed: r.failed, LastError: r.lastError}
		for _, s := range r.series {
			y := ScrapedSeries{Name: s.name, Labels: s.labels}
			for _, p := range s.points {
				y.At, y.V = append(y.At, p.at), append(y.V, p.v)
			}
			x.Series = append(x.Series, y)
		}
		r.mu.Unlock()
		slices.SortStableFunc(x.Series, func(a, b ScrapedSeries) int {
			return strings.Compare(a.Name+labelText(a.Labels), b.Name+labelText(b.Labels))
		})
		out = append(out, x)
	}
	return out
}

// bareURL is a URL without what may be secret.
func bareURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// scrapes tells which pages could not be read.
func (t *textWriter) scrapes(r *Report) {
	for _, s := range r.Scrapes {
		if s.Failed > 0 {
			t.row("scrape", fmt.Sprintf("%s: %d of %d readings failed: %s", t.clean(s.Name), s.Failed, s.Tried, t.clean(s.LastError)))
		}
	}
}

type (
	jsonScrape struct {
		Name      string              `json:"name" doc:"Name in the scenario."`
		URL       string              `json:"url" doc:"URL of the page, without credentials and query."`
		Tried     int                 `json:"tried" doc:"How often it was read."`
		Failed    int                 `json:"failed" doc:"How often that failed."`
		LastError string              `json:"last_error" doc:"The last failure."`
		Series    []jsonScrapedSeries `json:"series" doc:"What was kept."`
	}
	jsonScrapedSeries struct {
		Name   string            `json:"name" doc:"Name of the metric."`
		Labels map[string]string `json:"labels" doc:"Its labels."`
		At     []float64         `json:"at_s" doc:"When the values were read, since the beginning of the run; in long runs each is the mean of some."`
		V      []float64         `json:"values" doc:"The values."`
	}
)

func newJSONScrape(s *ScrapeReport, m *masker) jsonScrape {
	out := jsonScrape{m.mask(s.Name), m.mask(s.URL), s.Tried, s.Failed, m.mask(s.LastError), []jsonScrapedSeries{}}
	for _, x := range s.Series {
		y := jsonScrapedSeries{x.Name, map[string]string{}, x.At, []float64{}}
		for k, v := range x.Labels {
			y.Labels[k] = m.mask(v)
		}
		for _, v := range x.V {
			y.V = append(y.V, finite(v))
		}
		out.Series = append(out.Series, y)
	}
	return out
}
