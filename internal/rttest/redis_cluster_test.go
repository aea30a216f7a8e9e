package rttest_test

import (
	"testing"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	c := rttest.NewRedisCluster(t, 3)
	// Slots 3300, 7365 and 15495: one on each.
	for i, key := range []string{"b", "c", "a"} {
		c.Masters[i].Do("SET", key, "x")
	}
}
