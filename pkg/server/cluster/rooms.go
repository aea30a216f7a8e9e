package cluster

// RoomWatcher is what a Backplane also is when it subscribes room by room, so
// that its pod hears only the rooms that it has members in.
type RoomWatcher interface {
	// RoomChanged says that a pod's first member came into a room, or its last
	// one left. It is called with locks of the gateway held: it takes note and
	// returns, and asks Sink.HasRoom later what holds by then, so that calls
	// may come in any order.
	RoomChanged(namespace, room string)
	// WatchesSockets reports whether the rooms that are socket ids are wanted
	// too. It doesn't change.
	WatchesSockets() bool
}
