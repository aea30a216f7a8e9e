package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/asyncapi"
	"github.com/realtime-toolkit/rtk/pkg/server/asyncapi/validate"
)

// payloads is what --validate asks for.
func (f *serveFlags) payloads() (v server.PayloadValidator, warn bool, err error) {
	switch f.validate {
	case "reject":
		return validate.New(), false, nil
	case "warn":
		return validate.New(), true, nil
	case "off":
		return nil, false, nil
	}
	modes := []string{"reject", "warn", "off"}
	return nil, false, usagef("--validate %q%s; want reject, warn or off", f.validate, nearest.Hint(f.validate, modes))
}

// contract makes the AsyncAPI document of a gateway whose services are
// registered.
func (f *serveFlags) contract(gateway *server.Server, host string, secure bool) (*asyncapi.Document, error) {
	return asyncapi.New(gateway, asyncapi.Info{
		Title: "rtk gateway", Version: version(), Host: host, Secure: secure,
		Description: "Events of the services that this gateway runs.",
	})
}

// printContract is --print-asyncapi: the document on stdout, without opening a
// socket.
func printContract(env *Env, f *serveFlags, log *slog.Logger) error {
	if f.printAsyncAPI != "yaml" && f.printAsyncAPI != "json" {
		return usagef("--print-asyncapi %q: want yaml or json", f.printAsyncAPI)
	}
	opts, err := f.options(env)
	if err != nil {
		return err
	}
	opts.Logger = log
	if opts.Auth, err = f.verifier(env, log); err != nil {
		return err
	}
	if opts.Auth != nil {
		defer opts.Auth.Close()
	}
	gateway, err := server.New(opts)
	if err != nil {
		return usagef("%w", err)
	}
	p := &pod{log: log, gateway: gateway}
	p.register(context.Background(), f) // registered, not started
	if err := f.routing.declare(gateway); err != nil {
		return err
	}
	doc, err := f.contract(gateway, "127.0.0.1:3000", f.tls.cert != "" || f.tls.mode != "")
	if err != nil {
		return err
	}
	render := doc.YAML
	if f.printAsyncAPI == "json" {
		render = doc.JSON
	}
	b, err := render()
	if err != nil {
		return err
	}
	if _, err := env.Stdout.Write(b); err != nil {
		return fmt.Errorf("print the document: %w", err)
	}
	return nil
}

// withContract serves the document beside the gateway; doc is nil for none.
func withContract(next http.Handler, doc *asyncapi.Document) http.Handler {
	if doc == nil {
		return next
	}
	page := asyncapi.Handler(doc)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/asyncapi", "/asyncapi.json", "/asyncapi.yaml":
			page.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
