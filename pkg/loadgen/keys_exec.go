package loadgen

var execDef = &objectDef{
	name: "execStep", what: "an exec step", doc: "Ask a hook process. It gets a JSON object a line on stdin and answers with one a line on stdout; one process serves the whole group until the run ends.",
	keys: []keyDef{
		{name: "exec", typ: anyOf(textType, arrayOf(textType)), doc: "The program with its arguments as a list, or a command line for the shell. It runs in the directory of the scenario.", examples: []any{[]any{"node", "sign.mjs"}, "python3 sign.py"}, required: true},
		{name: "with", typ: anyType, doc: "Sent along as the field with. Texts may hold variables.", examples: []any{map[string]any{"user": "{{data.users.email}}"}}},
		{name: "sets", typ: listOf(textType), doc: "Names that the answer must set; from then on they are {{vars.NAME}}.", examples: []any{[]any{"signature"}}},
		{name: "within", typ: durationType, doc: "Bound on one answer, 10s by default.", examples: []any{"2s"}},
		asKey,
	},
}
