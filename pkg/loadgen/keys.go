package loadgen

// This file describes the keys of the scenario language once: the parser
// takes from it which keys an object may have, and Schema what editors show.

// objectDef is one kind of mapping in a scenario.
type objectDef struct {
	name    string // definition name in the JSON Schema
	what    string // how messages call it
	doc     string
	keys    []keyDef
	planned []string // keys of the full language that are not supported yet
}

// keyDef is one key of an object.
type keyDef struct {
	name       string
	typ        schemaType
	doc        string
	examples   []any
	required   bool
	mayBeEmpty bool // `key:` without a value has a meaning
}

func (d *objectDef) key(name string) *keyDef {
	for i := range d.keys {
		if d.keys[i].name == name {
			return &d.keys[i]
		}
	}
	return nil
}

func (d *objectDef) names() []string {
	out := make([]string, len(d.keys))
	for i, k := range d.keys {
		out[i] = k.name
	}
	return out
}

var rootDef = &objectDef{
	name: "scenario", what: "the scenario", doc: "A load scenario of rtk bench.",
	keys: []keyDef{
		{name: "version", typ: constOf(1), doc: "Version of the language, always 1.", examples: []any{1}, required: true},
		{name: "name", typ: textType, doc: "What the scenario shows, for reports. The file's name by default.", examples: []any{"every pod to every pod"}},
		{name: "description", typ: textType, doc: "More about it.", examples: []any{"Runs before each release."}},
		{name: "seed", typ: seedType, doc: "Seed of everything random, decimal or 0x…; a random one is picked and printed when it is absent.", examples: []any{42, "0x7f3a"}},
		{name: "timeout", typ: durationType, doc: "Bound on the whole run, 30m by default.", examples: []any{"5m"}},
		{name: "data", typ: mapOf(refTo("data")), doc: "Files of which each client has a row, by name: {{data.NAME.COLUMN}}.", examples: []any{map[string]any{"users": map[string]any{"file": "users.csv", "order": "unique"}}}},
		{name: "targets", typ: mapOf(refTo("target")), doc: "The endpoints, by name.", examples: []any{map[string]any{"api": map[string]any{"url": "${URL:-http://127.0.0.1:3000}", "protocol": "socketio"}}}, required: true},
		{name: "auth", typ: mapOf(refTo("authProfile")), doc: "Ways to authenticate, by name; groups refer to them.", examples: []any{map[string]any{"member": map[string]any{"jwt": map[string]any{"alg": "HS256", "secret": "${JWT_SECRET}"}}}}},
		{name: "clients", typ: clientsType, doc: "The groups of clients, by name. use: FILE takes the groups of another file, with their targets, auth, data and verify blocks.", examples: []any{map[string]any{"chatters": map[string]any{"count": 500, "flow": []any{map[string]any{"emit": "say", "args": []any{"hi"}}}}}}, required: true},
		{name: "verify", typ: mapOf(refTo("verify")), doc: "Delivery checks between groups, by name.", examples: []any{map[string]any{"lobby": map[string]any{"from": "publishers", "to": "subscribers", "guarantee": "exactlyOnce"}}}},
		{name: "phases", typ: arrayOf(refTo("phase")), doc: "Parts of the run, one after the other: windows for thresholds, and how many clients are connected. The run lasts at least as long as they do.", examples: []any{[]any{map[string]any{"name": "ramp", "rampTo": 4000, "over": "10m"}, map[string]any{"name": "hold", "for": "8h"}}}},
		{name: "scrape", typ: mapOf(refTo("scrape")), doc: "Pages of the targets' own metrics, by name. Thresholds name them with server.: server.process_resident_memory_bytes{target=pod-a}.", examples: []any{map[string]any{"pod-a": map[string]any{"url": "http://10.0.0.11:9090/metrics", "keep": []any{"process_resident_memory_bytes"}}}}},
		{name: "checkpoint", typ: refTo("checkpoint"), doc: "Write a partial report again and again, which is there when the program or the machine dies.", examples: []any{map[string]any{"every": "5m", "file": "soak.ckpt.json"}}},
		{name: "faults", typ: arrayOf(refTo("fault")), doc: "What goes wrong on purpose, and when. thresholds with {during=NAME} and {after=NAME} speak of its time.", examples: []any{[]any{map[string]any{"at": "30s", "name": "flap", "do": "dropConnections", "clients": "herd", "share": "25%", "how": "reset"}}}},
		{name: "thresholds", typ: thresholdsType, doc: "Conditions on metrics: metric{label=value}: expression.", examples: []any{map[string]any{"ack_latency{event=say}": "p99 < 200ms"}}},
		{name: "report", typ: refTo("report"), doc: "Files that each run leaves behind, by format.", examples: []any{map[string]any{"json": "out/report.json", "junit": "out/junit.xml"}}},
		{name: "extends", typ: listOf(textType), doc: "Files that this one is put over: mappings are joined key by key, anything else takes the other's place, and null takes a key away. Relative to this file; a shipped scenario by name.", examples: []any{"base.rtk.yaml", []any{"servers.yaml", "chat.yaml"}}},
		{name: "profiles", typ: mapOf(refTo("profile")), doc: "Changes by name, of which --profile NAME (or RTK_BENCH_PROFILE) puts one over the file as extends does.", examples: []any{map[string]any{"soak": map[string]any{"clients": map[string]any{"chatters": map[string]any{"count": 4000}}}}}},
	},
}

