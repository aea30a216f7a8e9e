package loadgen

// ReportFile is a file that a run is to leave behind.
type ReportFile struct {
	Pos    Pos
	Format string // one of ReportFormats
	Path   string
}

// ReportFormats are the formats of report files, as the scenario and --out name
// them.
var ReportFormats = []string{"json", "junit", "html", "md", "openmetrics", "csv", "text"}

var reportDef = &objectDef{
	name: "report", what: "report", doc: "Files that each run leaves behind, by format; flags of the command replace them format by format.",
	keys: []keyDef{
		{name: "json", typ: textType, doc: "Everything, as rtk schema report describes it.", examples: []any{"out/report.json"}},
		{name: "junit", typ: textType, doc: "JUnit, one case a check, as GitLab and Jenkins show it.", examples: []any{"out/junit.xml"}},
		{name: "html", typ: textType, doc: "One page without scripts or requests.", examples: []any{"out/report.html"}},
		{name: "md", typ: textType, doc: "Markdown, for a comment or a wiki.", examples: []any{"out/report.md"}},
		{name: "openmetrics", typ: textType, doc: "OpenMetrics 1.0, GitLab's metrics report.", examples: []any{"out/metrics.txt"}},
		{name: "csv", typ: textType, doc: "The run over time and all totals, one value a line.", examples: []any{"out/report.csv"}},
		{name: "text", typ: textType, doc: "The text of stdout.", examples: []any{"out/report.txt"}},
	},
}

// reports reads the report key.
func (p *parse) reports(n *node) {
	if n == nil {
		return
	}
	o := p.object(n, reportDef)
	if o == nil {
		return
	}
	seen := map[string]string{}
	for _, format := range ReportFormats {
		v := o.get(format)
		if v == nil {
			continue
		}
		path, ok := p.text(v, format)
		switch {
		case !ok:
		case path == "":
			p.errorf(v.pos, "report %s has no path", format)
		case seen[path] != "":
			p.errorf(v.pos, "report %s goes to the same file as %s", format, seen[path])
		default:
			seen[path] = format
			p.sc.Reports = append(p.sc.Reports, ReportFile{Pos: v.pos, Format: format, Path: path})
		}
	}
}
