// Package asyncapi describes a gateway as an AsyncAPI 3.0 document: what its
// clients may send in each namespace and what they receive, with the schemas of
// the payloads, acknowledgements and errors. The document comes from what the
// handlers declared (server.Handle, Namespace.Emits, …), so it can't fall behind
// the code.
//
//	doc, err := asyncapi.New(srv, asyncapi.Info{Title: "Shop", Version: "1.0.0", Host: "api.example.com"})
//	mux.Handle("/asyncapi", asyncapi.Handler(doc))      // a page to read
//	mux.Handle("/asyncapi.json", asyncapi.Handler(doc))
//	mux.Handle("/asyncapi.yaml", asyncapi.Handler(doc))
//
// Its Reflector makes JSON Schemas of Go types. Package validate beside it checks
// payloads against the same schemas.
//
// It imports pkg/server, pkg/server/auth and a YAML encoder.
package asyncapi