var targetDef = &objectDef{
	name: "target", what: "a target", doc: "An endpoint to connect to.",
	keys: []keyDef{
		{name: "url", typ: textType, doc: "URL of the endpoint: http(s) or ws(s). Path and query may hold {{data.NAME.COLUMN}} and the other variables of a client.", examples: []any{"${URL:-http://127.0.0.1:3000}", "wss://chat.example.org/ws"}},
		{name: "urls", typ: listOf(textType), doc: "Several endpoints of one kind instead of url, as a list or divided by commas. They are named after the target: pod-1, pod-2; the target's name stands for all of them.", examples: []any{"${URLS:-http://127.0.0.1:3000,http://127.0.0.1:3010}", []any{"http://10.0.0.11:3000", "http://10.0.0.12:3000"}}},
		{name: "discover", typ: refTo("discover"), doc: "Look the pods up when the run begins. Scheme, path and query come from url, which may be left out; the targets are called by their pods, or pods-1, pods-2.", examples: []any{map[string]any{"dns": "chat-headless:3000"}}},
		{name: "protocol", typ: enumOf(protocolWords...), doc: "What the endpoint speaks. May be left out when the URL tells, as ws:// does.", examples: []any{"socketio"}},
		{name: "namespace", typ: textType, doc: "Socket.IO namespace, / by default.", examples: []any{"/chat"}},
		{name: "transports", typ: listOf(enumOf("websocket", "polling")), doc: "Socket.IO transports, in order; polling first means upgrade. WebSocket only by default.", examples: []any{[]any{"polling", "websocket"}}},
		{name: "framing", typ: enumOf("nest", "raw"), doc: "Frames of a plain WebSocket endpoint: NestJS' {event, data} (the default) or raw.", examples: []any{"nest"}},
		{name: "cursor", typ: refTo("cursor"), doc: "longpoll: how an answer says where the client is, and how the next request says it.", examples: []any{map[string]any{"from": "$.next", "query": "since"}}},
		{name: "poll", typ: refTo("poll"), doc: "longpoll: what an answer holds, and how long the server holds a request.", examples: []any{map[string]any{"items": "$.events", "wait": "20s"}}},
		{name: "headers", typ: mapOf(textType), doc: "Extra request headers. Texts may hold {{data.NAME.COLUMN}} and the other variables of a client.", examples: []any{map[string]any{"X-Tenant": "acme"}}},
		{name: "insecure", typ: boolType, doc: "Do not verify the server's certificate.", examples: []any{true}},
	},
}

var authProfileDef = &objectDef{
	name: "authProfile", what: "an auth profile", doc: "A way to authenticate.",
	keys: []keyDef{
		{name: "jwt", typ: refTo("jwt"), doc: "Mint a token for each client.", examples: []any{map[string]any{"alg": "HS256", "secret": "${JWT_SECRET}"}}},
		{name: "raw", typ: textType, doc: "Present this string as the token; it may be {{data.NAME.COLUMN}}. One that comes from the environment may stand beside jwt and, when it is not empty, takes its place.", examples: []any{"${TOKEN}", "{{data.users.token}}"}},
		{name: "in", typ: placeType, doc: "Where the token goes. auth.token by default for Socket.IO, header.authorization for the rest.", examples: []any{"auth.token", "query.access_token"}},
	},
}

