package main

import (
	"testing"
	"testing/fstest"
	"time"
)

func TestGroupLimit(t *testing.T) {
	t.Parallel()
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	for _, tt := range []struct {
		name string
		fs   fstest.MapFS
		want int64 // 0: none
	}{
		{"no control groups", fstest.MapFS{}, 0},
		{"version 2, container", fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("536870912\n")}, 536870912},
		{"version 2, none", fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("max\n")}, 0},
		{"version 2, the parent is tighter", fstest.MapFS{
			"proc/self/cgroup":                           file("0::/a.slice/b.service\n"),
			"sys/fs/cgroup/a.slice/memory.max":           file("1000000\n"),
			"sys/fs/cgroup/a.slice/b.service/memory.max": file("2000000\n"),
		}, 1000000},
		{"version 1", fstest.MapFS{"proc/self/cgroup": file("5:cpu,memory:/x\n"), "sys/fs/cgroup/memory/x/memory.limit_in_bytes": file("700\n")}, 700},
		{"version 1, none", fstest.MapFS{"proc/self/cgroup": file("5:memory:/\n"), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")}, 0},
		{"nonsense", fstest.MapFS{"proc/self/cgroup": file("x\n::\n0::\n"), "sys/fs/cgroup/memory.max": file("-3 lots")}, 0},
	} {
		got, ok := groupLimit(tt.fs)
		if ok != (tt.want != 0) || ok && got != tt.want {
			t.Errorf("%s: %d %v, want %d", tt.name, got, ok, tt.want)
		}
	}
}

// A pod is trimmed when it is quiet and there is something to give back, and
// not again until it has done something.
func TestTrimmer(t *testing.T) {
	t.Parallel()
	trims := 0
	tr := trimmer{free: func() { trims++ }}
	const mb = 1 << 20
	for i, tt := range []struct {
		heap heap
		want int
	}{
		{heap{allocated: 100 * mb, live: 40 * mb, resident: 80 * mb}, 0}, // busy
		{heap{allocated: 101 * mb, live: 40 * mb, resident: 80 * mb}, 1}, // quiet
		{heap{allocated: 102 * mb, live: 40 * mb, resident: 80 * mb}, 1}, // still quiet
		{heap{allocated: 200 * mb, live: 40 * mb, resident: 80 * mb}, 1}, // busy
		{heap{allocated: 201 * mb, live: 78 * mb, resident: 80 * mb}, 1}, // nothing to give
		{heap{allocated: 202 * mb, live: 40 * mb, resident: 80 * mb}, 2},
	} {
		tr.look(tt.heap, 10*time.Second)
		if trims != tt.want {
			t.Errorf("look %d: %d trims, want %d", i, trims, tt.want)
		}
	}
	if h := readHeap(); h.allocated <= 0 || h.resident <= 0 {
		t.Errorf("%+v", h)
	}
}
