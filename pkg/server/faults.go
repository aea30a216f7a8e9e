package server

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// Faults breaks the gateway on purpose, so that the tools that check gateways
// can be checked. All nil in production, where it costs one comparison.
type Faults struct {
	AuthOff  bool // every token is accepted
	AuthLate bool // a bad token is let in and disconnected AuthLateAfter later
	AuthLeak bool // a client with a bad token gets an event before its refusal
	// AuthSilent refuses a Socket.IO client and serves it all the same: its
	// connection stays, and an event follows the refusal. AuthLinger only keeps
	// the connection.
	AuthSilent, AuthLinger bool

	ThrottleOff  bool // nothing is refused
	ThrottleLate bool // refuses only after ten times the burst

	// Dup, Drop and Reorder are the probabilities, for each broadcast message
	// and recipient, that it comes twice, not at all, or after later ones.
	Dup, Drop, Reorder float64
	// Corrupt is the probability, for each broadcast message and recipient, that
	// a character of its payload is another.
	Corrupt float64
	// Leak is the probability, for each broadcast to rooms, that one connection
	// that is in none of them gets it too.
	Leak float64
	// Zombie is the probability, for each connection, that it gets no broadcasts
	// at all, while everything else goes on.
	Zombie float64
	// Late is how much later than it should each broadcast is delivered.
	Late time.Duration

	CrossPodOff bool // nothing goes to or comes from the backplane

	// Seed makes the random faults repeatable; 0 takes a random one.
	Seed uint64
}

// AuthLateAfter is how long AuthLate lets a client stay.
const AuthLateAfter = 10 * time.Second

func (f *Faults) validate() error {
	for _, p := range []struct {
		name string
		p    float64
	}{{"Dup", f.Dup}, {"Drop", f.Drop}, {"Reorder", f.Reorder}, {"Corrupt", f.Corrupt}, {"Leak", f.Leak}, {"Zombie", f.Zombie}} {
		if !(p.p >= 0 && p.p <= 1) {
			return fmt.Errorf("server option Faults.%s %v: must be a probability from 0 to 1", p.name, p.p)
		}
	}
	if f.Late < 0 {
		return fmt.Errorf("server option Faults.Late %v: must not be negative", f.Late)
	}
	return nil
}

// Names lists what is switched on, as --faulty spells it.
func (f *Faults) Names() []string {
	if f == nil {
		return nil
	}
	var names []string
	for _, s := range []struct {
		on   bool
		name string
	}{
		{f.AuthOff, "auth=off"},
		{f.AuthLate, "auth=late"},
		{f.AuthLeak, "auth=leak"},
		{f.AuthSilent, "auth=silent"},
		{f.AuthLinger, "auth=linger"},
		{f.ThrottleOff, "throttle=off"},
		{f.ThrottleLate, "throttle=late"},
		{f.Dup > 0, "dup=" + strconv.FormatFloat(f.Dup, 'g', -1, 64)},
		{f.Drop > 0, "drop=" + strconv.FormatFloat(f.Drop, 'g', -1, 64)},
		{f.Reorder > 0, "reorder=" + strconv.FormatFloat(f.Reorder, 'g', -1, 64)},
		{f.Corrupt > 0, "corrupt=" + strconv.FormatFloat(f.Corrupt, 'g', -1, 64)},
		{f.Leak > 0, "leak=" + strconv.FormatFloat(f.Leak, 'g', -1, 64)},
		{f.Zombie > 0, "zombie=" + strconv.FormatFloat(f.Zombie, 'g', -1, 64)},
		{f.Late > 0, "late=" + f.Late.String()},
		{f.CrossPodOff, "crosspod=off"},
	} {
		if s.on {
			names = append(names, s.name)
		}
	}
	return names
}

// delivery reports whether broadcasts are to be disturbed.
func (f *Faults) delivery() bool {
	return f != nil && (f.Dup > 0 || f.Drop > 0 || f.Reorder > 0 || f.Corrupt > 0 || f.Leak > 0 || f.Zombie > 0 || f.Late > 0)
}

func (f *Faults) rng() *rand.Rand {
	if f.Seed == 0 {
		return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return rand.New(rand.NewPCG(f.Seed, 1))
}