var jwtDef = &objectDef{
	name: "jwt", what: "a jwt", doc: "How tokens are minted.",
	keys: []keyDef{
		{name: "alg", typ: enumOf(algWords...), doc: "Signature algorithm.", examples: []any{"HS256"}, required: true},
		{name: "secret", typ: textType, doc: "Secret of the HS algorithms.", examples: []any{"${JWT_SECRET}"}},
		{name: "key", typ: textType, doc: "File of the PEM private key of the other algorithms, relative to the scenario, or the PEM text itself.", examples: []any{"keys/dev.pem"}},
		{name: "keyId", typ: textType, doc: "The kid header.", examples: []any{"dev-1"}},
		{name: "claims", typ: mapOf(anyType), doc: "Claims beside exp and iat. Texts may hold {{client.index}}, {{client.group}}, {{target.name}}, {{run.id}}, {{rand}}, {{uuid}}, {{matrix.NAME}} and {{data.NAME.COLUMN}}. A claim whose environment reference is empty is left out.", examples: []any{map[string]any{"sub": "user-{{client.index}}"}}},
		{name: "expiresIn", typ: durationType, doc: "Lifetime, 10m by default.", examples: []any{"10m"}},
	},
}

var groupDef = &objectDef{
	name: "group", what: "a client group", doc: "Clients that do the same.",
	keys: []keyDef{
		{name: "count", typ: intType(1), doc: "How many clients: for each target when there are several, for each cell of a matrix. 1 by default.", examples: []any{500}},
		{name: "target", typ: listOf(textType), doc: "Name of the target, a list of names, or each for all of them. May be left out when there is only one.", examples: []any{"api", "each"}},
		{name: "auth", typ: authRefType, doc: "Auth profile, by name or with changes; none by default.", examples: []any{"member", map[string]any{"use": "member", "expiresIn": "3s"}}},
		{name: "namespace", typ: textType, doc: "Socket.IO namespace instead of the target's.", examples: []any{"/admin"}},
		{name: "multiplex", typ: listOf(textType), doc: "Further Socket.IO namespaces that each client joins over the same connection, as socket.io-client does. Otherwise a namespace has a connection of its own.", examples: []any{[]any{"/feed"}}},
		{name: "connect", typ: refTo("connect"), doc: "How the group connects.", examples: []any{map[string]any{"rate": "100/s"}}},
		{name: "phases", typ: arrayOf(refTo("groupPhase")), doc: "How many clients of this group are connected when, instead of the scenario's phases.", examples: []any{[]any{map[string]any{"rampTo": 500, "over": "30s"}}}},
		{name: "matrix", typ: matrixType, doc: "Axes whose combinations are each tried by count clients. transport, place, case and target have a meaning; any other name gives {{matrix.NAME}}.", examples: []any{map[string]any{"transport": []any{"websocket", "polling"}}}},
		{name: "exclude", typ: arrayOf(exclusionType), doc: "Combinations to leave out, with the reason that the report shows. unless: TEXT keeps them when the text is neither empty nor false, for a switch in the environment.", examples: []any{[]any{map[string]any{"transport": "websocket", "place": "header.authorization", "reason": "browsers can't set it"}}}},
		{name: "expect", typ: refTo("handshakeExpect"), doc: "What accepted and rejected mean for the cases of the matrix.", examples: []any{map[string]any{"accepted": map[string]any{"within": "2s"}}}},
		{name: "sticky", typ: enumOf("probe"), doc: "probe: instead of a flow, each client has long-polling sessions whose requests come over different connections, and finds out whether a balancer keeps them together, and by which cookie (socketio).", examples: []any{"probe"}},
		{name: "read", typ: textType, doc: "Read the socket this slowly, with a small receive buffer, so that the server feels it (socketio and websocket over WebSocket, sse over HTTP/1.1). What the server then drops or whom it disconnects is counted apart and fails nothing by itself.", examples: []any{"1KiB/s"}},
		{name: "reconnect", typ: reconnectType, doc: "How clients come back after a connection was lost, by the server or by a fault. Without it a connection that ends counts against the client, and its flow is over.", examples: []any{map[string]any{"policy": "socketio", "jitter": 0.5}, "eventsource"}},
		skipKey,
		adviceKey,
		{name: "flow", typ: arrayOf(refTo("step")), doc: "What each client does once it is connected, step by step.", examples: []any{[]any{map[string]any{"emit": "join", "args": []any{"lobby"}, "ack": map[string]any{}}}}},
	},
}

