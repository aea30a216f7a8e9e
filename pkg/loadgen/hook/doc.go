// Package hook runs the hook processes of exec steps: a program that gets a
// JSON object a line on stdin and answers with one a line on stdout. It knows
// nothing of scenarios; it imports the standard library only.
//
//	p, err := hook.Start(hook.Options{Argv: []string{"node", "sign.mjs"}})
//	defer p.Close()
//	answer, err := p.Call(ctx, []byte(`{"client":{"index":0}}`))
//
// Requests get an "id". An answer that repeats it may come at any time; one
// without an id belongs to the oldest request that has none yet, so that a
// program which answers line by line need not know about ids.
package hook
