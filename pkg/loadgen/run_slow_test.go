package loadgen

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const slowReaders = `
version: 1
name: slow readers
targets: { api: { url: "http://api:3000", protocol: socketio } }
clients:
  slow: { count: 5, read: 1KiB/s, flow: [{ emit: join, args: [lobby], ack: {} }, { barrier: go }, { on: message, until: end }] }
  quick: { count: 5, flow: [{ emit: join, args: [lobby], ack: {} }, { barrier: go }, { on: message, until: end }] }
  writer: { flow: [{ barrier: go }, { emit: say, args: [lobby, "{{marker}}"], rate: 10/s, for: 10s, ack: {} }] }
verify:
  quick: { from: writer, to: quick, settle: 1s }
  slow: { from: writer, to: slow, settle: 1s GUARANTEE }
thresholds: { delivery_lost: count == 0 }
`

// What a server does with a slow reader is its policy: it may leave messages
// out and end the connection, unless the verify block says otherwise.
func TestSlowReadersAreCountedApart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, guarantee string
		end             rt.CloseInfo
		verdict         Verdict
	}{
		{"dropped", "", rt.CloseInfo{}, Pass},
		{"disconnected", "", rt.CloseInfo{By: rt.ByPeer, Code: 1008, Reason: "slow consumer"}, Pass},
		{"not allowed", ", guarantee: atLeastOnce", rt.CloseInfo{}, Fail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var rates []int64
				s := &fakeServer{delay: time.Millisecond, dial: func(r *rt.DialRequest, c *fakeConn) error {
					mu.Lock()
					defer mu.Unlock()
					rates = append(rates, r.ReadRate)
					c.info.BytesRead = r.ReadRate * 7
					return nil
				}}
				isSlow := func(c *fakeConn) bool { return c.info.BytesRead > 0 }
				s.deliver = func(d delivery) []delivery {
					switch {
					case isSlow(d.to) && d.n == 50 && tt.end.Reason != "":
						d.to.hangUp(tt.end, 0)
						return nil
					case isSlow(d.to) && d.n%2 == 1:
						return nil
					}
					return []delivery{d}
				}
				r := bench(t, s, strings.Replace(slowReaders, " GUARANTEE", tt.guarantee, 1))
				wantVerdict(t, r, tt.verdict)
				if tt.verdict == Fail {
					return
				}
				wantBroken(t, r)
				if m := metric(t, r, DeliverySlow, LabelVerify, "slow"); m.Count < 125 {
					t.Errorf("delivery_slow = %d of %d", m.Count, m.Total)
				}
				if m := metric(t, r, SlowBytesRead, LabelClients, "slow"); m.Count != 5*7*1024 {
					t.Errorf("slow_bytes_read = %d", m.Count)
				}
				if tt.end.Reason != "" {
					if m := metric(t, r, SlowDisconnects, LabelReason, "slow consumer"); m.Count != 5 {
						t.Errorf("slow_disconnects = %d", m.Count)
					}
				}
				if m := r.total(SlowDisconnects); m.Total != 5 {
					t.Errorf("slow_disconnects = %d of %d", m.Count, m.Total)
				}
				for _, m := range r.Metrics {
					if m.Name == DeliveryLatency && m.Labels[LabelVerify] == "slow" {
						t.Error("the latency of slow readers is among the others'")
					}
				}
				n := 0
				for _, rate := range rates {
					if rate == 1024 {
						n++
					}
				}
				if n != 5 {
					t.Errorf("read rates %v, want 1024 five times", rates)
				}
			})
		})
	}
}

// No slow reader proves anything by hearing nothing at all.
func TestSlowReadersThatHearNothingFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: time.Millisecond, dial: func(r *rt.DialRequest, c *fakeConn) error {
			c.info.BytesRead = r.ReadRate
			return nil
		}}
		s.deliver = func(d delivery) []delivery {
			if d.to.info.BytesRead > 0 {
				return nil
			}
			return []delivery{d}
		}
		r := bench(t, s, strings.Replace(slowReaders, " GUARANTEE", "", 1))
		wantVerdict(t, r, Fail)
	})
}
