package loadgen

// skipKey leaves a part of a scenario out where it does not apply.
var skipKey = keyDef{
	name: "skip", typ: anyOf(refTo("skip"), arrayOf(refTo("skip"))),
	doc:      "Leaves it out when one of the conditions holds; the report says why. What depends on a group that is left out is left out with it.",
	examples: []any{map[string]any{"unless": "${STREAM_PATH:-}", "reason": "no event stream is known (STREAM_PATH is not set)"}},
}

// adviceKey is what the reader of a report is told to do.
var adviceKey = keyDef{
	name: "advice", typ: textType,
	doc:      "One line of advice that reports print where this fails.",
	examples: []any{"check the token in the handshake, before the connection is accepted"},
}

var skipDef = &objectDef{
	name: "skip", what: "skip", doc: "A condition, usually an environment reference: empty, false, no, off and 0 are no. One of if and unless.",
	keys: []keyDef{
		{name: "if", typ: textType, doc: "Skips when the text says yes.", examples: []any{"${NO_HTTP2:-}"}, mayBeEmpty: true},
		{name: "unless", typ: textType, doc: "Skips when the text says no.", examples: []any{"${STREAM_PATH:-}"}, mayBeEmpty: true},
		{name: "reason", typ: textType, doc: "Why; the report shows it.", examples: []any{"no event stream is known (STREAM_PATH is not set)"}, required: true},
	},
}
