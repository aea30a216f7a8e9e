package loadgen

var dataDef = &objectDef{
	name: "data", what: "a data feeder", doc: "Rows of a file of which each client has one, as {{data.NAME.COLUMN}}.",
	keys: []keyDef{
		{name: "file", typ: textType, doc: "CSV with a header line, or JSON Lines (.jsonl, .ndjson) with an object on each line. Relative to the scenario.", examples: []any{"users.csv"}, required: true},
		{name: "order", typ: enumOf(dataOrderWords...), doc: "Which row a client has: sequence (row client.index, the default), random (from the seed), or unique (no other client of the run has the same). A client keeps its row.", examples: []any{"unique"}},
		{name: "onEnd", typ: enumOf(dataEndWords...), doc: "What becomes of clients for which there is no row: repeat (begin again, the default), stop (they take no part), or fail (the run does not begin, the default with unique).", examples: []any{"fail"}},
		{name: "secret", typ: listOf(textType), doc: "Columns that no output may show. Those with password, token, secret or key in their name are secret anyway.", examples: []any{[]any{"password"}}},
		{name: "fields", typ: listOf(textType), doc: "Names of the columns of a CSV file without a header line.", examples: []any{[]any{"email", "password"}}},
		{name: "skipHeader", typ: boolType, doc: "The CSV file has a header line all the same; fields stands in its place.", examples: []any{true}},
		{name: "delimiter", typ: textType, doc: "What divides the columns of a CSV file, a comma by default; tab for a tab.", examples: []any{";"}},
	},
}

var (
	dataOrderWords = []string{string(DataSequence), string(DataRandom), string(DataUnique)}
	dataEndWords   = []string{string(DataRepeat), string(DataStop), string(DataFail)}
)
