package rt_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestError(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	for _, tc := range []struct {
		name string
		err  rt.Error
		want string
	}{
		{"cause", rt.Error{Op: "dial", Target: "http://h", Err: cause}, "dial http://h: connection refused"},
		{"status", rt.Error{Op: "dial", Target: "http://h", Status: 401}, "dial http://h: status 401"},
		{"status and code", rt.Error{Op: "dial", Target: "http://h", Status: 401, Code: "token_expired"}, "dial http://h: 401 token_expired"},
		{"code and cause", rt.Error{Op: "handshake", Code: "unauthorized", Err: cause}, "handshake: unauthorized: connection refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.err.Error(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	inner := &rt.Error{Op: "dial", Kind: rt.KindTimeout}
	if got := rt.KindOf(fmt.Errorf("connect: %w", inner)); got != rt.KindTimeout {
		t.Errorf("wrapped: %v", got)
	}
	if got := rt.KindOf(errors.New("x")); got != rt.KindInternal {
		t.Errorf("foreign: %v", got)
	}
	if got := rt.ErrKind(200).String(); got != "kind 200" {
		t.Errorf("unknown kind: %q", got)
	}
}
