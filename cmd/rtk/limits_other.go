//go:build !linux && !darwin

package main

// raiseDescriptors does nothing where the system has no such limit.
func raiseDescriptors(int) (int, error) { return 0, nil }

// descriptorLimits are 0 where the system has no such limit.
func descriptorLimits() (soft, hard int, err error) { return 0, 0, nil }
