// Package scenarios holds the scenarios that come with rtk, each also a
// documented example of the language. They run against any server: what
// differs between servers is in environment variables, whose defaults fit
// `rtk serve`.
//
// It imports the standard library only.
//
//	src, err := scenarios.Open("cross-pod")
//	sc, diags := loadgen.Parse("cross-pod", src, os.LookupEnv)
package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// names are the shipped scenarios in the order in which they are best read.
var names = []string{"auth", "throttle", "cross-pod", "sse", "transports", "sse-resume", "reconnect-storm", "slow-consumer", "polling-sticky", "chat", "chaos", "soak", "audit"}

// Names lists the shipped scenarios.
func Names() []string { return append([]string(nil), names...) }

// Open returns the source of a shipped scenario. Names are taken with and
// without .yaml; the error for any other is fs.ErrNotExist.
func Open(name string) ([]byte, error) {
	for _, n := range names {
		if n == strings.TrimSuffix(name, ".yaml") {
			return files.ReadFile(n + ".yaml")
		}
	}
	return nil, fmt.Errorf("scenario %q: %w", name, fs.ErrNotExist)
}
