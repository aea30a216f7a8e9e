package redis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

const sid = "DSEX_2GrXVngtP-8AAAB"

// peer is a pod that notes in order what it is told and answers what it is asked.
type peer struct {
	answers map[cluster.Op][]*cluster.Answer
	wake    chan struct{}

	mu      sync.Mutex
	log     []string
	queries []*cluster.Query
}

func newPeer(answers map[cluster.Op][]*cluster.Answer) *peer {
	return &peer{answers: answers, wake: make(chan struct{}, 1)}
}

func (p *peer) HasRoom(_, room string) bool { return room == sid || room == "r1" }

func (p *peer) note(format string, a ...any) {
	p.mu.Lock()
	p.log = append(p.log, fmt.Sprintf(format, a...))
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *peer) Deliver(b *cluster.Broadcast) { p.note("%s %s", b.Namespace, b.Args) }

func (p *peer) Execute(c *cluster.Command) {
	p.note("%s %s %v-%v %v %v %s %x", c.Namespace, c.Op, c.Rooms, c.Except, c.Targets, c.Close, c.Args, c.Attachments)
}

func (p *peer) Answer(q *cluster.Query, reply func(*cluster.Answer)) {
	p.mu.Lock()
	p.queries = append(p.queries, q)
	p.mu.Unlock()
	p.note("%s %s?", q.Namespace, q.Op)
	for _, a := range p.answers[q.Op] {
		reply(a)
	}
}

// await waits until the log has n entries, and returns them.
func (p *peer) await(t *testing.T, n int) []string {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		p.mu.Lock()
		log := slices.Clone(p.log)
		p.mu.Unlock()
		if len(log) >= n {
			return log
		}
		select {
		case <-p.wake:
		case <-timeout:
			t.Fatalf("told %d things in 10 s, want %d: %q", len(log), n, log)
		}
	}
}

// ask asks with a deadline and returns the answers.
func ask(t *testing.T, b cluster.Backplane, q *cluster.Query, patience time.Duration) ([]*cluster.Answer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var answers []*cluster.Answer
	err := b.Ask(ctx, q, func(a *cluster.Answer) { answers = append(answers, a) })
	return answers, err
}

// servers waits until a pod counts n servers.
func servers(t *testing.T, b cluster.Backplane, namespace string, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got, err := b.Servers(t.Context(), namespace)
		if got == n && err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Servers = %d, %v; want %d", got, err, n)
		}
	}
}

// watch has a backplane that subscribes room by room subscribe to one.
func watch(t *testing.T, b cluster.Backplane, namespace, room string) {
	t.Helper()
	w, ok := b.(cluster.RoomWatcher)
	if !ok {
		return
	}
	before := b.Status().Subscriptions
	w.RoomChanged(namespace, room)
	until(t, b, "subscribed to the room", func(s cluster.Status) bool { return s.Subscriptions > before })
}

