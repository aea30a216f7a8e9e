//go:build !unix

package loadgen

import "time"

// These figures are not known on this system; the checks that need them pass.

func cpuTime() time.Duration { return 0 }

func peakResidentBytes() int64 { return 0 }

func residentBytes() int64 { return 0 }

func openDescriptors() int { return 0 }
