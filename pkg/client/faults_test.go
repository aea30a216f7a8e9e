package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// TestNetworkFaults checks who is made responsible for what a network does.
func TestNetworkFaults(t *testing.T) {
	t.Parallel()
	server := serve(t, sioScriptWith(100*time.Millisecond, 200*time.Millisecond, func(c *websocket.Conn) {
		for range 100 {
			say(c, "2")
			if hear(c) != "3" {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}))
	cases := []struct {
		name string
		hit  func(*rttest.Proxy)
		kind rt.ErrKind
	}{
		{"reset", (*rttest.Proxy).Reset, rt.KindClosed},
		{"end without a word", (*rttest.Proxy).Finish, rt.KindClosed},
		{"black hole", (*rttest.Proxy).Stall, rt.KindTimeout},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := rttest.NewProxy(server.Host)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			rec := newRecorder()
			c, err := New(Options{}).Dial(context.Background(), &rt.DialRequest{Target: targetOf("socketio", mustURL("http://"+p.Addr()))}, rec)
			if err != nil {
				t.Fatal(err)
			}
			rec.waitKind(t, 2, rt.KindPing)
			tc.hit(p)
			end := rec.waitClose(t)
			if end.By != rt.ByNetwork || end.Err == nil || kindOf(end.Err) != tc.kind {
				t.Errorf("ended with %+v", end)
			}
			_ = c.Close()
		})
	}
}

// TestUpgradeRaces ends sessions at all moments of an upgrade: nothing may hang,
// and the handler hears of each end once.
func TestUpgradeRaces(t *testing.T) {
	t.Parallel()
	u := nodeServer(t)
	d := New(Options{CloseTimeout: time.Second})
	defer d.Close()
	var wg sync.WaitGroup
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 150 {
		delay, how := time.Duration(rng.IntN(8000))*time.Microsecond, i%4
		wg.Go(func() {
			rec := newRecorder()
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if how == 3 {
				ctx, cancel = context.WithTimeout(ctx, delay)
				defer cancel()
			}
			c, err := d.Dial(ctx, &rt.DialRequest{Target: targetOf("upgrade", u)}, rec)
			if err != nil {
				if how != 3 {
					t.Errorf("dial: %v", err)
				}
				if c != nil || len(rec.closes()) != 0 {
					t.Errorf("a failed dial left %v, %+v", c, rec.closes())
				}
				return
			}
			time.Sleep(delay)
			switch how {
			case 0:
				_ = c.Send(ctx, &rt.Outgoing{Event: "message", Body: []byte(fmt.Sprint(i)), AckID: rt.NoAck})
			case 1:
				c.Abort()
			case 2:
				_ = c.Send(ctx, &rt.Outgoing{Event: "kick", AckID: rt.NoAck})
			}
			start := time.Now()
			_ = c.Close()
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("close took %v", took)
			}
			if n := len(rec.closes()); n != 1 {
				t.Errorf("OnClose was called %d times", n)
			}
		})
	}
	wg.Wait()
}
