package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/server"
)

const faultyHint = "faults are auth=off|late|leak|silent|linger, throttle=off|late, dup=P, drop=P, reorder=P, corrupt=P, leak=P, zombie=P, late=TIME, crosspod=off and seed=N, with P such as 1% or 0.01 and TIME such as 2s"

var faultKeys = []string{"auth", "throttle", "dup", "drop", "reorder", "corrupt", "leak", "zombie", "late", "crosspod", "seed"}

// faults reads --faulty, nil when it wasn't given.
func (f *serveFlags) faults() (*server.Faults, error) {
	if !f.changed("faulty") {
		if f.breakIt {
			return nil, usagef("--i-know-this-breaks-delivery does nothing without --faulty")
		}
		return nil, nil
	}
	faults, err := parseFaults(f.faulty)
	if err != nil {
		return nil, hint(usagef("--faulty: %w", err), faultyHint)
	}
	if !f.breakIt {
		return nil, hint(&usageError{errFaultyUnconfirmed}, "if that is what you want, add   --i-know-this-breaks-delivery")
	}
	return faults, nil
}

// parseFaults reads a list such as "auth=late,dup=1%".
func parseFaults(spec string) (*server.Faults, error) {
	f := &server.Faults{}
	seen := map[string]bool{}
	for item := range strings.SplitSeq(spec, ",") {
		key, value, found := strings.Cut(strings.TrimSpace(item), "=")
		if key == "" {
			return nil, fmt.Errorf("empty fault in %q", spec)
		}
		if seen[key] {
			return nil, fmt.Errorf("%q stands twice", key)
		}
		seen[key] = true
		if !found || value == "" {
			return nil, fmt.Errorf("%q has no value", key)
		}
		if err := setFault(f, key, value); err != nil {
			return nil, err
		}
	}
	if len(f.Names()) == 0 {
		return nil, fmt.Errorf("%q breaks nothing", spec)
	}
	return f, nil
}

func setFault(f *server.Faults, key, value string) (err error) {
	switch key + "=" + value {
	case "auth=off":
		f.AuthOff = true
		return nil
	case "auth=late":
		f.AuthLate = true
		return nil
	case "auth=leak":
		f.AuthLeak = true
		return nil
	case "auth=silent":
		f.AuthSilent = true
		return nil
	case "auth=linger":
		f.AuthLinger = true
		return nil
	case "throttle=off":
		f.ThrottleOff = true
		return nil
	case "throttle=late":
		f.ThrottleLate = true
		return nil
	case "crosspod=off":
		f.CrossPodOff = true
		return nil
	}
	switch key {
	case "dup":
		f.Dup, err = parseProbability(value)
	case "drop":
		f.Drop, err = parseProbability(value)
	case "reorder":
		f.Reorder, err = parseProbability(value)
	case "corrupt":
		f.Corrupt, err = parseProbability(value)
	case "leak":
		f.Leak, err = parseProbability(value)
	case "zombie":
		f.Zombie, err = parseProbability(value)
	case "late":
		if f.Late, err = time.ParseDuration(value); err != nil || f.Late <= 0 || f.Late > time.Minute {
			return fmt.Errorf("late=%s: want a time up to 1m, such as 2s", value)
		}
	case "seed":
		f.Seed, err = strconv.ParseUint(value, 10, 64)
		if err != nil || f.Seed == 0 {
			return fmt.Errorf("seed=%s: want a whole number above 0", value)
		}
	case "auth":
		return fmt.Errorf("auth=%s: want off, late, leak, silent or linger", value)
	case "throttle":
		return fmt.Errorf("throttle=%s: want off or late", value)
	case "crosspod":
		return fmt.Errorf("crosspod=%s: want off", value)
	default:
		return fmt.Errorf("unknown fault %q%s", key, nearest.Hint(key, faultKeys))
	}
	if err != nil {
		return fmt.Errorf("%s=%s: %w", key, value, err)
	}
	return nil
}

// parseProbability reads "1%" or "0.01": above 0, at most 1.
func parseProbability(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	p, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("want a probability such as 1%% or 0.01")
	}
	if percent {
		p /= 100
	}
	if !(p > 0 && p <= 1) { // so written that NaN fails
		return 0, fmt.Errorf("a probability is above 0 and at most 1 (100%%)")
	}
	return p, nil
}
