package redisconn

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const mapPatience = 500 * time.Millisecond

func (d *Dialer) dialNode(ctx context.Context) (found *conn, err error) {
	try := func(ctx context.Context, addr string) error {
		c, err := d.dial(ctx, addr)
		if err != nil {
			return err
		}
		m, err := d.introduce(ctx, c)
		if err == nil && !slices.Contains(m.Nodes, addr) {
			err = errReplica
		}
		if err != nil {
			_ = c.Conn.Close()
			return err
		}
		found = c
		return nil
	}
	if err = d.each(ctx, d.nodes(), try); errors.Is(err, errReplica) { // it has told of the masters
		err = d.each(ctx, d.nodes(), try)
	}
	return found, err
}

func (d *Dialer) introduce(ctx context.Context, c *conn) (*Map, error) {
	if err := login(ctx, c, d.target.Username, d.target.Password); err != nil {
		return nil, err
	}
	return d.ask(ctx, c)
}

func (d *Dialer) ask(ctx context.Context, c *conn) (*Map, error) {
	answer, err := call(ctx, c, "CLUSTER", "INFO")
	if err != nil {
		return nil, err
	}
	if text, _ := answer.(string); !strings.Contains(text, "cluster_state:ok") {
		return nil, errors.New("CLUSTERDOWN the node doesn't see the cluster")
	}
	if answer, err = call(ctx, c, "CLUSTER", "SLOTS"); err != nil {
		return nil, err
	}
	m, ok := parseSlots(answer, c.addr)
	if !ok {
		return nil, errAnswer
	}
	d.learn(m)
	return m, nil
}

func (d *Dialer) Map(ctx context.Context) (m *Map, err error) {
	if d.target.Kind != Cluster {
		return SingleMap(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()
	d.mapMu.Lock()
	defer d.mapMu.Unlock()
	if c := d.mapConn; c != nil {
		quick, cancel := context.WithTimeout(ctx, mapPatience)
		m, err = d.ask(quick, c)
		cancel()
		if err == nil {
			return m, nil
		}
		d.mapConn = nil
		_ = c.Close()
	}
	err = d.each(ctx, d.nodes(), func(ctx context.Context, addr string) error {
		c, err := d.dial(ctx, addr)
		if err != nil {
			return err
		}
		if m, err = d.introduce(ctx, c); err == nil {
			_, err = d.keep(c, nil)
		}
		if err != nil {
			_ = c.Conn.Close()
			return err
		}
		d.mapConn = c
		return nil
	})
	return m, err
}

func (d *Dialer) nodes() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known
}

func (d *Dialer) learn(m *Map) {
	d.mu.Lock()
	known := slices.Clone(m.Nodes)
	for _, a := range d.target.Addrs {
		if !slices.Contains(known, a) {
			known = append(known, a)
		}
	}
	if !slices.Equal(known, d.known) {
		d.known, d.first = known, rand.IntN(len(m.Nodes))
	}
	var old []*conn
	for c := range d.conns {
		if slices.Contains(d.masters, c.addr) && !slices.Contains(m.Nodes, c.addr) {
			old = append(old, c)
		}
	}
	d.masters = m.Nodes
	d.mu.Unlock()
	for _, c := range old {
		_ = c.Close()
	}
}
