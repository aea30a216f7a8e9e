// Command peer is the smallest gateway on pkg/server, for comparison with the
// servers of the field under one neutral driver:
//
//   - Socket.IO: `join ROOM` joins and acks, `pub M` emits m to the room
//     "room", `send ROOM M` to any, `echo M` acks M;
//   - SSE: GET /events streams, POST /pub publishes the body as one event;
//   - GET /stats prints the echoes and the clients, GET /backplane its state.
//
// It listens on 127.0.0.1:$PORT and, with $REDIS (host:port), joins the other
// pods there with the adapter $ADAPTER: classic, rooms (classic that subscribes
// room by room), sharded or streams. It may import the server and its Redis
// backplane only.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

const room = "room"

func main() {
	if err := run(os.Getenv("PORT"), os.Getenv("REDIS"), os.Getenv("ADAPTER")); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(port, redisAddr, adapter string) error {
	o := server.Options{Logger: slog.New(slog.DiscardHandler), Origins: []string{"*"}}
	if redisAddr != "" {
		b, err := redis.New(backplane(redisAddr, adapter))
		if err != nil {
			return err
		}
		o.Backplane = b
	}
	s, err := server.New(o)
	if err != nil {
		return err
	}
	var echoes atomic.Int64
	gateway(s.Of("/"), &echoes)
	s.Of(server.EventsNamespace)
	if err := s.Start(context.Background()); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	web := &http.Server{Handler: routes(s, &echoes), Protocols: new(http.Protocols)}
	web.Protocols.SetHTTP1(true)
	web.Protocols.SetUnencryptedHTTP2(true)
	web.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 100_000}
	return web.Serve(l)
}

func backplane(addr, adapter string) redis.Options {
	o := redis.Options{URL: "redis://" + addr, Adapter: redis.Adapter(adapter)}
	if adapter == "rooms" {
		o.Adapter, o.RoomSubscriptions = redis.Classic, true
	}
	return o
}

// gateway is the Socket.IO side.
func gateway(ns *server.Namespace, echoes *atomic.Int64) {
	ns.On("join", func(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
		var name string
		if err := json.Unmarshal(e.Args, &name); err != nil {
			return server.Reply{}, err
		}
		return server.Reply{}, c.Join(name)
	})
	ns.On("pub", func(_ context.Context, _ *server.Conn, e *server.Event) (server.Reply, error) {
		return server.Reply{}, ns.To(room).EmitRaw("m", e.Args)
	})
	ns.On("send", func(_ context.Context, _ *server.Conn, e *server.Event) (server.Reply, error) {
		name, m, ok := bytes.Cut(e.Args, []byte(`",`))
		if !ok || len(name) == 0 || name[0] != '"' {
			return server.Reply{}, errors.New("send takes a room, without escapes, and a message")
		}
		return server.Reply{}, ns.To(string(name[1:])).EmitRaw("m", m)
	})
	ns.On("echo", func(_ context.Context, _ *server.Conn, e *server.Event) (server.Reply, error) {
		echoes.Add(1)
		return server.Reply{Args: e.Args}, nil
	})
}

func routes(s *server.Server, echoes *atomic.Int64) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", s)
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = "topic=" + room
		s.ServeHTTP(w, r)
	})
	mux.HandleFunc("POST /pub", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err == nil {
			err = s.Publish(server.EventsNamespace, []string{room}, nil, "message", body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, echoes.Load(), s.Stats().Clients.Total)
	})
	mux.HandleFunc("GET /backplane", func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(s.Stats().Backplane); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}
