package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"sync"
)

// pods is a small cluster on loopback: an embedded Redis and gateways that
// share it, all child processes.
type pods struct {
	Secret string // HS256 secret of the gateways

	env     *Env
	environ []string // of the gateways
	flags   []string // of the gateways, beside where they listen

	mu       sync.Mutex // guards what follows; a fault may start one again
	redis    *child
	gateways []*child
}

// anywhere lets the system choose a port on loopback.
const anywhere = "127.0.0.1:0"

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
	p := &pods{Secret: secret, env: env, flags: extra, gateways: make([]*child, n)}
	var err error
	if p.redis, err = p.startRedis(ctx, anywhere); err != nil {
		return nil, err
	}
	// Through the environment, so that the secret is in no process list.
	p.environ = []string{"RTK_JWT_SECRET=" + secret, "RTK_REDIS=" + p.redis.URL}
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			p.gateways[i], errs[i] = p.startGateway(ctx, fmt.Sprintf("pod-%d", i), anywhere, anywhere)
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

func (p *pods) startRedis(ctx context.Context, listen string) (*child, error) {
	return startChild(ctx, p.env, "redis", nil, "dev-redis", "--listen", listen)
}

func (p *pods) startGateway(ctx context.Context, name, listen, admin string) (*child, error) {
	args := []string{"serve", "--listen", listen, "--admin-listen", admin, "--drain", "2s"}
	return startChild(ctx, p.env, name, p.environ, append(args, p.flags...)...)
}

// restart starts a process again that a fault has ended, where it was.
func (p *pods) restart(ctx context.Context, c *child) error {
	c.stop() // at the latest now
	var again *child
	var err error
	if c == p.redis {
		again, err = p.startRedis(ctx, hostOf(c.URL))
	} else {
		again, err = p.startGateway(ctx, c.name, hostOf(c.URL), hostOf(c.Admin))
	}
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if c == p.redis {
		p.redis = again
	}
	for i := range p.gateways {
		if p.gateways[i] == c {
			p.gateways[i] = again
		}
	}
	return nil
}

// hostOf is the host:port of a URL that a child has announced.
func hostOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return anywhere
	}
	return u.Host
}

// died names the first process that ended by itself, "" if all are alive but
// those that a fault has ended.
func (p *pods) died() string {
	for _, c := range append([]*child{p.redis}, p.gateways...) {
		if c.exited() && !c.doomed.Load() {
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
