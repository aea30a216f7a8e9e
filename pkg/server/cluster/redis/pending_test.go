package redis

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// TestUncounted: who asks learns that Redis is away also from the count that
// notices it first.
func TestUncounted(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		err  error
		want string
		away bool
	}{
		{"no connection", errNotConnected, "redis is away: the other pods can't be asked (not connected)", true},
		{"one that broke", io.EOF, "redis is away: the other pods can't be asked (EOF)", true},
		{"no answer", context.DeadlineExceeded, "count the pods: no answer in time", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newPending(make(chan struct{}))
			a, err := p.open("1", cluster.OpAllRooms)
			if err != nil {
				t.Fatal(err)
			}
			defer p.close(a)
			a.expect(0, tc.err)
			err = a.wait(t.Context(), func(*cluster.Answer) {})
			if err == nil || err.Error() != tc.want || errors.Is(err, errAway) != tc.away {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}
