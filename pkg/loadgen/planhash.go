package loadgen

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// planHash identifies the load that a plan makes: two runs can be compared
// only if theirs is the same. It covers who connects, what they do and when,
// but not where to (the URL and name of a target are what a comparison
// varies), nor the secrets, the thresholds, and how the file words it.
//
// It walks the types of the scenario, so that what is added to the language
// is covered from then on.
func planHash(s *Scenario) string {
	h := sha256.New()
	w := hashWriter{w: h, mask: newMasker(s.Secrets), targets: map[string]string{}}
	for i, t := range s.Targets {
		w.targets[t.Name] = "target " + strconv.Itoa(i)
	}
	for _, t := range s.Targets {
		w.target(t)
	}
	w.value(reflect.ValueOf(*s), 0)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// notLoad are the fields that do not change what a plan sends.
var notLoad = map[reflect.Type][]string{
	reflect.TypeFor[Scenario]():  {"Name", "Description", "File", "Seed", "Targets", "Secrets", "Timeout", "Thresholds", "Reports"},
	reflect.TypeFor[JWTSpec]():   {"Secret", "Key", "KeyFile"},
	reflect.TypeFor[Step]():      {"Line"},
	reflect.TypeFor[Exclusion](): {"Reason"},
}

type hashWriter struct {
	w       io.Writer
	mask    *masker
	targets map[string]string // what the name of a target stands for
}

func (w *hashWriter) text(s string) {
	if alias, ok := w.targets[s]; ok {
		s = alias
	}
	s = w.mask.mask(s)
	fmt.Fprintf(w.w, "%d:%s,", len(s), s)
}

// target covers what a target is, not where.
func (w *hashWriter) target(t *Target) {
	if t == nil {
		w.text("no target")
		return
	}
	w.text("target")
	w.text(string(t.Protocol))
	w.text(t.Namespace)
	w.text(string(t.Framing))
	for _, tr := range t.Transports {
		w.text(string(tr))
	}
}

// maxHashDepth keeps a cycle from never ending; the scenario has none.
const maxHashDepth = 40

func (w *hashWriter) value(v reflect.Value, depth int) {
	if depth > maxHashDepth {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		w.pointer(v, depth)
	case reflect.Struct:
		w.structure(v, depth)
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		fmt.Fprintf(w.w, "{%d", len(keys))
		for _, k := range keys {
			w.value(k, depth+1)
			w.value(v.MapIndex(k), depth+1)
		}
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(w.w, "[%d", v.Len())
		for i := range v.Len() {
			w.value(v.Index(i), depth+1)
		}
	case reflect.String:
		w.text(v.String())
	case reflect.Bool:
		fmt.Fprint(w.w, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		fmt.Fprintf(w.w, "%d,", v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		fmt.Fprintf(w.w, "%d,", v.Uint())
	case reflect.Float32, reflect.Float64:
		fmt.Fprintf(w.w, "%g,", v.Float())
	}
}

func (w *hashWriter) pointer(v reflect.Value, depth int) {
	if v.IsNil() {
		w.text("nil")
		return
	}
	switch v.Type() {
	case reflect.TypeFor[*Target]():
		w.text("target")
		w.text(v.Elem().FieldByName("Name").String())
		return
	case reflect.TypeFor[*url.URL]():
		return
	case reflect.TypeFor[*regexp.Regexp]():
		w.text(v.Elem().FieldByName("expr").String())
		return
	}
	w.value(v.Elem(), depth+1)
}

func (w *hashWriter) structure(v reflect.Value, depth int) {
	t := v.Type()
	switch t {
	case reflect.TypeFor[Pos](), reflect.TypeFor[rt.Target]():
		return
	case reflect.TypeFor[Template](), reflect.TypeFor[Matcher]():
		w.text(v.FieldByName("text").String()) // the rest is made of it
		return
	}
	skip := notLoad[t]
	for i := range t.NumField() {
		name := t.Field(i).Name
		if slices.Contains(skip, name) {
			continue
		}
		// A field at its zero value counts for nothing, so that a newer rtk
		// with more fields still gives the same hash.
		if f := v.Field(i); !f.IsZero() {
			w.text(name)
			w.value(f, depth+1)
		}
	}
}
