// Command chat is a chat gateway made with pkg/server, as an application would
// have one: a service that knows the rules of the chat and no sockets, a gateway
// that talks to clients, and the few lines that put them behind an HTTP server.
//
//	go run ./examples/chat -listen 127.0.0.1:3000
//	rtk watch :3000 -n /chat
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/asyncapi"
	"github.com/realtime-toolkit/rtk/pkg/server/asyncapi/validate"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:3000", "address for clients")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err == nil {
		fmt.Printf("chat: listening on http://%s\n", l.Addr())
		err = run(ctx, l, slog.Default())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then tells the clients and stops.
func run(ctx context.Context, l net.Listener, log *slog.Logger) error {
	gateway, err := server.New(server.Options{
		Logger:      log,
		WSNamespace: "/chat",
		Payloads:    validate.New(),
	})
	if err != nil {
		return err
	}
	gateway.Register(NewGateway(NewRooms()))
	if err := gateway.Start(ctx); err != nil {
		return err
	}
	doc, err := asyncapi.New(gateway, asyncapi.Info{Title: "Chat", Version: "1.0.0"})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", gateway) // /socket.io/, /ws and /events
	for _, path := range []string{"/asyncapi", "/asyncapi.json", "/asyncapi.yaml"} {
		mux.Handle(path, asyncapi.Handler(doc))
	}
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(l) }()
	select {
	case err = <-served:
	case <-ctx.Done():
	}
	// The gateway first: HTTP requests that last end because it ends them.
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, gateway.Shutdown(drain), web.Shutdown(drain))
}
