package rttest

import "go.uber.org/goleak"

// Sleepers are the goroutines that a Cluster client of rueidis leaves behind for
// one to five seconds after its Close. They hold nothing and end by themselves,
// so a search for leaks overlooks them, and only them.
func Sleepers() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"),
	}
}
