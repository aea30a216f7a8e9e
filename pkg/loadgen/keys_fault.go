package loadgen

var faultDef = &objectDef{
	name: "fault", what: "a fault", doc: "Something that goes wrong on purpose, at a known time: one of do, proxy, exec and kill. A fault that hits nobody, or never happens, fails the run.",
	keys: []keyDef{
		{name: "name", typ: textType, doc: "Name, for thresholds (delivery_lost{during=flap}) and reports.", examples: []any{"flap"}},
		{name: "at", typ: durationType, doc: "When, counted from the start of the run; with in, from the start of the phase.", examples: []any{"30s"}},
		{name: "in", typ: textType, doc: "Phase in which it happens, at its start unless at says more.", examples: []any{"podKill"}},
		{name: "every", typ: durationType, doc: "Again and again after this time, as long as the run or the phase lasts.", examples: []any{"20s"}},
		{name: "times", typ: intType(1), doc: "With every: how often in all.", examples: []any{3}},
		{name: "for", typ: durationType, doc: "How long it lasts; what can be undone is undone then.", examples: []any{"20s"}},

		{name: "do", typ: enumOf(doWords...), doc: "dropConnections: break connections of clients, from their side.", examples: []any{"dropConnections"}},
		{name: "clients", typ: textType, doc: "do: group whose connections break, all groups by default.", examples: []any{"readers"}},
		{name: "share", typ: shareType, doc: "do: share of those that are connected, 100% by default. Which ones depends on the seed only.", examples: []any{"25%"}},
		{name: "how", typ: enumOf(howWords...), doc: "do: reset (a TCP reset, the default), fin (the end of the stream without the protocol's goodbye), or blackhole (neither reads nor writes, for as long as for says; then the socket is reset).", examples: []any{"reset"}},

		{name: "proxy", typ: refTo("proxyFault"), doc: "Disturb the way to a target. All connections to it go through a proxy from the start of the run.", examples: []any{map[string]any{"target": "pod-b", "latency": "200ms", "jitter": "50ms", "for": "20s"}}},

		{name: "exec", typ: textType, doc: "Run a command of the shell. It must succeed. Only in a scenario that is a file of yours, or with --allow-exec.", examples: []any{"docker compose stop redis"}},
		{name: "undo", typ: textType, doc: "exec: command that undoes it, run after for or at the end of the run, also when the run is interrupted or rtk dies.", examples: []any{"docker compose start redis"}},
		{name: "timeout", typ: durationType, doc: "exec: bound on each of the two commands, 30s by default.", examples: []any{"1m"}},

		{name: "kill", typ: anyOf(textType, refTo("killFault")), doc: "Send a signal to a gateway that rtk started (by its target), to its embedded Redis (redis), or to any process ({pid: 123}; as exec, only in a file of yours).", examples: []any{"pod-1", "redis", map[string]any{"pid": 4711}}},
		{name: "signal", typ: enumOf(signalWords...), doc: "kill: KILL (the default), TERM, or STOP, which is followed by CONT after for.", examples: []any{"STOP"}},
		{name: "restart", typ: boolType, doc: "kill: start it again at the same address after for, at once without for. Only what rtk started.", examples: []any{true}},

		skipKey,
	},
}

var proxyFaultDef = &objectDef{
	name: "proxyFault", what: "proxy", doc: "What a proxy in front of a target does. Delays and rates are for each connection and each direction.",
	keys: []keyDef{
		{name: "target", typ: textType, doc: "Name of the target.", examples: []any{"pod-b"}, required: true},
		{name: "for", typ: durationType, doc: "How long; the same as for beside proxy.", examples: []any{"20s"}},
		{name: "latency", typ: durationType, doc: "Delay each way.", examples: []any{"200ms"}},
		{name: "jitter", typ: durationType, doc: "Spread of the delay; the order stays.", examples: []any{"50ms"}},
		{name: "bandwidth", typ: byteRateType, doc: "Bytes a second.", examples: []any{"64KiB/s"}},
		{name: "blackhole", typ: enumOf(wayWords...), doc: "Nothing goes this way: both, toServer or toClient. What was held back goes on afterwards, as after a repaired network.", examples: []any{"both"}},
		{name: "halfOpen", typ: enumOf(sideWords...), doc: "The side that goes on believing in the open connections, while the other sees a reset: client or server.", examples: []any{"server"}},
		{name: "refuse", typ: boolType, doc: "Reset new connections.", examples: []any{true}},
		{name: "resetAfter", typ: sizeType, doc: "Reset a connection at both ends after so many bytes to the client, in the middle of a message or not.", examples: []any{"4KiB"}},
		{name: "slowClose", typ: durationType, doc: "Hold the end of a connection back for so long, so that a close frame is not followed by a FIN.", examples: []any{"10s"}},
	},
}

var killFaultDef = &objectDef{
	name: "killFault", what: "kill", doc: "A process to kill.",
	keys: []keyDef{
		{name: "pid", typ: intType(2), doc: "Its process id.", examples: []any{4711}, required: true},
	},
}

// Words of the faults.
var (
	doWords     = []string{"dropConnections"}
	howWords    = []string{"reset", "fin", "blackhole"} // by rt.BreakHow
	wayWords    = []string{string(WayBoth), string(WayToServer), string(WayToClient)}
	sideWords   = []string{string(SideClient), string(SideServer)}
	signalWords = []string{"KILL", "TERM", "STOP"}

	sizeType     = anyOf(schemaType{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? *([kMGT]?B|[KMGT]iB)$`}, envType)
	byteRateType = anyOf(schemaType{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? *([kMGT]?B|[KMGT]iB) */ *s$`}, envType)
)
