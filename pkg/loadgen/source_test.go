package loadgen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parseFiles parses the first of some files, which may name the others.
func parseFiles(profile string, files map[string]string) (*Scenario, Diagnostics) {
	env := func(n string) (string, bool) { return "x-secret", n == "MY_SECRET" }
	return ParseWith("main.yaml", []byte(files["main.yaml"]), ParseOptions{Lookup: env, Profile: profile, Open: func(from, name string) (string, []byte, error) {
		path := beside(from, name)
		src, ok := files[path]
		if !ok {
			return "", nil, os.ErrNotExist
		}
		return path, []byte(src), nil
	}})
}

func TestScenarioOfSeveralFiles(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("testdata/good/language.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parse := func(profile string) *Scenario {
		sc, diags := ParseWith("testdata/good/language.yaml", src, ParseOptions{Lookup: testEnv, Open: openTest, Profile: profile})
		if diags != nil {
			t.Fatal(diags.Format())
		}
		if err := sc.LoadFiles(os.ReadFile); err != nil {
			t.Fatal(err)
		}
		return sc
	}
	show := func(s *Scenario) []string {
		out := []string{s.Name, s.Description}
		for _, x := range s.Targets {
			out = append(out, x.Name+" "+string(x.Protocol)+" "+x.Namespace+" "+x.URL.Host)
		}
		for _, g := range s.Groups {
			out = append(out, g.Name+" "+g.Flow[0].Name+" "+filepath.Base(g.Pos.File))
		}
		for _, x := range s.Thresholds {
			out = append(out, x.Text+" "+filepath.Base(x.Pos.File))
		}
		return out
	}
	sc := parse("")
	want := []string{
		"built upon others", "of the base",
		"api socketio /chat 127.0.0.1:3000", "hook http  127.0.0.1:3001", "pods sse  discovered.invalid", "cluster websocket  h",
		"chatters expect challenge chat.yaml", "writer publish POST more.yaml", "readers on * language.yaml", "sockets wait 1s language.yaml",
		"connect_latency: p99 < 5s chat.yaml", "connect_latency{target=chat-0}: p99 < 1s language.yaml",
	}
	if diff := cmp.Diff(want, show(sc)); diff != "" {
		t.Error(diff)
	}
	if g := sc.group(t, "chatters"); g.Count != 3 || g.Connect.Rate != 100 {
		t.Errorf("the group is not joined: count %d, rate %g", g.Count, g.Connect.Rate)
	}
	if sc.Seed != 0 {
		t.Error("the seed of a used file was taken")
	}
	if diff := cmp.Diff([]string{"ci", "soak"}, sc.Profiles); diff != "" {
		t.Error(diff)
	}
	ci := parse("ci")
	want[10] = "connect_latency: p99 < 1s language.yaml"
	if diff := cmp.Diff(want, show(ci)); diff != "" {
		t.Error(diff)
	}
	if g := ci.group(t, "chatters"); g.Count != 2 {
		t.Errorf("with the profile there are %d clients", g.Count)
	}
}

