package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"

	"github.com/realtime-toolkit/rtk/pkg/faultproxy"
	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// faultDriver does for the faults of a run what needs the operating system.
type faultDriver struct {
	cluster *pods // nil unless rtk has started gateways
}

var _ loadgen.FaultDriver = (*faultDriver)(nil)

// Proxy implements loadgen.FaultDriver.
func (*faultDriver) Proxy(addr string) (loadgen.FaultProxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &faultLine{faultproxy.New(ln, faultproxy.Options{Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}})}, nil
}

// faultLine is a proxy in the words of a scenario.
type faultLine struct{ p *faultproxy.Proxy }

func (l *faultLine) Addr() string { return l.p.Addr().String() }
func (l *faultLine) Touched() int { return l.p.Stats().Touched }
func (l *faultLine) Close() error { return l.p.Close() }

func (l *faultLine) Set(t loadgen.Toxics) {
	l.p.Set(faultproxy.Toxics{
		Latency: t.Latency, Jitter: t.Jitter, Bandwidth: t.Bandwidth,
		ToServer: t.Blackhole == loadgen.WayBoth || t.Blackhole == loadgen.WayToServer,
		ToClient: t.Blackhole == loadgen.WayBoth || t.Blackhole == loadgen.WayToClient,
		HalfOpen: map[loadgen.Side]faultproxy.Side{loadgen.SideClient: faultproxy.Client, loadgen.SideServer: faultproxy.Server}[t.HalfOpen],
		Refuse:   t.Refuse, ResetAfter: t.ResetAfter, SlowClose: t.SlowClose,
	})
}

// Exec implements loadgen.FaultDriver. The undo is left to a guard before the
// command starts, so that it runs even if this process dies.
func (*faultDriver) Exec(ctx context.Context, f *loadgen.ExecFault) (output string, undo loadgen.FaultUndo, err error) {
	if f.Undo != "" {
		g, err := startGuard(f.Undo, f.Dir)
		if err != nil {
			return "", nil, fmt.Errorf("see to the undo: %w", err)
		}
		undo = func(ctx context.Context) error {
			defer g.release()
			_, err := runShell(ctx, f.Undo, f.Dir)
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	output, err = runShell(ctx, f.Command, f.Dir)
	return output, undo, err
}

// Kill implements loadgen.FaultDriver.
func (d *faultDriver) Kill(ctx context.Context, v loadgen.Victim, f *loadgen.KillFault) (loadgen.FaultUndo, error) {
	pid := v.PID
	var c *child
	if pid == 0 {
		if c = d.child(v); c == nil {
			return nil, errors.New(d.unknown(v))
		}
		if c.exited() {
			return nil, fmt.Errorf("%s is not running", c.name)
		}
		pid = c.cmd.Process.Pid
		c.doomed.Store(f.Signal != "STOP")
	}
	var undo loadgen.FaultUndo
	switch {
	case f.Signal == "STOP":
		g, err := startGuard(fmt.Sprintf("kill -CONT %d", pid), "")
		if err != nil {
			return nil, fmt.Errorf("see to the undo: %w", err)
		}
		undo = func(context.Context) error {
			defer g.release()
			return signalProcess(pid, "CONT")
		}
	case f.Restart && c != nil:
		undo = func(ctx context.Context) error { return d.cluster.restart(ctx, c) }
	}
	if err := signalProcess(pid, f.Signal); err != nil {
		return undo, fmt.Errorf("%s process %d: %w", f.Signal, pid, err)
	}
	if c == nil || f.Signal == "STOP" {
		return undo, nil
	}
	select { // its end is the fault
	case <-c.done:
	case <-ctx.Done():
	}
	return undo, nil
}

// child finds the process that rtk has started for a victim, nil if it has not.
func (d *faultDriver) child(v loadgen.Victim) *child {
	if d.cluster == nil {
		return nil
	}
	d.cluster.mu.Lock()
	defer d.cluster.mu.Unlock()
	if v.Redis {
		return d.cluster.redis
	}
	for _, c := range d.cluster.gateways {
		if u, err := url.Parse(c.URL); err == nil && v.Target.URL != nil && u.Host == v.Target.URL.Host {
			return c
		}
	}
	return nil
}

func (d *faultDriver) unknown(v loadgen.Victim) string {
	if v.Redis {
		return "rtk has started no Redis here"
	}
	return fmt.Sprintf("rtk has not started %s, so it can't kill it", v.Target.Name)
}

// check finds before the run what can't work.
func (d *faultDriver) check(sc *loadgen.Scenario) error {
	const mend = "rtk starts gateways and their Redis when there is no --target; anything else is killed by kill: {pid: N} or by exec"
	for _, f := range sc.Faults {
		if f.Kill == nil {
			continue
		}
		for _, v := range f.Kill.Victims() {
			switch {
			case v.PID != 0 && !processExists(v.PID):
				return usagef("%s: fault %s: there is no process %d that rtk may send a signal to", f.Pos, f.Name, v.PID)
			case v.PID == os.Getpid():
				return usagef("%s: fault %s: process %d is rtk itself", f.Pos, f.Name, v.PID)
			case v.PID == 0 && d.child(v) == nil:
				return hint(usagef("%s: fault %s: %s", f.Pos, f.Name, d.unknown(v)), mend)
			}
		}
	}
	return nil
}

// needsPods reports whether a scenario's faults speak of processes that rtk
// starts.
func needsPods(sc *loadgen.Scenario) bool {
	for _, f := range sc.Faults {
		if f.Kill != nil && f.Kill.PID == 0 {
			return true
		}
	}
	return false
}