// commands are told in between broadcasts.
var commands = []struct {
	name string
	c    cluster.Command
	want string
}{
	{"join", cluster.Command{Op: cluster.OpJoin, Rooms: []string{"r1", "r2"}, Except: []string{"r3"}, Targets: []string{"a", "b#"}}, "/ socketsJoin [r1 r2]-[r3] [a b#] false  []"},
	{"leave", cluster.Command{Op: cluster.OpLeave, Targets: []string{"a"}}, "/ socketsLeave []-[] [a] false  []"},
	{"disconnect", cluster.Command{Op: cluster.OpDisconnect, Rooms: []string{sid}, Close: true}, "/ disconnectSockets [" + sid + "]-[] [] true  []"},
	{"server-side emit", cluster.Command{Op: cluster.OpServerSideEmit, Args: []byte(`["hello",{"a":1}]`)}, `/ serverSideEmit []-[] [] false ["hello",{"a":1}] []`},
	{"server-side emit with binary", cluster.Command{
		Op: cluster.OpServerSideEmit, Args: []byte(`["hello",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{1, 2}},
	}, `/ serverSideEmit []-[] [] false ["hello",{"_placeholder":true,"num":0}] [0102]`},
}

// questions are asked of two other pods, of which one has nothing.
var questions = []struct {
	name   string
	q      cluster.Query
	answer []*cluster.Answer // of the one
	empty  []*cluster.Answer // of the other
}{
	{
		"fetchSockets",
		cluster.Query{Op: cluster.OpFetchSockets, Rooms: []string{"r1"}, Except: []string{"r2"}},
		[]*cluster.Answer{{Sockets: []cluster.Socket{{ID: sid, Handshake: []byte(`{"headers":{}}`), Rooms: []string{sid, "r1"}, Data: []byte(`{"user":"ana"}`)}}}},
		[]*cluster.Answer{{}},
	},
	{"allRooms", cluster.Query{Op: cluster.OpAllRooms}, []*cluster.Answer{{Rooms: []string{sid, "r1"}}}, []*cluster.Answer{{}}},
	{
		"serverSideEmit",
		cluster.Query{Op: cluster.OpServerSideEmit, Args: []byte(`["sum",1,2]`)},
		[]*cluster.Answer{{Args: []byte(`{"sum":3}`)}},
		[]*cluster.Answer{{Args: []byte("null")}},
	},
	{
		"broadcastWithAck",
		cluster.Query{
			Op: cluster.OpBroadcastAck, Rooms: []string{"r1"}, Args: []byte(`["ev",{"_placeholder":true,"num":0}]`),
			Attachments: [][]byte{{7}}, NoCompress: true, Timeout: 1500 * time.Millisecond,
		},
		[]*cluster.Answer{{Clients: 2}, {Args: []byte(`"ok"`)}, {Args: []byte(`[{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{9}}}},
		[]*cluster.Answer{{}},
	},
}

// ways are the settings under which the pods of a cluster understand each other.
var ways = map[string]redis.Options{
	"shared responses":   {},
	"specific responses": {SpecificResponses: true},
	"room by room":       {RoomSubscriptions: true},
	"signed":             {SignKey: []byte("a key of enough bytes"), SignRequired: true},
	"sharded":            {Adapter: redis.Sharded},
	"sharded static":     {Adapter: redis.Sharded, ShardedMode: redis.Static},
	"sharded private":    {Adapter: redis.Sharded, ShardedMode: redis.DynamicPrivate},
	"sharded and signed": {Adapter: redis.Sharded, SignKey: []byte("a key of enough bytes"), SignRequired: true},
}

// TestOperations has three pods tell and ask each other everything.
func TestOperations(t *testing.T) {
	t.Parallel()
	for name, o := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.URL = rttest.Redis(t)
			operations(t, o, true)
		})
	}
}