// A mistake is reported in the file that it is in, and a circle in the one
// that closes it.
func TestScenarioOfSeveralFilesErrors(t *testing.T) {
	t.Parallel()
	const good = "version: 1\ntargets: { a: { url: \"http://x\", protocol: socketio } }\nclients: { g: { flow: [{ emit: x }] } }\n"
	for _, tt := range []struct {
		name, profile string
		files         map[string]string
		want          string
	}{
		{
			"unknown key below", "",
			map[string]string{"main.yaml": "extends: sub/b.yaml\n", "sub/b.yaml": good + "nam: x\n"},
			"sub/b.yaml:4:1: unknown key \"nam\" in the scenario\n  4 | nam: x\n    | ^\n  hint: did you mean",
		},
		{
			"a bad value from below", "",
			map[string]string{"main.yaml": "extends: b.yaml\nclients: { g: { count: 2 } }\n", "b.yaml": strings.Replace(good, "emit: x", "emit: x, rate: 2, for: 1s", 1)},
			"b.yaml:3:41: rate: 2: bare number",
		},
		{
			"a bad value on top", "",
			map[string]string{"main.yaml": "extends: b.yaml\nclients: { g: { count: none } }\n", "b.yaml": good},
			"main.yaml:2:24: count: \"none\"",
		},
		{"broken YAML below", "", map[string]string{"main.yaml": "extends: b.yaml\n" + good, "b.yaml": "a: [\n"}, "b.yaml:1:"},
		{"no mapping below", "", map[string]string{"main.yaml": "extends: b.yaml\n" + good, "b.yaml": "- a\n"}, "b.yaml:1:1: the scenario is a mapping"},
		{
			"environment below", "",
			map[string]string{"main.yaml": "extends: b.yaml\n", "b.yaml": strings.Replace(good, "http://x", "${NOPE}", 1)},
			"b.yaml:2:22: environment variable NOPE is not set",
		},
		{
			"a circle", "",
			map[string]string{"main.yaml": "extends: b.yaml\n" + good, "b.yaml": "extends: c.yaml\n", "c.yaml": "\nextends: b.yaml\n"},
			"c.yaml:2:10: extends goes in a circle: b.yaml → c.yaml → b.yaml",
		},
		{"itself", "", map[string]string{"main.yaml": "extends: main.yaml\n" + good}, "main.yaml:1:10: extends goes in a circle: main.yaml → main.yaml"},
		{"missing", "", map[string]string{"main.yaml": "extends: nope.yaml\n" + good}, "main.yaml:1:10: extends: file does not exist"},
		{"use is missing", "", map[string]string{"main.yaml": good + "verify: {}\n", "x": ""}, "main.yaml:4:9: verify is empty"},
		{"used file", "", map[string]string{"main.yaml": "version: 1\nclients: { use: b.yaml }\n", "b.yaml": strings.Replace(good, "emit: x", "emmit: x", 1)}, "b.yaml:3:26: unknown step \"emmit\""},
		{"no value", "", map[string]string{"main.yaml": good + "extends:\n"}, "main.yaml:4:1: \"extends\" has no value"},
		{"unknown profile", "sok", map[string]string{"main.yaml": good + "profiles: { soak: { seed: 1 }, ci: { seed: 2 } }\n"}, "main.yaml:4:1: unknown profile \"sok\"\n  4 | profiles: { soak: { seed: 1 }, ci: { seed: 2 } }\n    | ^\n  hint: did you mean \"soak\"?"},
		{"no profiles", "ci", map[string]string{"main.yaml": good}, "main.yaml:1:1: profile \"ci\" is asked for, but the scenario has no profiles"},
		{"a profile that changes nothing", "ci", map[string]string{"main.yaml": good + "profiles: { ci: { clients: { g: { flow: [{ emit: x }] } } } }\n"}, "main.yaml:4:13: profile \"ci\" changes nothing"},
		{"an empty profile", "", map[string]string{"main.yaml": good + "profiles: { ci: { naem: x } }\n"}, "main.yaml:4:19: unknown key \"naem\" in a profile"},
		{"extends in a profile", "ci", map[string]string{"main.yaml": good + "profiles: { ci: { extends: b.yaml } }\n"}, "main.yaml:4:19: extends can't stand in a profile"},
		{"use in a profile", "ci", map[string]string{"main.yaml": good + "profiles: { ci: { clients: { use: b.yaml } } }\n"}, "main.yaml:4:30: clients.use can't stand in a profile"},
		{"a mistake in the chosen profile", "ci", map[string]string{"main.yaml": good + "profiles: { ci: { clients: { g: { cuont: 2 } } } }\n"}, "main.yaml:4:35: unknown key \"cuont\""},
		{"null of nothing", "", map[string]string{"main.yaml": "extends: b.yaml\nverify: null\n", "b.yaml": good}, "main.yaml:2:1: \"verify\" has no value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sc, diags := parseFiles(tt.profile, tt.files)
			if sc != nil || !strings.Contains(diags.Format(), tt.want) {
				t.Errorf("got %s\nwant %s", diags.Format(), tt.want)
			}
			if len(diags) > 2 {
				t.Errorf("one mistake gave %d errors:\n%s", len(diags), diags.Format())
			}
		})
	}
	if _, diags := Parse("x.yaml", []byte("extends: b.yaml\n"+good), nil); !strings.Contains(diags.Format(), "x.yaml:1:10: extends: no other file can be read here") {
		t.Error(diags.Format())
	}
}

// What the chosen profile replaces, and what another one holds, needs no
// environment.
func TestOnlyWhatIsUsedNeedsTheEnvironment(t *testing.T) {
	t.Parallel()
	files := map[string]string{"main.yaml": `version: 1
targets: { a: { url: "${CI_URL}", protocol: socketio } }
clients: { g: { flow: [{ emit: x }] } }
profiles:
  local: { targets: { a: { url: "http://127.0.0.1:1" } } }
  soak: { targets: { a: { url: "${SOAK_URL}" } } }
`}
	if _, diags := parseFiles("local", files); diags != nil {
		t.Error(diags.Format())
	}
	for profile, want := range map[string]string{"": "CI_URL", "soak": "SOAK_URL"} {
		if _, diags := parseFiles(profile, files); len(diags) != 1 || !strings.Contains(diags.Format(), want) {
			t.Errorf("profile %q: %s", profile, diags.Format())
		}
	}
}

// A chain of files ends, however it is made.
func TestFilesAreBounded(t *testing.T) {
	t.Parallel()
	n := 0
	_, diags := ParseWith("0", []byte("extends: x\n"), ParseOptions{Open: func(string, string) (string, []byte, error) {
		n++
		return "file" + string(rune('a'+n%26)) + strings.Repeat("x", n), []byte("extends: [x, y, z]\n"), nil
	}})
	if len(diags) != 1 || n > maxFiles {
		t.Errorf("%d files were read: %s", n, diags.Format())
	}
}
