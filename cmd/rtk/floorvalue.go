package main

import (
	"fmt"
	"time"
)

// floorValue is a flag that holds a duration as seconds.
type floorValue float64

func (f *floorValue) String() string {
	return time.Duration(float64(*f) * float64(time.Second)).String()
}

// Type is what help calls it.
func (f *floorValue) Type() string { return "duration" }

// Set reads a positive duration.
func (f *floorValue) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q: want a time above 0, as in 100us", s)
	}
	*f = floorValue(d.Seconds())
	return nil
}
