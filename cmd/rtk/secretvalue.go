package main

import (
	"fmt"
	"os"
	"strings"
)

// maxSecretFile bounds a secret read from a file or stdin.
const maxSecretFile = 64 << 10

// readValue resolves a value that may be secret or long: a literal, @FILE, or
// @- for stdin. One trailing newline of a file is dropped. Errors name the
// file, never the value.
func readValue(env *Env, v string) (string, error) {
	name, ok := strings.CutPrefix(v, "@")
	if !ok {
		return v, nil
	}
	in := env.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	buf := make([]byte, maxSecretFile+1)
	n, err := readFull(in, buf)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if n > maxSecretFile {
		return "", fmt.Errorf("read %s: larger than 64 KiB", name)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(buf[:n]), "\n"), "\r"), nil
}
