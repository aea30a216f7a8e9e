package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// environment describes the machine for reports.
func environment(env *Env) loadgen.Environment {
	e := loadgen.Environment{
		Version: version(), Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH,
		Cores: runtime.NumCPU(), CPULimit: float64(runtime.GOMAXPROCS(0)), CI: ciName(env),
	}
	if host, err := os.Hostname(); err == nil {
		sum := sha256.Sum256([]byte(host))
		e.Host = hex.EncodeToString(sum[:4])
	}
	if n, err := raiseDescriptors(0); err == nil {
		e.OpenFiles = int64(n)
	}
	if env.Machine == nil {
		return e
	}
	e.CPU = procField(env.Machine, "proc/cpuinfo", "model name")
	if kb, ok := strings.CutSuffix(procField(env.Machine, "proc/meminfo", "MemTotal"), " kB"); ok {
		if n, err := strconv.ParseInt(kb, 10, 64); err == nil {
			e.Memory = n << 10
		}
	}
	if limit, ok := groupLimit(env.Machine); ok && (e.Memory == 0 || limit < e.Memory) {
		e.Memory = limit
	}
	return e
}

// procField is the first value of that name in a file of /proc, "" if there is
// none.
func procField(machine fs.FS, file, name string) string {
	b, err := fs.ReadFile(machine, file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// ciName names the CI system by the variables that each sets.
func ciName(env *Env) string {
	for _, ci := range [][2]string{{"GITHUB_ACTIONS", "github"}, {"GITLAB_CI", "gitlab"}, {"JENKINS_URL", "jenkins"}, {"BUILDKITE", "buildkite"}, {"CIRCLECI", "circleci"}, {"CI", "ci"}} {
		if v := env.Getenv(ci[0]); v != "" && v != "false" {
			return ci[1]
		}
	}
	return ""
}
