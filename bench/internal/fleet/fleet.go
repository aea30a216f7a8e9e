//go:build linux

package fleet

import (
	"fmt"
	"net"
	"slices"
	"time"
)

// Server is what the pods of a fleet are.
type Server struct {
	Name string
	Argv []string
	Env  []string // besides PORT and, with several pods, REDIS
}

// Fleet is a Redis and the pods on it.
type Fleet struct {
	Redis *Process // nil for one pod
	Pods  []*Process
}

// Start runs pods of a server on one core, and a Redis for them when they are
// several or withRedis is set. A negative core is any.
func Start(s Server, pods, core int, withRedis bool) (*Fleet, error) {
	f := &Fleet{}
	env := s.Env
	if pods > 1 || withRedis {
		redis, err := startRedis(core)
		if err != nil {
			return nil, err
		}
		f.Redis = redis
		env = append(slices.Clone(env), "REDIS="+redis.Addr)
	}
	for i := range pods {
		addr, err := freeAddr()
		if err != nil {
			f.Stop()
			return nil, err
		}
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			f.Stop()
			return nil, err
		}
		p, err := startProcess(core, addr, s.Argv, append(slices.Clone(env), "PORT="+port))
		if err != nil {
			f.Stop()
			return nil, fmt.Errorf("%s, pod %d: %w", s.Name, i, err)
		}
		f.Pods = append(f.Pods, p)
	}
	return f, nil
}

func startRedis(core int) (*Process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	return startProcess(core, addr, []string{
		"redis-server", "--bind", host, "--port", port, "--save", "", "--appendonly", "no",
		"--client-output-buffer-limit", "pubsub 256mb 128mb 60",
	}, nil)
}

// Addrs are where the pods listen.
func (f *Fleet) Addrs() []string {
	var list []string
	for _, p := range f.Pods {
		list = append(list, p.Addr)
	}
	return list
}

// PodsCPU is the processor time of all pods together.
func (f *Fleet) PodsCPU() (sum time.Duration) {
	for _, p := range f.Pods {
		sum += p.CPU()
	}
	return sum
}

// RedisCPU is that of Redis.
func (f *Fleet) RedisCPU() time.Duration {
	if f.Redis == nil {
		return 0
	}
	return f.Redis.CPU()
}

// Stop ends all processes.
func (f *Fleet) Stop() {
	for _, p := range f.Pods {
		p.stop()
	}
	if f.Redis != nil {
		f.Redis.stop()
	}
}