func operations(t *testing.T, o redis.Options, ordered bool) {
	t.Helper()
	full, empty := make(map[cluster.Op][]*cluster.Answer), make(map[cluster.Op][]*cluster.Answer)
	for _, q := range questions {
		full[q.q.Op], empty[q.q.Op] = q.answer, q.empty
	}
	here, there, third := newPeer(nil), newPeer(full), newPeer(empty)
	a := start(t, o, here, "/")
	b := start(t, o, there, "/")
	c := start(t, o, third, "/")
	servers(t, a, "/", 3)
	servers(t, b, "/", 3)
	watch(t, b, "/", "r1")
	watch(t, c, "/", "r1")

	var want []string
	for i, c := range commands {
		c.c.Namespace = "/"
		a.Publish(event("/", fmt.Sprintf(`["before",%d]`, i), "r1"))
		a.Send(&c.c)
		want = append(want, fmt.Sprintf(`/ ["before",%d]`, i), c.want)
	}
	for _, p := range []*peer{there, third} {
		got := p.await(t, len(want))
		if !ordered {
			slices.Sort(want)
			slices.Sort(got)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("told in order (-want +got):\n%s", diff)
		}
	}
	for _, q := range questions {
		q.q.Namespace = "/"
		got, err := ask(t, a, &q.q, 10*time.Second)
		if err != nil {
			t.Fatalf("%s: %v", q.name, err)
		}
		// The two answer in any order among each other.
		text := func(answers []*cluster.Answer) (lines []string) {
			for _, a := range answers {
				lines = append(lines, fmt.Sprintf("%+v", *a))
			}
			slices.Sort(lines)
			return lines
		}
		if diff := cmp.Diff(text(slices.Concat(q.answer, q.empty)), text(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", q.name, diff)
		}
		asked := there.queries[len(there.queries)-1]
		if q.q.Op == cluster.OpAllRooms && o.Adapter == redis.Sharded {
			q.q.Op = cluster.OpFetchSockets // cluster messages have no other way
		}
		if diff := cmp.Diff(q.q, *asked, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s as it was asked (-want +got):\n%s", q.name, diff)
		}
	}
	if own := here.await(t, 0); len(own) != 0 {
		t.Errorf("the pod was told its own %q", own)
	}
	if s := b.Status(); s.Ignored != 0 || s.Foreign != 0 {
		t.Errorf("ignored %d, foreign %d; want none", s.Ignored, s.Foreign)
	}
}

// TestAskWithoutAnswers has a server that is counted and says nothing: what did
// arrive is kept, and the question ends by its deadline.
func TestAskWithoutAnswers(t *testing.T) {
	t.Parallel()
	o := redis.Options{URL: rttest.Redis(t)}
	a := start(t, o, newPeer(nil), "/")
	start(t, o, newPeer(nil), "/")
	start(t, o, newPeer(map[cluster.Op][]*cluster.Answer{cluster.OpAllRooms: {{Rooms: []string{"x"}}}}), "/")
	servers(t, a, "/", 3)
	began := time.Now()
	got, err := ask(t, a, &cluster.Query{Op: cluster.OpAllRooms, Namespace: "/"}, 300*time.Millisecond)
	if !errors.Is(err, cluster.ErrPartial) || len(got) != 1 {
		t.Errorf("Ask = %d answers, %v; want one and ErrPartial", len(got), err)
	}
	if d := time.Since(began); d < 300*time.Millisecond || d > 5*time.Second {
		t.Errorf("Ask took %s, want its deadline of 300ms", d)
	}
}

func TestAskAlone(t *testing.T) {
	t.Parallel()
	a := start(t, redis.Options{URL: rttest.Redis(t)}, newPeer(nil), "/")
	servers(t, a, "/", 1)
	for _, q := range questions {
		q.q.Namespace = "/"
		if got, err := ask(t, a, &q.q, 10*time.Second); err != nil || len(got) != 0 {
			t.Errorf("%s alone = %v, %v; want no answers and no error", q.name, got, err)
		}
	}
	if _, err := ask(t, a, &cluster.Query{Op: cluster.OpAllRooms, Namespace: "/none"}, time.Second); err == nil {
		t.Error("asked in a namespace that nobody added")
	}
	if _, err := ask(t, a, &cluster.Query{Op: cluster.OpJoin, Namespace: "/"}, time.Second); err == nil {
		t.Error("a join was asked")
	}
}

// TestAskWhileAway: a question doesn't wait behind an outage, and one that is
// under way doesn't wait for what can't come any more.
func TestAskWhileAway(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	o := redis.Options{URL: server.URL(), HeartbeatInterval: 100 * time.Millisecond}
	a := start(t, o, newPeer(nil), "/")
	silent := newPeer(nil)
	start(t, o, silent, "/")
	servers(t, a, "/", 2)

	failed := make(chan error, 1)
	go func() {
		_, err := ask(t, a, &cluster.Query{Op: cluster.OpAllRooms, Namespace: "/"}, time.Minute)
		failed <- err
	}()
	silent.await(t, 1)
	server.Stop()
	select {
	case err := <-failed:
		if err == nil || errors.Is(err, cluster.ErrPartial) || !strings.Contains(err.Error(), "away") {
			t.Errorf("question under way: %v, want that Redis is away", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a question outlives the connection by 20 s")
	}
	until(t, a, "degraded", func(s cluster.Status) bool { return !s.Connected })
	began := time.Now()
	_, err := ask(t, a, &cluster.Query{Op: cluster.OpAllRooms, Namespace: "/"}, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "away") || time.Since(began) > 5*time.Second {
		t.Errorf("question while away: %v after %s, want that Redis is away, at once", err, time.Since(began))
	}
	if _, err := a.Servers(t.Context(), "/"); err == nil {
		t.Error("servers counted while away")
	}
	until(t, a, "without a question in the outbox", func(s cluster.Status) bool { return s.Queued == 0 })
}

// TestOlderServers asks as @socket.io/redis-adapter did before version 7, and as
// npm's emitter does, which has no uid.
func TestOlderServers(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	p := newPeer(map[cluster.Op][]*cluster.Answer{cluster.OpFetchSockets: {{Sockets: []cluster.Socket{{ID: sid}}}}})
	b := start(t, redis.Options{URL: server.URL(), SpecificResponses: true}, p, "/")
	servers(t, b, "/", 1)
	answers := subscribe(t, server, "socket.io-response#/#")
	for _, tt := range []struct{ request, want, answer string }{
		{`{"requestId":"aaaaaa","type":0,"rooms":["r1"]}`, "/ fetchSockets?", `{"requestId":"aaaaaa","sockets":["` + sid + `"]}`},
		{`{"requestId":"bbbbbb","type":2,"sid":"` + sid + `","room":"x"}`, "/ socketsJoin [" + sid + "]-[] [x] false  []", `{"requestId":"bbbbbb"}`},
		{`{"requestId":"cccccc","type":3,"sid":"` + sid + `","room":"x"}`, "/ socketsLeave [" + sid + "]-[] [x] false  []", `{"requestId":"cccccc"}`},
		{`{"requestId":"dddddd","type":4,"sid":"` + sid + `","close":true}`, "/ disconnectSockets [" + sid + "]-[] [] true  []", `{"requestId":"dddddd"}`},
		{`{"type":2,"opts":{"rooms":["r1"],"except":[]},"rooms":["q"]}`, "/ socketsJoin [r1]-[] [q] false  []", ""},
		{`{"uid":"emitter","type":6,"data":["hello",1]}`, `/ serverSideEmit []-[] [] false ["hello",1] []`, ""},
	} {
		command(t, server, "PUBLISH", "socket.io-request#/#", `{"requestId":"zzzzzz","type":2,"sid":"CCCC_2GrXVngtP-8AAAC","room":"x"}`) // not here
		command(t, server, "PUBLISH", "socket.io-request#/#", tt.request)
		log := p.await(t, 1)
		if diff := cmp.Diff([]string{tt.want}, log); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.request, diff)
		}
		p.mu.Lock()
		p.log = nil
		p.mu.Unlock()
		if tt.answer != "" {
			if got := answers.next(t); got != tt.answer {
				t.Errorf("%s is answered by %s, want %s", tt.request, got, tt.answer)
			}
		}
	}
}

// TestGarbageOnRequests: whatever comes on the channels of requests and answers
// is counted and ignored.
func TestGarbageOnRequests(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	o := redis.Options{URL: server.URL()}
	full := make(map[cluster.Op][]*cluster.Answer)
	for _, q := range questions {
		full[q.q.Op] = q.answer
	}
	p := newPeer(full)
	a, b := start(t, o, newPeer(nil), "/"), start(t, o, p, "/")
	servers(t, a, "/", 2)
	garbage := []string{
		"", "{}", "{", "[]", "null", "\xc1", "\x93\xa6abcdef", strings.Repeat("\x91", 5000), "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff",
		`{"type":99,"requestId":1}`, `{"type":"1"}`, `{"type":5}`, strings.Repeat("x", 100_000), "{" + strings.Repeat(`"a":1,`, 20_000),
	}
	for _, payload := range garbage {
		command(t, server, "PUBLISH", "socket.io-request#/#", payload)
		command(t, server, "PUBLISH", "socket.io-response#/#", payload)
	}
	want := uint64(2 * len(garbage))
	s := until(t, b, "all ignored", func(s cluster.Status) bool { return s.Ignored >= want })
	if s.Ignored != want || s.Degraded {
		t.Errorf("ignored %d, degraded %v; want %d, false", s.Ignored, s.Degraded, want)
	}
	for _, q := range questions {
		q.q.Namespace = "/"
		if got, err := ask(t, a, &q.q, 10*time.Second); err != nil || len(got) != len(q.answer) {
			t.Errorf("%s after garbage = %d answers, %v; want %d", q.name, len(got), err, len(q.answer))
		}
	}
}

// TestSignatures: a pod that requires signatures refuses what is signed
// otherwise or not at all, one that only has a key takes what isn't signed.
func TestSignatures(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	url := server.URL()
	key := []byte("a key of enough bytes")
	strict, lax, unaware := newPeer(nil), newPeer(nil), newPeer(nil)
	a := start(t, redis.Options{URL: url, SignKey: key, SignRequired: true}, strict, "/")
	b := start(t, redis.Options{URL: url, SignKey: key}, lax, "/")
	c := start(t, redis.Options{URL: url}, unaware, "/")
	forger := start(t, redis.Options{URL: url, SignKey: []byte("a key of other bytes")}, newPeer(nil), "/")
	servers(t, a, "/", 4)

	tell := func(from cluster.Backplane, who string) {
		from.Publish(event("/", fmt.Sprintf(`[%q]`, who)))
		from.Send(&cluster.Command{Op: cluster.OpServerSideEmit, Namespace: "/", Args: fmt.Appendf(nil, `["emit %s"]`, who)})
		until(t, from, "flushed", func(s cluster.Status) bool { return s.Queued == 0 })
	}
	tell(forger, "forger")
	tell(c, "unsigned")
	tell(a, "strict")
	tell(b, "lax")
	said := func(who ...string) (log []string) {
		for _, w := range who {
			log = append(log, fmt.Sprintf(`/ [%q]`, w), fmt.Sprintf(`/ serverSideEmit []-[] [] false ["emit %s"] []`, w))
		}
		return log
	}
	for _, tt := range []struct {
		name    string
		p       *peer
		b       cluster.Backplane
		want    []string
		ignored uint64
	}{
		{"requires signatures", strict, a, said("lax"), 4},
		{"has a key", lax, b, said("unsigned", "strict"), 2},
		{"has no key", unaware, c, said("forger", "strict", "lax"), 0},
	} {
		got := tt.p.await(t, len(tt.want))
		slices.Sort(got) // between publishers there is no order
		slices.Sort(tt.want)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("who %s was told (-want +got):\n%s", tt.name, diff)
		}
		if s := tt.b.Status(); s.Ignored != tt.ignored {
			t.Errorf("who %s ignored %d, want %d", tt.name, s.Ignored, tt.ignored)
		}
	}
}
