package main

import (
	"log/slog"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/server/peers"
)

// peersOf makes the pod's way to the other pods, nil without --advertise. stop
// frees it and may be nil.
func (f *serveFlags) peersOf(env *Env, log *slog.Logger) (p *peers.Peers, stop func(), err error) {
	if f.advertise == "" {
		for _, name := range []string{"peers", "peer-secret"} {
			if f.changed(name) {
				return nil, nil, hint(usagef("--%s does nothing without --advertise", name), "add   --advertise http://THIS-POD:3000")
			}
		}
		return nil, nil, nil
	}
	if len(f.peers) == 0 && f.redis == "" {
		return nil, nil, hint(usagef("--advertise: no way to find the other pods"), "add   --redis URL or --peers http://POD:3000,…")
	}
	secret, from, err := f.peerSecret(env)
	if err != nil {
		return nil, nil, err
	}
	po := peers.Options{
		Advertise: f.advertise, Static: f.peers, Secret: []byte(secret), Logger: log,
		// A GET waits for a heartbeat at most.
		AnswerTimeout: f.pingInterval + f.pingTimeout + server.DefaultHandshakeTimeout,
		MaxBody:       int64(f.maxPayload),
	}
	if f.redis != "" {
		o := f.backplane
		o.Logger = log
		d, err := redis.NewDirectory(o)
		if err != nil {
			return nil, nil, usagef("--redis: %w", err)
		}
		po.Directory, stop = d, d.Close
	}
	if p, err = peers.New(po); err != nil {
		if stop != nil {
			stop()
		}
		return nil, nil, usagef("--advertise, --peers, --%s: %s", from, strings.TrimPrefix(err.Error(), "peers: "))
	}
	return p, stop, nil
}

// peerSecret is the secret that the pods share, by default that of the tokens:
// keys for the two purposes are derived apart.
func (f *serveFlags) peerSecret(env *Env) (secret, from string, err error) {
	from = "peer-secret"
	value := f.peerSecretFlag
	if value == "" && !f.changed(from) {
		from, value = "jwt-secret", f.jwtSecret
	}
	if value == "" {
		return "", from, hint(usagef("--advertise: the pods need a secret that they share"), "add   --peer-secret @FILE")
	}
	secret, err = f.secret(env, from, value)
	return secret, from, err
}
