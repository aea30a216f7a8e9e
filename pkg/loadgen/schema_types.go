package loadgen

import "slices"

// schemaType is a fragment of JSON Schema, draft 07.
type schemaType map[string]any

// Scalars may always hold an environment reference, whatever their type.
var envType = refTo("env")

var (
	textType     = schemaType{"type": []any{"string", "number", "boolean"}}
	anyType      = schemaType{}
	boolType     = anyOf(schemaType{"type": "boolean"}, envType)
	durationType = refTo("duration")
	rateType     = refTo("rate")
	seedType     = anyOf(schemaType{"type": "integer", "minimum": 1}, schemaType{"type": "string", "pattern": "^0x[0-9a-fA-F]+$"}, envType)
	placeType    = refTo("place")
	matcherType  = refTo("matcher")
	exprType     = refTo("expr")

	shareType       = anyOf(schemaType{"type": "number", "minimum": 0, "maximum": 1}, schemaType{"type": "string", "pattern": "^[0-9.]+%?$"}, envType)
	matcherListType = anyOf(arrayOf(matcherType), matcherType)
	pacedRateType   = anyOf(rateType, refTo("rateRamp"))
	authRefType     = anyOf(textType, refTo("authRef"))
	caseExpectType  = anyOf(enumOf(OutcomeAccepted, OutcomeRejected), refTo("caseExpect"))
	exclusionType   = refTo("exclusion")
	matrixType      = refTo("matrix")
	thresholdsType  = refTo("thresholds")
	clientsType     = schemaType{
		"type": "object", "additionalProperties": map[string]any(refTo("group")),
		"properties": map[string]any{"use": map[string]any(anyOf(listOf(textType), refTo("group")))},
	}
)

// Words of the language's enums.
var (
	protocolWords  = []string{"socketio", "websocket", "sse", "longpoll", "http"}
	algWords       = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	stageWords     = []string{"upgrade", "namespace", "connected"}
	guaranteeWords = []string{string(AtMostOnce), string(AtLeastOnce), string(ExactlyOnce)}
	orderWords     = []string{string(OrderNone), string(OrderPerPublisher), string(OrderTotal)}
	methodWords    = []string{"POST", "PUT", "PATCH", "GET", "DELETE"}
	defectWords    = defectNames()
)

func refTo(name string) schemaType { return schemaType{"$ref": "#/definitions/" + name} }

func anyOf(types ...schemaType) schemaType {
	list := make([]any, len(types))
	for i, t := range types {
		list[i] = t
	}
	return schemaType{"anyOf": list}
}

func constOf(v any) schemaType { return schemaType{"const": v} }

func enumOf(words ...string) schemaType {
	list := make([]any, len(words))
	for i, w := range words {
		list[i] = w
	}
	return anyOf(schemaType{"enum": list}, envType)
}

func intType(lo int) schemaType {
	return anyOf(schemaType{"type": "integer", "minimum": lo}, schemaType{"type": "string", "pattern": "^[0-9.]+[kM]$"}, envType)
}

func mapOf(t schemaType) schemaType {
	return schemaType{"type": "object", "additionalProperties": map[string]any(t)}
}

func arrayOf(t schemaType) schemaType {
	return schemaType{"type": "array", "items": map[string]any(t)}
}

// listOf is a list, or one text with the entries divided by commas.
func listOf(t schemaType) schemaType {
	return anyOf(schemaType{"type": "array", "minItems": 1, "items": map[string]any(t)}, t, schemaType{"type": "string", "pattern": ","})
}

func metricPattern() string {
	p := ""
	for i, m := range metricTable {
		if i > 0 {
			p += "|"
		}
		p += m.Name
	}
	return "^(" + p + `|server\.([a-zA-Z_:][a-zA-Z0-9_:]*|\$\{.*\}))(\{.*\})?$`
}

func defectNames() []string {
	var out []string
	for _, d := range defects() {
		out = append(out, string(d))
	}
	return slices.Clip(out)
}
