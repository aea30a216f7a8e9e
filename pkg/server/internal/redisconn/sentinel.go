package redisconn

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
)

const watchEvery = time.Second

func (d *Dialer) Moves() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.target.Kind != Sentinel {
		return 0
	}
	return d.moves
}

func (d *Dialer) dialMaster(ctx context.Context) (*conn, error) {
	addr, err := d.master(ctx)
	if err != nil {
		return nil, err
	}
	c, err := d.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	if err = d.isMaster(ctx, c); err != nil {
		_ = c.Conn.Close()
		return nil, err
	}
	return c, nil
}

func (d *Dialer) isMaster(ctx context.Context, c *conn) error {
	if err := login(ctx, c, d.target.Username, d.target.Password); err != nil {
		return err
	}
	answer, err := call(ctx, c, "ROLE")
	if err != nil {
		return err
	}
	if list, ok := answer.([]any); !ok || len(list) == 0 || list[0] != "master" {
		return errReplica
	}
	return nil
}

func (d *Dialer) master(ctx context.Context) (addr string, err error) {
	t := d.target
	err = d.each(ctx, t.Addrs, func(ctx context.Context, sentinel string) error {
		c, err := d.dial(ctx, sentinel)
		if err != nil {
			return err
		}
		defer c.Conn.Close()
		if err := login(ctx, c, t.SentinelUsername, t.SentinelPassword); err != nil {
			return fmt.Errorf("sentinel: %w", err)
		}
		answer, err := call(ctx, c, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", t.Master)
		if err != nil {
			return fmt.Errorf("sentinel: %w", err)
		}
		list, _ := answer.([]any)
		if len(list) != 2 {
			return fmt.Errorf("sentinel knows no master %q", t.Master)
		}
		host, _ := list[0].(string)
		port, _ := list[1].(string)
		if n, err := strconv.Atoi(port); err != nil || n < 1 || host == "" {
			return errAnswer
		}
		addr = net.JoinHostPort(host, port)
		return nil
	})
	return addr, err
}

func (d *Dialer) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(d.ctx, d.timeout)
		addr, err := d.master(ctx)
		cancel()
		if err != nil {
			continue // no Sentinel to ask: what stands, stands
		}
		d.mu.Lock()
		var old []*conn
		for c := range d.conns {
			if c.addr != addr {
				old = append(old, c)
			}
		}
		d.mu.Unlock()
		for _, c := range old {
			_ = c.Close()
		}
	}
}
