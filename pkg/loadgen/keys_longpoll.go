package loadgen

var cursorDef = &objectDef{
	name: "cursor", what: "cursor", doc: "How a longpoll endpoint says where a client is.",
	keys: []keyDef{
		{name: "from", typ: textType, doc: "JSONPath of the next cursor within an answer, $.cursor by default.", examples: []any{"$.next"}},
		{name: "query", typ: textType, doc: "Query parameter that carries the cursor, since by default.", examples: []any{"since"}},
		{name: "first", typ: textType, doc: "Cursor of the first request; none by default.", examples: []any{"0"}},
	},
}

var pollDef = &objectDef{
	name: "poll", what: "poll", doc: "What the answers of a longpoll endpoint hold, and how long it holds a request.",
	keys: []keyDef{
		{name: "items", typ: textType, doc: "JSONPath of the list of events within an answer, $.events by default; $ for an answer that is the list.", examples: []any{"$.events"}},
		{name: "event", typ: textType, doc: "JSONPath of an event's name within it. Events without one are called message.", examples: []any{"$.event"}},
		{name: "data", typ: textType, doc: "JSONPath of an event's data within it; the whole event by default.", examples: []any{"$.data"}},
		{name: "gaps", typ: textType, doc: "JSONPath of what the server says about missing events; anything there counts in poll_gaps. $.gaps by default.", examples: []any{"$.gaps"}},
		{name: "wait", typ: textType, doc: "How long the server shall hold a request, as it wants it written.", examples: []any{"20s", "20"}},
		{name: "waitQuery", typ: textType, doc: "Query parameter that carries wait, wait by default.", examples: []any{"timeout"}},
		{name: "timeout", typ: durationType, doc: "Bound on one request, 90s by default.", examples: []any{"30s"}},
	},
}
