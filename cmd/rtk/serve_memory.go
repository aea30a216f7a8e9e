package main

import (
	"context"
	"io/fs"
	"log/slog"
	"math"
	"path"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// A gateway holds many small things for long and makes little garbage, so the
// collector may run at a smaller heap growth than Go's default of 100 % for next
// to nothing; docs/operations.md has the figures.

const (
	// gcPercent is the heap growth between two collections, unless GOGC says.
	gcPercent = 50
	// limitShare is the part of the memory limit of the control group that the
	// Go heap may have; the rest is stacks of C, page tables, the kernel's.
	limitShare = 0.9
	// trimEvery is the time between two looks whether the pod is quiet, quietRate
	// the bytes a second that a quiet one allocates at most, trimLeast the share
	// of the heap that must be unused for a trim to be worth it.
	trimEvery = 10 * time.Second
	quietRate = 512 << 10
	trimLeast = 0.1
)

// tuneMemory sets the collector up, but never against GOGC and GOMEMLIMIT. root
// is the file system of the machine.
func tuneMemory(env *Env, root fs.FS, log *slog.Logger) {
	if _, set := env.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	if _, set := env.LookupEnv("GOMEMLIMIT"); set {
		return
	}
	if limit, ok := groupLimit(root); ok {
		soft := int64(float64(limit) * limitShare)
		debug.SetMemoryLimit(soft)
		log.Info("memory limit", "bytes", soft, "of", limit)
	}
}

// groupLimit is the smallest memory limit of the process's control group and
// those above it (cgroups(7): version 2 memory.max, version 1
// memory.limit_in_bytes); false without one.
func groupLimit(root fs.FS) (bytes int64, ok bool) {
	own, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	bytes = math.MaxInt64
	for line := range strings.Lines(string(own)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		base, file := "sys/fs/cgroup", "memory.max"
		switch {
		case part[0] == "0" && part[1] == "":
		case strings.Contains(","+part[1]+",", ",memory,"):
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// In a container the path is the host's, and the group is at the root.
		for at := path.Clean("/" + part[2]); ; at = path.Dir(at) {
			if b, err := fs.ReadFile(root, path.Join(base, at, file)); err == nil {
				if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 {
					bytes = min(bytes, n)
				}
			}
			if at == "/" {
				break
			}
		}
	}
	return bytes, bytes < 1<<60 // version 1 says "none" with a number near 2^63
}

// trimmer gives memory back to the system when the pod is quiet. Go does so by
// itself, but not what the last collection left as room to grow.
type trimmer struct {
	last    float64 // bytes allocated up to the last look
	trimmed float64 // bytes allocated up to the last trim
	free    func()  // debug.FreeOSMemory
}

// run looks every trimEvery until ctx ends.
func (t *trimmer) run(ctx context.Context) {
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			t.look(readHeap(), trimEvery)
		}
	}
}

// heap is what a look sees, in bytes.
type heap struct {
	allocated float64 // since the start
	live      float64 // at the last collection
	resident  float64 // what the heap takes from the system, in use or not
}

func readHeap() heap {
	s := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	at := func(i int) float64 {
		if s[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return float64(s[i].Value.Uint64())
	}
	return heap{allocated: at(0), live: at(1), resident: at(2) + at(3) + at(4)}
}

// look trims a pod that has been quiet since the last look, once for each tenth
// of its heap that it allocates.
func (t *trimmer) look(h heap, since time.Duration) {
	rate := (h.allocated - t.last) / since.Seconds()
	t.last = h.allocated
	if rate > quietRate || h.allocated-t.trimmed < trimLeast*h.resident || h.resident-h.live < trimLeast*h.resident {
		return
	}
	t.free()
	t.trimmed = h.allocated
}
