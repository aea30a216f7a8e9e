//go:build linux

package fleet

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Info is what Redis says of itself: the fields of INFO by name. Those of
// commandstats are there as command.NAME.calls and command.NAME.usec.
type Info map[string]float64

// infoBytes bounds an answer.
const infoBytes = 1 << 20

// ReadInfo asks a Redis.
func ReadInfo(addr string) (Info, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, "INFO all\r\n"); err != nil {
		return nil, err
	}
	r := bufio.NewReader(io.LimitReader(c, infoBytes))
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("INFO of redis: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "$")))
	if err != nil || n > infoBytes {
		return nil, fmt.Errorf("INFO of redis: %.100q", line)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("INFO of redis: %w", err)
	}
	info := make(Info)
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		if command, ok := strings.CutPrefix(name, "cmdstat_"); ok {
			for pair := range strings.SplitSeq(value, ",") {
				key, v, _ := strings.Cut(pair, "=")
				info.set("command."+command+"."+key, v)
			}
			continue
		}
		info.set(name, value)
	}
	return info, nil
}

func (i Info) set(name, value string) {
	if v, err := strconv.ParseFloat(value, 64); err == nil {
		i[name] = v
	}
}
