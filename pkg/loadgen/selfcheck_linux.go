package loadgen

import (
	"bytes"
	"os"
	"strconv"
)

// processorTimes are the ticks that the machine's processors have spent in all,
// and those that the hypervisor took from them, from /proc/stat.
func processorTimes() (all, stolen uint64) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	return parseProcessorTimes(b)
}

// parseProcessorTimes reads the first line: cpu user nice system idle iowait
// irq softirq steal guest guest_nice; the last two are part of the first two.
func parseProcessorTimes(b []byte) (all, stolen uint64) {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, 0
	}
	for i, f := range fields[1:9] {
		n, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return 0, 0
		}
		all += n
		if i == 7 {
			stolen = n
		}
	}
	return all, stolen
}
