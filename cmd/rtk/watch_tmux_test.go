package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// tmux is a real terminal on a server of its own.
type tmux struct {
	t      *testing.T
	socket string
}

// newTmux opens a shell in a terminal of 100 by 30. Without tmux the test is
// skipped, in CI it fails.
func newTmux(t *testing.T) *tmux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		rttest.Missing(t, "tmux is missing")
	}
	m := &tmux{t, fmt.Sprintf("rtk-test-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))}
	// CI would turn the screen off, and NO_COLOR the colours.
	m.run("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "env -u CI -u NO_COLOR TERM=screen-256color PS1='prompt> ' sh")
	t.Cleanup(func() { m.run("kill-server") })
	m.wait("prompt>")
	return m
}

func (m *tmux) run(args ...string) string {
	m.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-L", m.socket}, args...)...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (m *tmux) keys(keys ...string) { m.run(append([]string{"send-keys"}, keys...)...) }

func (m *tmux) text(text string) { m.run("send-keys", "-l", text) }

// wait polls the screen until want stands on it.
func (m *tmux) wait(want string) string {
	m.t.Helper()
	var screen string
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(30 * time.Millisecond) {
		screen = m.run("capture-pane", "-p")
		if strings.Contains(screen, want) {
			return screen
		}
	}
	m.t.Fatalf("no %q in\n%s", want, screen)
	return ""
}

// sane proves that the terminal is as a shell needs it.
func (m *tmux) sane() {
	m.t.Helper()
	m.text("stty -a | grep -cE ' (icanon|echo) '; echo 'ter''minal is back'")
	m.keys("Enter")
	screen := m.wait("terminal is back")
	if strings.Contains(screen, "\n0\n") {
		m.t.Errorf("the terminal is still raw:\n%s", screen)
	}
}

func TestWatchInARealTerminal(t *testing.T) {
	t.Parallel()
	s := startServeCmd(t, nil, "--service", "chat,feed,echo")
	path, err := exec.LookPath("rtk")
	if err != nil {
		rttest.Missing(t, err.Error())
	}
	m := newTmux(t)
	m.text(fmt.Sprintf("cd %s && HOME=. %s watch %s -n /chat", t.TempDir(), path, s.public))
	m.keys("Enter")
	m.wait("● open")
	m.keys("i")
	m.wait("enter send")
	m.text("/join lobby")
	m.keys("Enter")
	m.wait(`#0 {"ok":true`)
	m.text(`message {"room":"lobby","text":"日本 \u001b[31m"}`)
	m.keys("Enter")
	m.wait(`"id":`)
	m.keys("Escape")
	m.wait("space pause") // a key right behind it would be alt and the key
	m.keys("?")
	m.wait("newest, and follow")
	m.run("resize-window", "-x", "60", "-y", "15")
	m.wait("1 Events  2 JSON")
	m.run("resize-window", "-x", "100", "-y", "30")
	m.keys("Escape")
	m.wait("┌─ Connection ")
	m.keys("q")
	m.wait("out 2  reconnects 0") // the line that stays
	m.sane()

	for _, how := range []struct {
		signal string
		code   string
	}{{"TERM", "143"}, {"INT", "130"}} {
		m.keys("clear", "Enter")
		m.text(fmt.Sprintf("sh -c 'echo $$ > pid; HOME=. exec %s watch %s -n /chat'; echo 'co''de' $?", path, s.public))
		m.keys("Enter")
		m.wait("● open")
		m.keys("i") // in the middle of typing
		m.wait("enter send")
		dir := strings.TrimSpace(m.run("display-message", "-p", "#{pane_current_path}"))
		pid, err := os.ReadFile(dir + "/pid")
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("kill", "-"+how.signal, strings.TrimSpace(string(pid))).CombinedOutput(); err != nil {
			t.Fatalf("kill: %v %s", err, out)
		}
		m.wait("code " + how.code)
		m.sane()
	}
	m.keys("clear", "Enter")
	m.text(fmt.Sprintf("HOME=. %s watch %s -n /chat; echo 'co''de' $?", path, s.public))
	m.keys("Enter")
	m.wait("● open")
	m.keys("C-c")
	m.wait("code 130")
	m.sane()
}