var connectDef = &objectDef{
	name: "connect", what: "connect", doc: "How a group connects.",
	keys: []keyDef{
		{name: "rate", typ: rateType, doc: "Connects a second over the whole group, 500/s by default.", examples: []any{"100/s"}},
		{name: "timeout", typ: durationType, doc: "Bound on one handshake, 10s by default.", examples: []any{"5s"}},
		{name: "transports", typ: listOf(enumOf("websocket", "polling")), doc: "Socket.IO transports instead of the target's.", examples: []any{[]any{"polling"}}},
		{name: "http2", typ: boolType, doc: "Ask for HTTP/2 (sse and http).", examples: []any{true}},
		{name: "headers", typ: mapOf(textType), doc: "Request headers of the group, before the target's of the same names. One whose environment reference is empty is left out.", examples: []any{map[string]any{"Origin": "https://app.example.org"}}},
		{name: "lastEventId", typ: textType, doc: "Last-Event-ID of the first connect (sse).", examples: []any{"42"}},
		{name: "expect", typ: refTo("connectExpect"), doc: "What the answer must be (sse).", examples: []any{map[string]any{"status": 200}}},
	},
}

var connectExpectDef = &objectDef{
	name: "connectExpect", what: "connect.expect", doc: "What the answer to the request of an SSE stream must be.",
	keys: []keyDef{
		{name: "status", typ: intType(100), doc: "HTTP status, 200 by default.", examples: []any{200}},
		{name: "contentType", typ: textType, doc: "Media type.", examples: []any{"text/event-stream"}},
		{name: "firstByteWithin", typ: durationType, doc: "Bound on the first byte of the body.", examples: []any{"1s"}},
	},
}

var authRefDef = &objectDef{
	name: "authRef", what: "auth", doc: "A use of an auth profile with changes, or a string to present as it is.",
	keys: []keyDef{
		{name: "use", typ: textType, doc: "Name of the profile.", examples: []any{"member"}},
		{name: "defect", typ: enumOf(defectWords...), doc: "Flaw to put into the token.", examples: []any{"expired"}},
		{name: "expiresIn", typ: durationType, doc: "Lifetime instead of the profile's.", examples: []any{"3s"}},
		{name: "in", typ: placeType, doc: "Place instead of the profile's.", examples: []any{"query.token"}},
		{name: "raw", typ: textType, doc: "Present this string as the token, without a profile.", examples: []any{"not.a.jwt"}},
	},
}

var caseDef = &objectDef{
	name: "case", what: "a case", doc: "One case of an auth matrix.",
	keys: []keyDef{
		{name: "name", typ: textType, doc: "Name of the case in reports.", examples: []any{"wrong key"}, required: true},
		{name: "auth", typ: authRefType, doc: "What the client presents; none means no token.", examples: []any{map[string]any{"use": "base", "defect": "wrongKey"}}, required: true},
		{name: "expect", typ: caseExpectType, doc: "What must happen: accepted, rejected, or {disconnected: {within: 6s}} for a token that ends in mid-session.", examples: []any{"rejected"}, required: true},
		{name: "headers", typ: mapOf(textType), doc: "Request headers of the handshake, before the target's of the same names.", examples: []any{map[string]any{"Origin": "https://evil.example"}}},
		adviceKey,
	},
}

var caseExpectDef = &objectDef{
	name: "caseExpect", what: "expect", doc: "What must happen to the clients of a case.",
	keys: []keyDef{
		{name: "disconnected", typ: refTo("within"), doc: "The server accepts and then ends the connection.", examples: []any{map[string]any{"within": "6s"}}, required: true},
	},
}

var withinDef = &objectDef{
	name: "within", what: "the bound", doc: "A bound in time.",
	keys: []keyDef{{name: "within", typ: durationType, doc: "The bound.", examples: []any{"2s"}, required: true}},
}

var handshakeExpectDef = &objectDef{
	name: "handshakeExpect", what: "expect", doc: "What accepted and rejected mean.",
	keys: []keyDef{
		{name: "accepted", typ: refTo("within"), doc: "Bound on an acceptance.", examples: []any{map[string]any{"within": "2s"}}},
		{name: "rejected", typ: refTo("rejected"), doc: "What counts as a refusal.", examples: []any{map[string]any{"at": []any{"upgrade", "namespace"}, "within": "2s"}}},
	},
}

