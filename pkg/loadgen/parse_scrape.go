package loadgen

import "net/url"

var scrapeDef = &objectDef{
	name: "scrape", what: "a scrape", doc: "A page of metrics in the text format of Prometheus or OpenMetrics that is read during the run and put on its timeline.",
	keys: []keyDef{
		{name: "url", typ: textType, doc: "URL of the page.", examples: []any{"http://10.0.0.11:9090/metrics"}, required: true},
		{name: "keep", typ: matcherListType, doc: "Names of the metrics to keep for the report, or /re/. Those that thresholds name (server.NAME) are kept anyway.", examples: []any{[]any{"process_resident_memory_bytes", "/^nodejs_eventloop_lag_/"}}},
		{name: "every", typ: durationType, doc: "How often it is read, 5s by default.", examples: []any{"10s"}},
		{name: "headers", typ: mapOf(textType), doc: "Request headers, for instance to authenticate.", examples: []any{map[string]any{"Authorization": "Bearer ${METRICS_TOKEN}"}}},
		skipKey,
	},
}

func (p *parse) scrape(name string, key, value *node) {
	o := p.object(value, scrapeDef)
	if o == nil {
		return
	}
	x := &Scrape{Pos: key.pos, Name: name, Every: o.duration("every", defaultScrapeEvery), Header: p.headers(o.get("headers"))}
	if n := o.get("url"); n != nil {
		if s, ok := p.text(n, "url"); ok {
			u, err := url.Parse(s)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				p.hintf(n.pos, "write for example http://10.0.0.11:9090/metrics", "%s is no http or https URL", n.describe())
			} else if password, has := u.User.Password(); has {
				p.addSecret(password)
			}
			x.URL = s
		}
	}
	if n := o.get("keep"); n != nil {
		items := []*node{n}
		if n.kind == sequenceNode {
			items = p.items(n, "keep")
		}
		for _, item := range items {
			x.Keep = append(x.Keep, p.matcher(item))
		}
	}
	p.sc.Scrapes = append(p.sc.Scrapes, x)
	if reason := o.skipped(); reason != "" {
		p.skips[x] = reason
	}
}

// checkScrapes reports pages of which nothing is kept, and thresholds on
// metrics that no page can have.
func (p *parse) checkScrapes() {
	asked := false
	for _, t := range p.sc.Thresholds {
		if t.def == nil {
			continue
		}
		asked = true
		if len(p.sc.Scrapes) == 0 {
			p.hintf(t.Pos, "add scrape: { pod: { url: \"http://…/metrics\" } }", "nothing measures %s: it needs scrape", t.Metric)
		}
		for _, l := range t.Labels {
			if l.Key == LabelTarget && !l.Not && !p.hasScrape(l.Value) {
				p.errorf(t.Pos, "no scrape is called %q", clip(printable(l.Value), 60))
			}
		}
	}
	for _, x := range p.sc.Scrapes {
		if len(x.Keep) == 0 && !asked {
			p.hintf(x.Pos, "add keep: [NAME], or a threshold on server.NAME", "nothing of scrape %q is kept", x.Name)
		}
	}
}

func (p *parse) hasScrape(name string) bool {
	for _, x := range p.sc.Scrapes {
		if x.Name == name {
			return true
		}
	}
	return false
}
