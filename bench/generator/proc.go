//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is a process on one core, ended with this one.
type child struct {
	*exec.Cmd
	out, log bytes.Buffer
}

func start(core int, env []string, argv ...string) (*child, error) {
	c := &child{Cmd: exec.Command("taskset", append([]string{"-c", strconv.Itoa(core)}, argv...)...)}
	c.Env = append(os.Environ(), env...)
	c.Stdout, c.Stderr = &c.out, &c.log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c, c.Start()
}

// stop ends a child and what it started, each by its id.
func (c *child) stop() {
	for _, id := range tree(c.Process.Pid)[1:] {
		_ = syscall.Kill(id, syscall.SIGKILL)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
}

// wait is Wait with a bound.
func (c *child) wait(bound time.Duration) error {
	t := time.AfterFunc(bound, func() { _ = c.Process.Kill() })
	defer t.Stop()
	err := c.Wait()
	if err != nil && c.log.Len() > 0 {
		err = fmt.Errorf("%w: %.400s", err, c.log.String())
	}
	return err
}

// tree is a process and all that descend from it.
func tree(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) < 2 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		id, _ := strconv.Atoi(strings.Split(name, "/")[2])
		children[parent] = append(children[parent], id)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// cpu is the processor time of processes in seconds, by the scheduler's account
// of their threads, which counts nanoseconds where proc(5)'s stat counts hundredths.
func cpu(pids []int) float64 {
	var sum int64
	for _, pid := range pids {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, name := range tasks {
			text, err := os.ReadFile(name)
			if err != nil {
				continue
			}
			first, _, _ := strings.Cut(string(text), " ")
			n, _ := strconv.ParseInt(first, 10, 64)
			sum += n
		}
	}
	return float64(sum) / 1e9
}

// resident is the memory of processes in bytes.
func resident(pids []int) (sum int64) {
	for _, pid := range pids {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				sum += kb << 10
			}
		}
	}
	return sum
}

// server is the process under the generators.
type server struct {
	*child
	addr string
}

const upBound = 15 * time.Second

// serve starts a server that listens on 127.0.0.1:$PORT.
func serve(argv ...string) (*server, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(addr)
	c, err := start(0, []string{"PORT=" + port}, argv...)
	if err != nil {
		return nil, err
	}
	s := &server{child: c, addr: addr}
	for deadline := time.Now().Add(upBound); ; time.Sleep(20 * time.Millisecond) {
		if nc, err := net.Dial("tcp", addr); err == nil {
			_ = nc.Close()
			return s, nil
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("%v does not listen: %.400s", argv, s.log.String())
		}
	}
}

var statsClient = http.Client{Timeout: 10 * time.Second}

// stats asks for the echoes and connections so far.
func (s *server) stats() (echoes, conns int, err error) {
	resp, err := statsClient.Get("http://" + s.addr + "/stats")
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err == nil {
		_, err = fmt.Sscan(string(text), &echoes, &conns)
	}
	return echoes, conns, err
}

const connectBound = 90 * time.Second

// await waits until n clients are connected.
func (s *server) await(n int, c *child) error {
	conns := 0
	for deadline := time.Now().Add(connectBound); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		var err error
		if _, conns, err = s.stats(); err != nil {
			return err
		}
		if conns >= n {
			return nil
		}
	}
	return fmt.Errorf("only %d of %d are connected: %.400s%.400s", conns, n, c.log.String(), c.out.String())
}
