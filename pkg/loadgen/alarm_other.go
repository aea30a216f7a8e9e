//go:build !linux

package loadgen

func newKernelAlarm() alarm { return nil }
