package loadgen

import (
	"maps"
	"reflect"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/jsondoc"
)

const draft07 = "http://json-schema.org/draft-07/schema#"

// Schema is the JSON Schema (draft 07) of the scenario language, for editors
// and other tools. It is made from the table that the parser checks keys
// with. It knows the shape of a file; references, units and combinations are
// the parser's.
func Schema() []byte {
	root := objectSchema(rootDef)
	root["$schema"] = draft07
	root["title"] = "rtk bench scenario"
	// What a file leaves out may stand in one that it is put over.
	root["anyOf"] = []any{
		map[string]any{"required": root["required"]},
		map[string]any{"required": []any{"extends"}},
		map[string]any{"required": []any{"clients"}, "properties": map[string]any{"clients": map[string]any{"required": []any{"use"}}}},
	}
	delete(root, "required")
	for _, v := range root["properties"].(map[string]any) {
		p := v.(map[string]any)
		if inner, ok := p["additionalProperties"].(map[string]any); ok { // null takes away what is below
			p["additionalProperties"] = map[string]any(anyOf(schemaType(inner), schemaType{"type": "null"}))
		}
	}
	defs := map[string]any{}
	for _, d := range objectDefs {
		defs[d.name] = map[string]any(objectSchema(d))
	}
	maps.Copy(defs, valueDefinitions())
	defs[profileDef.name] = map[string]any(objectSchema(profileDef))
	root["definitions"] = defs
	return jsondoc.Marshal(root)
}

