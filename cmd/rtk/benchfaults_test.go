//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

func TestRunShell(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tc := range []struct {
		name, command, output, err string
	}{
		{"prints", "pwd; echo more >&2", dir + "\nmore", ""},
		{"fails", "echo no such container; exit 3", "no such container", "exit status 3: no such container"},
		{"is not there", "no-such-command-anywhere", "not found", "exit status 127"},
		{"prints much", "yes 0123456789 | head -c 100000", strings.Repeat("0123456789\n", 9), ""},
		{"leaves something behind", "sleep 4 & echo started", "started", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, err := runShell(t.Context(), tc.command, dir)
			if !strings.Contains(out, tc.output) || len(out) > shellTail {
				t.Errorf("printed %d bytes: %.200q, want %q", len(out), out, tc.output)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
		})
	}
}

// TestRunShellEndsAll checks that a command that takes too long is killed with
// all that it started.
func TestRunShellEndsAll(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := runShell(ctx, fmt.Sprintf("sh -c 'echo $$ > %s; sleep 60'; true", file), "")
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v", err)
	}
	var pid int
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		t.Fatal(err)
	}
	eventuallyTrue(t, "its child is gone", func() bool { return !running(pid) })
}

// running reports whether a process lives; one that has ended and waits for its
// parent does not.
func running(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processExists(pid) && err != nil && !os.IsNotExist(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func eventuallyTrue(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, released := range []bool{true, false} {
		g, err := startGuard(fmt.Sprintf("echo 'it''s' undone > %v", released), dir)
		if err != nil {
			t.Fatal(err)
		}
		if released {
			g.release()
		} else {
			_ = g.stdin.Close() // as when this process dies
			_ = g.cmd.Wait()
		}
		_, err = os.Stat(filepath.Join(dir, fmt.Sprint(released)))
		if undone := err == nil; undone == released {
			t.Errorf("released %v: undone %v", released, undone)
		}
	}
}

func TestExecFault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := &faultDriver{}
	out, undo, err := d.Exec(t.Context(), &loadgen.ExecFault{Command: "echo off; touch off", Undo: "rm off", Dir: dir, Timeout: 20 * time.Second})
	if err != nil || out != "off" {
		t.Fatalf("printed %q, %v", out, err)
	}
	off := filepath.Join(dir, "off")
	if _, err := os.Stat(off); err != nil {
		t.Fatal(err)
	}
	if err := undo(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(off); err == nil {
		t.Error("it was not undone")
	}
	if err := undo(t.Context()); err == nil {
		t.Error("an undo that fails says nothing")
	}
	// A command that fails has to be undone all the same: it may have gone half way.
	if _, undo, err := d.Exec(t.Context(), &loadgen.ExecFault{Command: "false", Undo: "true", Timeout: 20 * time.Second}); err == nil || undo == nil || undo(t.Context()) != nil {
		t.Errorf("error %v, undo %v", err, undo != nil)
	}
}
