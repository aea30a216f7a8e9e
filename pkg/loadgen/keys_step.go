package loadgen

// scheduleKeys are the keys of every step that sends.
var scheduleKeys = []keyDef{
	{name: "rate", typ: pacedRateType, doc: "Sends a second for each client, on an open schedule: latency counts from the intended instant. {from: 1/s, to: 10/s, over: 30s} changes it evenly.", examples: []any{"2/s", map[string]any{"from": "1/s", "to": "10/s", "over": "30s"}}},
	{name: "totalRate", typ: pacedRateType, doc: "Sends a second over the whole group, instead of rate.", examples: []any{"500/s"}},
	{name: "for", typ: durationType, doc: "How long to send. In a scenario with phases to their end by default.", examples: []any{"60s"}},
	{name: "count", typ: intType(1), doc: "How many sends for each client, instead of for.", examples: []any{100}},
}

var asKey = keyDef{name: "as", typ: textType, doc: "Name of the step, for thresholds and reports.", examples: []any{"recovered"}}

var emitDef = &objectDef{
	name: "emitStep", what: "an emit step", doc: "Send an event, once or at a rate.",
	keys: append([]keyDef{
		{name: "emit", typ: textType, doc: "Name of the event.", examples: []any{"say"}, required: true},
		{name: "args", typ: arrayOf(anyType), doc: "Arguments. Texts may hold {{marker}}, {{seq}}, {{client.index}} and the other variables. { $binary: BASE64 }, { $bytes: 1KiB } (filler) and { $text: TEXT } are binary data.", examples: []any{[]any{"lobby", "{{marker}}"}}},
		{name: "data", typ: anyType, doc: "The only argument, or the data of a plain WebSocket frame; as binary data the whole of a binary frame.", examples: []any{map[string]any{"room": "lobby", "text": "{{marker}}"}}},
		{name: "argsJSON", typ: textType, doc: "All arguments as the text of a JSON array, for instance from the environment. A variable outside of quotes is a number.", examples: []any{`["lobby", {"text": "{{marker}}", "n": {{seq}}}]`}},
		{name: "namespace", typ: textType, doc: "One of the group's multiplex namespaces instead of its own.", examples: []any{"/feed"}},
		{name: "ack", typ: refTo("ack"), doc: "Ask for an ack and wait for it. {} bounds it by 10s.", examples: []any{map[string]any{"within": "1s"}}, mayBeEmpty: true},
		{name: "outcome", typ: mapOf(refTo("outcome")), doc: "Classes of sends by what came back, the first that matches. Sends that match none are class other.", examples: []any{map[string]any{"accepted": map[string]any{"ack": map[string]any{"$.ok": true}}, "throttled": map[string]any{"anyOf": []any{map[string]any{"event": "rate_limited"}, map[string]any{"disconnect": "/throttl/"}}}}}},
		asKey,
	}, scheduleKeys...),
	planned: []string{"marker", "seqFrom", "rampTo", "think"},
}

var onDef = &objectDef{
	name: "onStep", what: "an on step", doc: "Count and verify incoming events.",
	keys: []keyDef{
		{name: "on", typ: textType, doc: "Name of the event, * for any.", examples: []any{"message"}, required: true},
		{name: "namespace", typ: textType, doc: "Only events of this namespace, where the group has several (multiplex).", examples: []any{"/feed"}},
		{name: "at", typ: textType, doc: "JSONPath of the marker within the first argument; the whole body is scanned by default.", examples: []any{"$.text"}},
		{name: "until", typ: enumOf("end"), doc: "end: stay until the run ends.", examples: []any{"end"}},
		{name: "count", typ: intType(1), doc: "Or: until so many events came.", examples: []any{10}},
		{name: "for", typ: durationType, doc: "Or: for so long.", examples: []any{"30s"}},
		asKey,
	},
}

var expectDef = &objectDef{
	name: "expectStep", what: "an expect step", doc: "Wait for one event.",
	keys: []keyDef{
		{name: "expect", typ: textType, doc: "Name of the event, * for any.", examples: []any{"welcome"}, required: true},
		{name: "match", typ: matcherType, doc: "What its first argument must be.", examples: []any{map[string]any{"$.ok": true}}},
		{name: "within", typ: durationType, doc: "Bound, 10s by default.", examples: []any{"2s"}},
		asKey,
	},
}

var waitDef = &objectDef{
	name: "waitStep", what: "a wait step", doc: "Do nothing for a while.",
	keys: []keyDef{{name: "wait", typ: durationType, doc: "How long.", examples: []any{"5s"}, required: true}, asKey},
}

