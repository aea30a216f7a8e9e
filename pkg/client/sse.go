package client

import (
	"context"
	"errors"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func (d *Dialer) dialSSE(ctx context.Context, r *rt.DialRequest, h rt.Handler) (rt.Conn, error) {
	return nil, errors.New("todo")
}
