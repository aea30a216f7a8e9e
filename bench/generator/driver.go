//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/realtime-toolkit/rtk/bench/internal/drive"
)

// driverResult is what the neutral driver prints.
type driverResult struct {
	Trips, Lost, Disorder int64
	Seconds, CPU          float64 // of the measured time
	P50, P99              int64   // microseconds
}

// driveServer is one run of the neutral driver: round trips as fast as the server
// answers, or with a rate messages to all clients.
func driveServer(w io.Writer, addr, protocol string, clients, size int, rate float64, warm, measured time.Duration) error {
	o := drive.Options{Addrs: []string{addr}, Rooms: []string{"room"}, Size: size}
	switch protocol {
	case "ws":
		o.Protocol = drive.Plain{Echo: rate == 0}
	case "sio":
		o.Protocol = drive.SocketIO{}
	default:
		return fmt.Errorf("-proto %s: want ws or sio", protocol)
	}
	o.Clients = make([]drive.Client, clients)
	d, err := drive.Open(o)
	if err != nil {
		return err
	}
	defer d.Close()
	var out driverResult
	self := []int{os.Getpid()}
	begin := func() { out.CPU = cpu(self) }
	end := func() { out.CPU = cpu(self) - out.CPU }
	var r drive.Result
	if rate > 0 {
		r, err = d.Pace(rate, warm, measured, begin, end)
	} else {
		r, err = d.Echo(warm, measured, begin, end)
	}
	if err != nil {
		return err
	}
	out.Trips, out.Lost, out.Disorder, out.Seconds = r.Delivered, r.Lost, r.Disorder, r.Elapsed.Seconds()
	out.P50 = drive.Quantile(r.Same, .5).Microseconds()
	out.P99 = drive.Quantile(r.Same, .99).Microseconds()
	return json.NewEncoder(w).Encode(out)
}