var barrierDef = &objectDef{
	name: "barrierStep", what: "a barrier step", doc: "Wait until every client of every group whose flow has this barrier has reached it.",
	keys: []keyDef{{name: "barrier", typ: textType, doc: "Name of the barrier.", examples: []any{"ready"}, required: true}, asKey},
}

var publishDef = &objectDef{
	name: "publishStep", what: "a publish step", doc: "Send an HTTP request, once or at a rate. Its target is of protocol http.",
	keys: append([]keyDef{
		{name: "publish", typ: enumOf(methodWords...), doc: "Method.", examples: []any{"POST"}, required: true},
		{name: "path", typ: textType, doc: "Appended to the path of the target's URL; it may hold variables.", examples: []any{"/api/publish", "/rooms/{{client.index % 10}}"}},
		{name: "json", typ: anyType, doc: "Body, sent as JSON. Texts may hold variables.", examples: []any{map[string]any{"topic": "news", "data": "{{marker}}"}}},
		{name: "body", typ: textType, doc: "Body as the text of a JSON value, instead of json.", examples: []any{`{"text": "{{marker}}", "n": {{seq}}}`}},
		{name: "expect", typ: refTo("publishExpect"), doc: "What the answer must be; any 2xx by default.", examples: []any{map[string]any{"status": 202}}},
		asKey,
	}, scheduleKeys...),
}

var publishExpectDef = &objectDef{
	name: "publishExpect", what: "expect", doc: "What the answer to a request must be.",
	keys: []keyDef{{name: "status", typ: listOf(intType(100)), doc: "Statuses that count as success.", examples: []any{202, []any{200, 202}}, required: true}},
}

var ackDef = &objectDef{
	name: "ack", what: "ack", doc: "Bounds and checks an ack.",
	keys: []keyDef{
		{name: "within", typ: durationType, doc: "Bound, 10s by default.", examples: []any{"1s"}},
		{name: "match", typ: matcherType, doc: "What its first argument must be.", examples: []any{map[string]any{"$.ok": true}}},
	},
}

var outcomeDef = &objectDef{
	name: "outcome", what: "an outcome class", doc: "What puts a send into the class: one of ack, event, disconnect and anyOf.",
	keys: append([]keyDef{
		{name: "anyOf", typ: arrayOf(refTo("outcomeWhen")), doc: "Several conditions of which one must hold.", examples: []any{[]any{map[string]any{"event": "rate_limited"}}}},
	}, outcomeWhenDef.keys...),
}

var outcomeWhenDef = &objectDef{
	name: "outcomeWhen", what: "an outcome condition", doc: "One of ack, event and disconnect.",
	keys: []keyDef{
		{name: "ack", typ: matcherType, doc: "The ack's first argument matches; {} or nothing for any ack.", examples: []any{map[string]any{"$.ok": true}}, mayBeEmpty: true},
		{name: "event", typ: textType, doc: "This event came instead of an ack.", examples: []any{"rate_limited"}},
		{name: "match", typ: matcherType, doc: "What the event's first argument must be.", examples: []any{map[string]any{"$.code": "rate_limited"}}},
		{name: "disconnect", typ: matcherType, doc: "The connection was closed with a matching reason; {} for any.", examples: []any{"/throttl/"}, mayBeEmpty: true},
	},
}

// stepDefs are the kinds of step by the key that names them, in the order in
// which the parser looks for them: expect is also a key of publish.
var stepDefs = []struct {
	key string
	def *objectDef
}{
	{"emit", emitDef},
	{"on", onDef},
	{"publish", publishDef},
	{"wait", waitDef},
	{"barrier", barrierDef},
	{"exec", execDef},
	{"expect", expectDef},
}

// plannedSteps are kinds of step of the full language.
var plannedSteps = []string{"loop", "think", "leave", "disconnect", "reconnect", "poll", "connect"}

// objectDefs is every definition, in the order of the schema.
var objectDefs = []*objectDef{
	skipDef,
	targetDef, authProfileDef, jwtDef, groupDef, connectDef, connectExpectDef, authRefDef, caseDef, caseExpectDef,
	cursorDef, pollDef, reconnectDef, withinDef, handshakeExpectDef, rejectedDef, emitDef, onDef, expectDef, waitDef, barrierDef, publishDef,
	phaseDef, groupPhaseDef, rateRampDef, scrapeDef, checkpointDef, publishExpectDef, ackDef, outcomeDef, outcomeWhenDef, verifyDef, thresholdDef,
	execDef, dataDef, discoverDef, kubernetesDef, reportDef,
	faultDef, proxyFaultDef, killFaultDef,
}
