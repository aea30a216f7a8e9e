package loadgen

var reconnectWords = []string{"none", string(ReconnectSocketIO), string(ReconnectEventSource), string(ReconnectImmediate), string(ReconnectFixed)}

// reconnectType is a policy with its settings, or the policy alone.
var reconnectType = anyOf(enumOf(reconnectWords...), refTo("reconnect"))

var reconnectDef = &objectDef{
	name: "reconnect", what: "reconnect", doc: "How clients come back after a connection was lost.",
	keys: []keyDef{
		{name: "policy", typ: enumOf(reconnectWords...), doc: "When to try again: as socket.io-client does, as a browser's EventSource does, at once, after a fixed delay, or not at all.", examples: []any{"socketio"}, required: true},
		{name: "initialDelay", typ: durationType, doc: "socketio: delay before the first attempt, doubled with each one. 1s by default.", examples: []any{"1s"}},
		{name: "maxDelay", typ: durationType, doc: "socketio: longest delay, 5s by default.", examples: []any{"5s"}},
		{name: "jitter", typ: shareType, doc: "socketio: how far a delay is spread to both sides, 0.5 by default. 0 lets all clients come back at once.", examples: []any{0.5, "50%"}},
		{name: "delay", typ: durationType, doc: "fixed: the delay. eventsource: the reconnection time until the server names one, 3s by default.", examples: []any{"2s"}},
		{name: "honourRetry", typ: boolType, doc: "eventsource: the server's retry: field sets the delay. True by default, as in browsers.", examples: []any{true}},
		{name: "lastEventId", typ: boolType, doc: "sse: send the id of the last event as Last-Event-ID. True by default with eventsource, as in browsers.", examples: []any{true}},
		{name: "recoverState", typ: boolType, doc: "socketio: ask for the session (connection state recovery). A client that gets it back does not repeat its setup steps. True by default with the policy socketio, as in socket.io-client.", examples: []any{true}},
		{name: "maxAttempts", typ: intType(1), doc: "Attempts in a row before the client gives up, without bound by default.", examples: []any{10}},
		{name: "settle", typ: durationType, doc: "How long the end of the run waits for clients that are away, 30s by default. Who is away then counts as still_disconnected.", examples: []any{"30s"}},
	},
}
