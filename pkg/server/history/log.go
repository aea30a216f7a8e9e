package history

import "time"

// Log keeps messages of rooms in one sequence. An implementation need not be
// safe for concurrent use: its owner holds the lock that makes the order of
// appending the order of delivery.
type Log[T any] interface {
	// Epoch is that of the log's cursors.
	Epoch() uint64
	// Last is the latest offset, zero before the first.
	Last() Offset
	// Next is the offset after Last in a log that numbers by itself.
	Next() Offset
	// Begin empties the log: what came up to at is not known.
	Begin(at Offset)
	// Advance says that there is nothing to keep up to at.
	Advance(at Offset)
	// Append keeps v in each of rooms, which it must not be given twice. at is
	// after Last, age how long ago it was sent, bytes is what v takes in
	// memory, about.
	Append(at Offset, age time.Duration, rooms []string, v T, bytes int)
	// Since returns what rooms hold after offset.
	Since(rooms []string, offset Offset) Page[T]
	// Forget drops a room that nobody will ask for again, without a trace.
	Forget(room string)
	// Unknown drops what a room holds: what it was sent up to now is not known.
	Unknown(room string)
	// Expire drops what is too old. Append and Since do so too; it is for a
	// log that rests.
	Expire()
	Stats() Stats
}

// Page is what a client that comes back has missed.
type Page[T any] struct {
	Items []Item[T] // in the order of their offsets, each once
	// Gone are the rooms of which messages after the client's offset are kept
	// no longer, sorted.
	Gone []string
}

// Item is one kept message.
type Item[T any] struct {
	Offset Offset
	Value  T
}

// Limits bound a log. A zero field means its default.
type Limits struct {
	Count int           // messages of one room
	Bytes int           // bytes of one room
	Age   time.Duration // of a message
	Total int           // bytes of all rooms; a message in two rooms counts twice
	Rooms int           // rooms that are remembered, those that hold nothing any more among them
}

// Defaults of Limits.
const (
	DefaultCount = 1000
	DefaultBytes = 1 << 20
	DefaultAge   = 5 * time.Minute
	DefaultTotal = 64 << 20
	DefaultRooms = 100_000
)

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		at  *int
		def int
	}{{&l.Count, DefaultCount}, {&l.Bytes, DefaultBytes}, {&l.Total, DefaultTotal}, {&l.Rooms, DefaultRooms}} {
		if *f.at == 0 {
			*f.at = f.def
		}
	}
	if l.Age == 0 {
		l.Age = DefaultAge
	}
	return l
}

// Stats is what a log holds now.
type Stats struct {
	Rooms    int
	Messages int
	Bytes    int
	Appended uint64 // since the start
	Dropped  uint64 // by any of the bounds, since the start
}
