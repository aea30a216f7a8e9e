package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
)

// pods is a small cluster on loopback: an embedded Redis and gateways that
// share it, all child processes.
type pods struct {
	redis    *child
	gateways []*child
	Secret   string // HS256 secret of the gateways
}

// startPods starts n gateways behind one embedded Redis. extra are further
// flags of `rtk serve`.
func startPods(ctx context.Context, env *Env, n int, secret string, extra []string) (*pods, error) {
	if secret == "" {
		key := make([]byte, 32)
		if _, err := rand.Read(key); err != nil {
			return nil, fmt.Errorf("make a secret: %w", err)
		}
		secret = hex.EncodeToString(key)
	}
	p := &pods{Secret: secret, gateways: make([]*child, n)}
	var err error
	if p.redis, err = startChild(ctx, env, "redis", nil, "dev-redis"); err != nil {
		return nil, err
	}
	// Through the environment, so that the secret is in no process list.
	environ := []string{"RTK_JWT_SECRET=" + secret, "RTK_REDIS=" + p.redis.URL}
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--drain", "2s"}, extra...)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			p.gateways[i], errs[i] = startChild(ctx, env, fmt.Sprintf("pod-%d", i), environ, args...)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			p.stop()
			return nil, err
		}
	}
	return p, nil
}

// died names the first process that ended by itself, "" if all are alive.
func (p *pods) died() string {
	for _, c := range append([]*child{p.redis}, p.gateways...) {
		if c.exited() {
			return fmt.Sprintf("%s ended by itself: %s", c.name, c.stderr)
		}
	}
	return ""
}

// stop ends all processes and waits for them.
func (p *pods) stop() {
	var wg sync.WaitGroup
	for _, c := range p.gateways {
		if c != nil {
			wg.Go(c.stop)
		}
	}
	wg.Wait()
	if p.redis != nil {
		p.redis.stop()
	}
}
