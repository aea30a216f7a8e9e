//go:build linux || darwin

package main

import (
	"fmt"
	"syscall"
)

// raiseDescriptors raises the soft limit of open files to need if the hard
// limit allows, and returns the limit in force.
func raiseDescriptors(need int) (int, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("read the open files limit: %w", err)
	}
	if l.Cur < uint64(need) && l.Cur < l.Max {
		l.Cur = l.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
			return 0, fmt.Errorf("raise the open files limit: %w", err)
		}
	}
	return int(min(l.Cur, 1<<30)), nil
}

// descriptorLimits are the soft and the hard limit of open files.
func descriptorLimits() (soft, hard int, err error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, 0, fmt.Errorf("read the open files limit: %w", err)
	}
	return int(min(l.Cur, 1<<30)), int(min(l.Max, 1<<30)), nil
}