var rejectedDef = &objectDef{
	name: "rejected", what: "expect.rejected", doc: "What counts as a refusal. A timeout or a network error never does: it is inconclusive.",
	keys: []keyDef{
		{name: "at", typ: listOf(enumOf(stageWords...)), doc: "Where it may happen: upgrade (HTTP status), namespace (CONNECT_ERROR), connected (a disconnect by the server right after). Anywhere by default.", examples: []any{[]any{"upgrade", "namespace"}}},
		{name: "status", typ: listOf(intType(100)), doc: "HTTP statuses that count, at upgrade. Any by default.", examples: []any{[]any{401, 403}}},
		{name: "code", typ: matcherListType, doc: "Codes or messages of the refusal that count, as matchers. Any by default.", examples: []any{[]any{"unauthorized", "/jwt/"}}},
		{name: "within", typ: durationType, doc: "Bound on the refusal, 5s by default.", examples: []any{"2s"}},
		{name: "noEventsBefore", typ: boolType, doc: "No application event may reach the client.", examples: []any{true}},
		{name: "socketClosedWithin", typ: durationType, doc: "The server must close the transport within this time after the refusal.", examples: []any{"5s"}},
	},
}

var verifyDef = &objectDef{
	name: "verify", what: "a verify block", doc: "A delivery check between two groups: every publish with a {{marker}} against every subscriber.",
	keys: []keyDef{
		{name: "from", typ: textType, doc: "Group that publishes.", examples: []any{"publishers"}, required: true},
		{name: "to", typ: textType, doc: "Group that receives.", examples: []any{"subscribers"}, required: true},
		{name: "guarantee", typ: enumOf(guaranteeWords...), doc: "What deliveries must be, exactlyOnce by default.", examples: []any{"exactlyOnce"}},
		{name: "order", typ: enumOf(orderWords...), doc: "Which order must be kept, none by default.", examples: []any{"perPublisher"}},
		{name: "within", typ: durationType, doc: "A delivery that takes longer is late. No bound by default.", examples: []any{"1s"}},
		{name: "settle", typ: durationType, doc: "How long to wait after the last publish: what is missing by then is lost, what comes twice or to the wrong clients until then is found. 2s by default.", examples: []any{"5s"}},
		{name: "groupBy", typ: enumOf("target"), doc: "target prints the pod × pod grid.", examples: []any{"target"}},
		{name: "expect", typ: enumOf("nothing"), doc: "nothing: the subscribers must receive none of it (isolation).", examples: []any{"nothing"}},
		{name: "inPhase", typ: mapOf(enumOf(guaranteeWords...)), doc: "What deliveries must be of messages that are published in a phase, instead of guarantee: while Redis is away, say, only what a classic adapter promises.", examples: []any{map[string]any{"redisDown": "atMostOnce"}}},
		{name: "acrossReconnect", typ: boolType, doc: "What is published while a subscriber is away is expected as well, as of a server that resumes streams or recovers sessions.", examples: []any{true}},
		skipKey,
		adviceKey,
	},
}

var thresholdDef = &objectDef{
	name: "threshold", what: "a threshold", doc: "A condition on a metric.",
	keys: []keyDef{
		{name: "expr", typ: exprType, doc: "The comparison.", examples: []any{"p99 < 200ms"}, required: true},
		{name: "severity", typ: enumOf("fail", "warn"), doc: "warn reports without failing the run.", examples: []any{"warn"}},
		{name: "allowEmpty", typ: boolType, doc: "A metric without samples passes; otherwise it fails.", examples: []any{true}},
		{name: "window", typ: durationType, doc: "The condition must hold in each stretch of the run of this length, wherever it begins; the worst one is shown.", examples: []any{"5m"}},
		{name: "abort", typ: boolType, doc: "End the run as soon as the condition does not hold, with exit code 99. Deliveries count as lost here when settle has passed.", examples: []any{true}},
		{name: "after", typ: durationType, doc: "abort looks at the condition from this time of the run on.", examples: []any{"30s"}},
		{name: "hold", typ: durationType, doc: "recovery_time: how long all must be well again, 10s by default.", examples: []any{"5s"}},
		skipKey,
		adviceKey,
	},
}
