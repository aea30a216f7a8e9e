package main

// podDefaults are the variables of shipped scenarios that ask what the server
// can do, as the gateways that bench starts can do it.
var podDefaults = map[string]map[string]string{
	"chat":  {"WHO_EVENT": "presence.list"},
	"chaos": {"KILL": "pod-0", "KILL_REDIS": "1"},
	"audit": {
		"MESSAGE_EVENT": "message",
		"STREAM_PATH":   "/events?topic=rtk-resume",
	},
}

// podFeatures are the flags of those gateways that these scenarios need:
// rooms that tell who is there, and topics that streams can go on with.
var podFeatures = []string{"--presence", "/chat#rtk-chat-*", "--history", "rtk-resume*"}

// lookupFor is lookup for one scenario.
func (r *benchRun) lookupFor(scenario string) func(string) (string, bool) {
	if r.cluster == nil || !shipped(scenario) {
		return r.lookup
	}
	defaults := podDefaults[scenario]
	return func(name string) (string, bool) {
		if v, ok := r.lookup(name); ok {
			return v, true
		}
		v, ok := defaults[name]
		return v, ok
	}
}
