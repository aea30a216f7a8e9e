package loadgen

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"
)

// hostilePage is a page of which every text came from an attacker.
func hostilePage(t *testing.T) []byte {
	t.Helper()
	r := hostileReport()
	const attack = `</style></pre><script>document.title="owned"</script><img src=http://evil.example/x onerror=document.title="owned"><b id=owned style="color:red">{{.}}` + "\u202e"
	r.Scenario, r.File, r.RunID = attack, attack, attack
	r.Targets[0] = TargetReport{attack, `javascript:alert(1)"><script>`, attack}
	r.Groups[0].Name, r.Errors[0].Text, r.Generator.Problems = attack, attack, []string{attack}
	for i := range r.Checks {
		r.Checks[i].Detail += attack
	}
	r.Verify[0].Name = attack
	r.Metrics = append(r.Metrics, recorded(t, DeliveryLatency, nil, time.Millisecond, 40*time.Millisecond), recorded(t, AckLatency, nil, 2*time.Millisecond))
	var b bytes.Buffer
	if err := WriteHTML(&b, []*Report{r, passedReport()}, HTMLOptions{Version: attack}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestHTMLAsksForNothing: the page has no element or attribute that runs or
// loads something.
func TestHTMLAsksForNothing(t *testing.T) {
	t.Parallel()
	page := string(hostilePage(t))
	tags := regexp.MustCompile(`<[a-zA-Z][^>]*>`).FindAllString(page, -1)
	if len(tags) < 100 {
		t.Fatalf("%d elements", len(tags))
	}
	bad := regexp.MustCompile(`(?i)^<(script|img|iframe|link|object|embed|b|base|form|audio|video|image|use)\b|\s(on\w+|style|src|srcset|action|formaction|xlink:href)\s*=|href\s*=\s*"[^#]`)
	for _, tag := range tags {
		if bad.MatchString(tag) {
			t.Errorf("the page has %s", tag)
		}
	}
	if strings.Contains(htmlStyle, "url(") || strings.Contains(htmlStyle, "@import") || strings.Contains(page, "\u202e") {
		t.Error("the style loads something, or text turns around")
	}
}

func TestNiceSteps(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]float64{0: 1, -1: 1, 0.003: 0.005, 1: 1, 1.1: 2, 2.5: 5, 6: 10, 24000: 50000} {
		if got := niceStep(v); got < want*0.999 || got > want*1.001 {
			t.Errorf("niceStep(%v) = %v, want %v", v, got, want)
		}
	}
}