func objectSchema(d *objectDef) schemaType {
	props := map[string]any{}
	var required []any
	for _, k := range d.keys {
		props[k.name] = map[string]any(k.schema())
		if k.required {
			required = append(required, k.name)
		}
	}
	s := schemaType{"type": "object", "description": d.doc, "properties": props, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	return s
}

// schema is the key's type with its documentation. Beside a $ref, draft 07
// ignores other keywords, so references are wrapped.
func (k *keyDef) schema() schemaType {
	s := schemaType{"description": k.doc, "examples": k.examples}
	typ := k.typ
	if k.mayBeEmpty {
		typ = anyOf(typ, schemaType{"type": "null"})
	}
	if _, isRef := typ["$ref"]; isRef {
		s["allOf"] = []any{map[string]any(typ)}
		return s
	}
	maps.Copy(s, typ)
	return s
}

// valueDefinitions are the types that are no plain objects.
func valueDefinitions() map[string]any {
	steps := make([]any, len(stepDefs))
	for i, s := range stepDefs {
		steps[i] = map[string]any(refTo(s.def.name))
	}
	duration := `[0-9]+(\.[0-9]+)?(ns|us|µs|μs|ms|s|m|h|d)`
	rate := `[0-9]+(\.[0-9]+)? */ *([0-9.]*(ns|us|µs|μs|ms|s|m|h|d))+`
	text := func(doc, pattern string, examples ...any) map[string]any {
		return map[string]any{"type": "string", "description": doc, "pattern": pattern, "examples": examples}
	}
	matrixAxis := listOf(textType)
	return map[string]any{
		"env":      text("A text with an environment reference: ${VAR}, ${VAR:-default} or ${VAR:?message}.", `\$\{`, "${URL:-http://127.0.0.1:3000}"),
		"duration": text("A time with its unit.", `^(`+duration+`)+$|\$\{`, "200ms", "1m30s"),
		"rate":     text("Events in a time; 2 * 20/s is a multiple.", `^([0-9.]+ *\* *)?`+rate+`$|\$\{`, "2/s", "30/m", "10/100ms"),
		"place":    text("Where a token travels.", `^(auth\.token|header\.authorization|subprotocol|(cookie|query)\..+)$|\$\{`, "auth.token", "cookie.session"),
		"expr": map[string]any(anyOf(
			schemaType{"type": "string", "description": "aggregate comparison value, such as p99 < 200ms, count == 0, between 9/s and 11/s, within 10% of 20/s.", "examples": []any{"p99 < 200ms", "count == 0", "rate >= 99.9%", "within 10% of 20/s"}},
			schemaType{"type": "array", "minItems": 1, "items": map[string]any{"type": "string"}},
		)),
		"matcher": map[string]any{
			"description": "A condition on a JSON value: a text is exact, /re/ a regular expression, numbers and true, false, null are equal values; {gte: 1} and the like compare; {$.a.b[0]: COND} looks at a path; {name: COND} is a subset of fields; a list matches element by element.",
			"examples":    []any{map[string]any{"$.ok": true}, "/jwt/", map[string]any{"gte": 1, "lt": 5}},
		},
		"step":  map[string]any{"description": "One step of a flow: emit, on, expect, wait, barrier or publish.", "oneOf": steps},
		"cases": map[string]any{"type": "array", "minItems": 1, "items": map[string]any(refTo(caseDef.name))},
		"matrix": map[string]any{
			"type": "object", "description": "Axes by name. transport, place, case and target have a meaning.", "minProperties": 1,
			"properties": map[string]any{
				AxisTransport: described(listOf(enumOf("websocket", "polling")), "Socket.IO transports.", []any{"websocket", "polling"}),
				AxisPlace:     described(listOf(placeType), "Where the token goes.", []any{"auth.token", "query.token"}),
				AxisCase:      described(refTo("cases"), "Cases of an auth check.", []any{map[string]any{"name": "missing", "auth": "none", "expect": "rejected"}}),
				AxisTarget:    described(listOf(textType), "Names of targets.", []any{"pod-a", "pod-b"}),
			},
			"additionalProperties": map[string]any(matrixAxis),
		},
		"exclusion": map[string]any{
			"type": "object", "description": "One combination: a value for each of some axes.", "required": []any{"reason"}, "minProperties": 2,
			"properties": map[string]any{
				"reason": described(textType, "Why; the report shows it.", "browsers can't set it"),
				"unless": described(textType, "Keeps the combination when the text is neither empty nor false.", "${JWT_AUD:-}"),
			},
			"additionalProperties": map[string]any(textType),
		},
		"thresholds": map[string]any{
			"type": "object", "description": "Conditions by metric, with optional labels in braces.", "minProperties": 1,
			"patternProperties":    map[string]any{metricPattern(): map[string]any(thresholdValue())},
			"properties":           metricProperties(),
			"additionalProperties": false,
		},
	}
}

func described(t schemaType, doc string, example any) map[string]any {
	k := keyDef{typ: t, doc: doc, examples: []any{example}}
	return map[string]any(k.schema())
}

func thresholdValue() schemaType {
	one := anyOf(refTo("expr"), refTo(thresholdDef.name))
	return anyOf(refTo("expr"), refTo(thresholdDef.name), arrayOf(one), schemaType{"type": "null"})
}

// metricProperties lists the metrics by name, so that editors complete them.
func metricProperties() map[string]any {
	out := map[string]any{}
	for _, m := range metricTable {
		p := exprParser{def: &m}
		k := keyDef{typ: thresholdValue(), doc: m.Doc + " (" + string(m.Kind) + ")", examples: []any{p.example()}}
		out[m.Name] = map[string]any(k.schema())
	}
	return out
}

// ReportSchema is the JSON Schema (draft 07) of WriteJSON's output.
func ReportSchema() []byte {
	return jsondoc.Schema(reflect.TypeFor[jsonDocument](), jsondoc.Options{
		Title: "rtk bench report", ID: JSONSchemaID, Prefix: "json",
		Enums: map[reflect.Type][]any{
			reflect.TypeFor[Verdict]():     {Pass, Fail, Inconclusive, Unreachable, Interrupted, TimedOut},
			reflect.TypeFor[CheckStatus](): {CheckPass, CheckFail, CheckWarn, CheckInconclusive, CheckSkipped},
		},
	})
}
