package redis_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// follower notes what a journal tells.
type follower struct {
	mu       sync.Mutex
	got      []string // +ARGS of this pod, ARGS of another, ~ARGS of the past
	at       []cluster.Offset
	begun    int
	early    bool // something came before Begin
	missed   bool
	level    bool
	lost     []any
	unmarked bool
}

func (f *follower) Begin(_ cluster.Offset, missed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun++
	f.missed = f.missed || missed
}

func (f *follower) Recorded(e *cluster.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.early = f.early || f.begun == 0
	text := string(e.Broadcast.Args)
	switch {
	case e.Mark != nil:
		text = "+" + text
		f.unmarked = f.unmarked || e.Mark != e.Broadcast
	case e.Past:
		text = "~" + text
	}
	f.got, f.at = append(f.got, text), append(f.at, e.At)
}

func (f *follower) Level(cluster.Offset) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.level = true
}

func (f *follower) Lost(mark any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = append(f.lost, mark)
}

// plain are what was told, without where it came from.
func (f *follower) plain() (texts []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.got {
		texts = append(texts, strings.TrimLeft(g, "+~"))
	}
	return texts
}

func (f *follower) seen() (got []string, at []cluster.Offset) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.got...), append([]cluster.Offset(nil), f.at...)
}

// follow starts a pod on the streams adapter that follows namespaces.
func follow(t *testing.T, o redis.Options, s cluster.Sink, namespaces ...string) (cluster.Backplane, *follower) {
	t.Helper()
	o.Adapter = redis.Streams
	b, err := redis.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f := new(follower)
	for _, ns := range namespaces {
		b.(cluster.Journal).Follow(ns, time.Hour, f)
		if err := b.AddNamespace(ns); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Start(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = b.Close(ctx)
	})
	return b, f
}

func record(b cluster.Backplane, m *cluster.Broadcast) bool {
	return b.(cluster.Journal).Record(m, m)
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in 20 s: %s", what)
		}
	}
}

// client is a client of Redis beside the pods.
func client(t *testing.T, addr string) rueidis.Client {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true, ForceSingleClient: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestStreamsBytes compares with what socket.io-redis-streams-adapter 0.3.1
// writes for the same.
func TestStreamsBytes(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	b, _ := follow(t, redis.Options{URL: server.URL()}, newSink(), "/")
	b.Publish(event("/", `["hi",1,"é"]`, "r1"))
	b.Publish(&cluster.Broadcast{
		Namespace: "/", Args: []byte(`["bin",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{1, 2, 3}}, Volatile: true,
	})
	b.Send(&cluster.Command{Op: cluster.OpJoin, Namespace: "/", Rooms: []string{"a"}, Targets: []string{"b"}})
	b.Send(&cluster.Command{Op: cluster.OpDisconnect, Namespace: "/", Close: true})
	c := client(t, server.Addr())
	var entries []rueidis.XRangeEntry
	wait(t, "the entries are there", func() bool {
		entries, _ = c.Do(t.Context(), c.B().Xrange().Key("socket.io").Start("-").End("+").Build()).AsXRange()
		return len(entries) == 4
	})
	raw, err := c.Do(t.Context(), c.B().Xrange().Key("socket.io").Start("-").End("+").Count(1).Build()).ToArray()
	if err != nil {
		t.Fatal(err)
	}
	pair, _ := raw[0].ToArray()
	fields, _ := pair[1].AsStrSlice()
	uid := entries[0].FieldValues["uid"]
	if len(uid) != 16 || strings.Trim(uid, "0123456789abcdef") != "" {
		t.Errorf("uid %q is not 16 hex digits", uid)
	}
	want := []string{"uid", uid, "nsp", "/", "type", "3", "data", `{"packet":{"type":2,"data":["hi",1,"é"]},"opts":{"rooms":["r1"],"except":[],"flags":{}}}`}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	var rest []string
	for _, e := range entries[1:] {
		rest = append(rest, e.FieldValues["type"]+" "+e.FieldValues["data"])
	}
	want = []string{
		"3 gqZwYWNrZXSCpHR5cGUCpGRhdGGSo2JpbsQDAQIDpG9wdHODpXJvb21zkKZleGNlcHSQpWZsYWdzgah2b2xhdGlsZcM=",
		`4 {"opts":{"rooms":["a"],"except":[],"flags":{}},"rooms":["b"]}`,
		`6 {"opts":{"rooms":[],"except":[],"flags":{}},"close":true}`,
	}
	if diff := cmp.Diff(want, rest); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestStreamsOrder has pods record at the same time: each is told everything in
// one order, with the same offsets, its own messages as its own.
func TestStreamsOrder(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	const n = 500
	var pods []cluster.Backplane
	var followers []*follower
	for range 3 {
		b, f := follow(t, redis.Options{URL: server.URL()}, newSink(), "/")
		pods, followers = append(pods, b), append(followers, f)
	}
	var wg sync.WaitGroup
	for p, b := range pods {
		wg.Go(func() {
			for i := range n {
				record(b, event("/", fmt.Sprintf(`["n",%d,%d]`, p, i)))
				if i%50 == 0 {
					b.Publish(event("/", fmt.Sprintf(`["unmarked",%d,%d]`, p, i)))
				}
			}
		})
	}
	wg.Wait()
	late, past := follow(t, redis.Options{URL: server.URL()}, newSink(), "/")
	for p, f := range followers {
		wait(t, "all is told", func() bool {
			got, _ := f.seen()
			return len(got) == len(pods)*n+(len(pods)-1)*n/50
		})
		if f.unmarked || f.missed || f.begun != 1 || len(f.lost) > 0 {
			t.Errorf("pod %d: %+v", p, f)
		}
	}
	var order []cluster.Offset
	texts := make(map[cluster.Offset]string)
	for _, f := range followers {
		got, at := f.seen()
		for i, o := range at {
			if i > 0 && !(at[i-1].Time < o.Time || at[i-1].Time == o.Time && at[i-1].Seq < o.Seq) {
				t.Fatalf("offset %v after %v", o, at[i-1])
			}
			text := strings.TrimPrefix(got[i], "+")
			if old, ok := texts[o]; ok && old != text {
				t.Fatalf("offset %v is %s and %s", o, old, text)
			}
			texts[o] = text
			order = append(order, o)
		}
	}
	wait(t, "the late one has all", func() bool { return len(past.plain()) == len(texts) })
	if got, _ := past.seen(); !strings.HasPrefix(got[0], "~") || !past.level {
		t.Errorf("the late pod was told %s as new", got[0])
	}
	if s := until(t, late, "healthy", healthy); s.Kind != "redis-streams" || s.Ignored != 0 {
		t.Errorf("status %+v", s)
	}
	_ = order
}

// TestStreamsConnectionLoss breaks the connections while pods record: nothing is
// lost and nothing twice, since what was on its way is looked for in the stream.
func TestStreamsConnectionLoss(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	proxy, err := rttest.NewProxy(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	a, mine := follow(t, redis.Options{URL: "redis://" + proxy.Addr()}, newSink(), "/")
	_, other := follow(t, redis.Options{URL: server.URL()}, newSink(), "/")
	const n = 3000
	var want []string
	for i := range n {
		args := fmt.Sprintf(`["n",%d]`, i)
		want = append(want, args)
		record(a, event("/", args))
		switch i % 300 {
		case 150:
			proxy.Reset()
		case 299:
			proxy.Finish()
		}
		if i%10 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	for name, f := range map[string]*follower{"the other pod": other, "the pod itself": mine} {
		wait(t, name+" has all", func() bool { return len(f.plain()) >= n })
		if diff := cmp.Diff(want, f.plain()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if f.missed || len(f.lost) > 0 {
			t.Errorf("%s: missed %v, %d lost", name, f.missed, len(f.lost))
		}
	}
	if s := until(t, a, "healthy", healthy); s.Dropped != 0 || s.Reconnects == 0 || s.Queued != 0 {
		t.Errorf("status %+v, want reconnects and nothing dropped or queued", s)
	}
}

// A pod that was away for longer than the stream's length is told so.
func TestStreamsTrimmed(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	proxy, err := rttest.NewProxy(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	a, f := follow(t, redis.Options{URL: "redis://" + proxy.Addr(), StreamMaxLen: 100}, newSink(), "/")
	b, _ := follow(t, redis.Options{URL: server.URL(), StreamMaxLen: 100}, newSink(), "/")
	b.Publish(event("/", `["before"]`))
	wait(t, "the first is there", func() bool { return len(f.plain()) == 1 })
	proxy.Refuse(true)
	proxy.Reset()
	for i := range 1000 {
		b.Publish(event("/", fmt.Sprintf(`["n",%d]`, i)))
	}
	until(t, b, "empty", func(s cluster.Status) bool { return s.Queued == 0 })
	proxy.Refuse(false)
	until(t, a, "healthy", healthy)
	wait(t, "the last is there", func() bool { p := f.plain(); return p[len(p)-1] == `["n",999]` })
	if n := len(f.plain()); !f.missed || f.begun != 2 || n < 100 || n > 900 {
		t.Errorf("missed %v, begun %d times, told %d of 1001", f.missed, f.begun, n)
	}
	if s := a.Status(); s.Overrun == 0 {
		t.Errorf("status %+v, want the gap counted", s)
	}
}

// While Redis is away the outbox is bounded and tells what it drops.
func TestStreamsOutbox(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	proxy, err := rttest.NewProxy(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	b, f := follow(t, redis.Options{URL: "redis://" + proxy.Addr(), OutboxMessages: 100}, newSink(), "/")
	until(t, b, "healthy", healthy)
	proxy.Refuse(true)
	proxy.Reset()
	until(t, b, "degraded", degraded)
	wait(t, "the journal is not level", func() bool { return !b.(cluster.Journal).Level("/") })
	refused := 0
	for i := range 150 {
		if !record(b, event("/", fmt.Sprintf(`["n",%d]`, i))) {
			refused++
		}
	}
	if s := b.Status(); s.Queued != 100 || s.Dropped != 50 {
		t.Errorf("%d queued and %d dropped, want 100 and 50", s.Queued, s.Dropped)
	}
	proxy.Refuse(false)
	until(t, b, "healthy and empty", func(s cluster.Status) bool { return healthy(s) && s.Queued == 0 })
	wait(t, "all is told", func() bool { return len(f.plain()) >= 100 })
	// What was on its way when the connection broke is not dropped.
	last := -1
	for _, text := range f.plain() {
		var n int
		if _, err := fmt.Sscanf(text, `["n",%d]`, &n); err != nil || n <= last {
			t.Errorf("%s after %d", text, last)
		}
		last = n
	}
	// When the writer has not noticed the loss all hundred may be on their way, and
	// what comes after them is dropped; otherwise the oldest are.
	if got := len(f.plain()); got != 100 || last < 99 {
		t.Errorf("told %d up to %d, want 100 up to between 99 and 149", got, last)
	}
	wait(t, "the dropped are told", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.lost)+refused == 50
	})
}

// What others write into the stream is counted and passed over.
func TestStreamsGarbage(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	s := newSink()
	b, f := follow(t, redis.Options{URL: server.URL()}, s, "/")
	until(t, b, "healthy", healthy)
	c := client(t, server.Addr())
	add := func(fields ...string) {
		t.Helper()
		cmd := c.B().Arbitrary("XADD").Keys("socket.io").Args("*").Args(fields...).Build()
		if err := c.Do(t.Context(), cmd).Error(); err != nil {
			t.Fatal(err)
		}
	}
	entry := func(kind, data string) { add("uid", "x", "nsp", "/", "type", kind, "data", data) }
	garbage := []func(){
		func() { entry("3", "") },
		func() { entry("3", "{") },
		func() { entry("3", "%%%") },
		func() { entry("3", "3f////8=") }, // an array of 4 billion
		func() { entry("3", strings.Repeat("x", 100_000)) },
		func() { entry("3", "{"+strings.Repeat(`"a":{`, 50_000)) },
		func() { entry("three", "{}") },
		func() { entry("99", "{}") },
		func() { entry("3", `{"packet":{"type":2,"data":["disconnect"]},"opts":{"rooms":[],"except":[]}}`) },
		func() { entry("4", `{"opts":5}`) },
		func() { add("uid", "x", "nsp", "/") },
	}
	for _, g := range garbage {
		g()
	}
	add("nonsense", "1")                                          // no namespace
	add("uid", "x", "nsp", "/nobody", "type", "3", "data", "???") // of nobody here
	add("data", `{"packet":{"type":2,"data":["good"]},"opts":{"rooms":[],"except":[],"flags":{}}}`, "type", "3", "nsp", "/", "uid", "u", "more", "x")
	wait(t, "the good one is there", func() bool { return len(f.plain()) > 0 })
	if diff := cmp.Diff([]string{`["good"]`}, f.plain()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if st := b.Status(); st.Ignored != uint64(len(garbage)) || !healthy(st) {
		t.Errorf("status %+v, want %d ignored", st, len(garbage))
	}
	// The key may be no stream at all: said, and mended when it is gone.
	if err := c.Do(t.Context(), c.B().Del().Key("socket.io").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(t.Context(), c.B().Set().Key("socket.io").Value("x").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	record(b, event("/", `["refused"]`))
	until(t, b, "degraded", degraded)
	if err := c.Do(t.Context(), c.B().Del().Key("socket.io").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	until(t, b, "healthy", func(s cluster.Status) bool { record(b, event("/", `["again"]`)); return healthy(s) })
}

// Signed entries are taken by pods with the key; those of another key are not.
func TestStreamsSigned(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	key := []byte("0123456789abcdef")
	a, _ := follow(t, redis.Options{URL: server.URL(), SignKey: key}, newSink(), "/")
	b, f := follow(t, redis.Options{URL: server.URL(), SignKey: key, SignRequired: true}, newSink(), "/")
	c, _ := follow(t, redis.Options{URL: server.URL(), SignKey: []byte("another key of 16")}, newSink(), "/")
	d, _ := follow(t, redis.Options{URL: server.URL()}, newSink(), "/")
	for i, pod := range []cluster.Backplane{c, d, a} {
		pod.Publish(event("/", fmt.Sprintf(`["from",%d]`, i)))
		until(t, pod, "empty", func(s cluster.Status) bool { return s.Queued == 0 })
	}
	wait(t, "the right one is there", func() bool { return len(f.plain()) > 0 })
	if diff := cmp.Diff([]string{`["from",2]`}, f.plain()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s := b.Status(); s.Ignored != 2 {
		t.Errorf("%d ignored, want 2", s.Ignored)
	}
}

func TestStreamsSessions(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	a, _ := follow(t, redis.Options{URL: server.URL()}, newSink(), "/")
	b, _ := follow(t, redis.Options{URL: server.URL()}, newSink(), "/")
	here, there := a.(cluster.Journal), b.(cluster.Journal)
	c := client(t, server.Addr())
	taken := make(chan string, 10)
	save := func(j cluster.Journal, owner string, first bool, keep time.Duration, rooms ...string) {
		j.SaveSession(&cluster.Session{
			SID: "0DmhhUEGxxxxxxxxAAAA", PID: "2gEg_ar6xxxxxxxxAAAB", Rooms: rooms, Data: json.RawMessage(`{"n":1}`), Namespace: "/",
			Owner: strings.Repeat(owner, cluster.SessionOwnerBytes), Begin: "1-0", Holder: "h",
		}, first, keep, func() { taken <- owner })
	}
	text := func() string {
		s, _ := c.Do(t.Context(), c.B().Get().Key("sio:session:2gEg_ar6xxxxxxxxAAAB").Build()).ToString()
		return s
	}
	all := func(*cluster.Session) bool { return true }
	take := func(j cluster.Journal, mine func(*cluster.Session) bool) (*cluster.Session, error) {
		return j.TakeSession(t.Context(), "2gEg_ar6xxxxxxxxAAAB", mine)
	}
	if _, err := take(there, all); !errors.Is(err, cluster.ErrNoSession) {
		t.Fatalf("before it is saved: %v", err)
	}
	save(here, "a", true, time.Minute, "0DmhhUEGxxxxxxxxAAAA")
	wait(t, "it is saved", func() bool { return text() != "" })
	first := text()
	save(here, "a", false, time.Minute, "0DmhhUEGxxxxxxxxAAAA", "r")
	wait(t, "it is saved again", func() bool { return text() != first })
	if _, err := take(there, func(s *cluster.Session) bool { return s.Holder == "other" }); !errors.Is(err, cluster.ErrNoSession) {
		t.Fatalf("somebody else: %v", err)
	}
	s, err := take(there, all)
	if err != nil {
		t.Fatal(err)
	}
	want := &cluster.Session{
		SID: "0DmhhUEGxxxxxxxxAAAA", PID: "2gEg_ar6xxxxxxxxAAAB", Rooms: []string{"0DmhhUEGxxxxxxxxAAAA", "r"}, Data: json.RawMessage(`{"n":1}`),
		Values: json.RawMessage(`{}`), Namespace: "/", Owner: strings.Repeat("a", cluster.SessionOwnerBytes), Begin: "1-0", Holder: "h",
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := take(here, all); !errors.Is(err, cluster.ErrNoSession) {
		t.Fatalf("a second time, when nobody saves it: %v", err)
	}
	// Its old connection can't bring it back.
	save(here, "a", false, time.Minute)
	if got := <-taken; got != "a" {
		t.Errorf("%q was told", got)
	}
	save(there, "b", true, time.Minute)
	wait(t, "the new one is saved", func() bool { return text() != "" })
	save(here, "a", false, 0)
	if got := <-taken; got != "a" || text() == "" {
		t.Errorf("%q was told, left %q", got, text())
	}
	save(there, "b", false, 0)
	wait(t, "it is deleted", func() bool { return text() == "" })
	// Of ten who want it one gets it.
	save(there, "b", true, time.Minute)
	wait(t, "it is saved", func() bool { return text() != "" })
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for i := range 10 {
		wg.Go(func() {
			if _, err := take([]cluster.Journal{here, there}[i%2], all); err == nil {
				mu.Lock()
				got++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if got != 1 {
		t.Errorf("%d got it", got)
	}
}

// TestStreamsSessionHandover: who wants a session that was taken and is not saved
// yet waits for that. Nor does a late save of the connection that had it push the
// one of its new connection out.
func TestStreamsSessionHandover(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	a, _ := follow(t, redis.Options{URL: server.URL()}, newSink(), "/")
	b, _ := follow(t, redis.Options{URL: server.URL()}, newSink(), "/")
	here, there := a.(cluster.Journal), b.(cluster.Journal)
	const pid = "2gEg_ar6xxxxxxxxAAAB"
	taken := make(chan string, 10)
	save := func(j cluster.Journal, owner string, first bool) {
		j.SaveSession(&cluster.Session{
			SID: "0DmhhUEGxxxxxxxxAAAA", PID: pid, Namespace: "/", Data: json.RawMessage(`{}`), Values: json.RawMessage(`{}`),
			Owner: strings.Repeat(owner, cluster.SessionOwnerBytes),
		}, first, time.Minute, func() { taken <- owner })
	}
	all := func(*cluster.Session) bool { return true }
	save(here, "a", true)
	wait(t, "it is saved and taken", func() bool {
		_, err := there.TakeSession(t.Context(), pid, all)
		return err == nil
	})
	c := client(t, server.Addr())
	asked := func() string {
		s, _ := c.Do(t.Context(), c.B().Info().Section("commandstats").Build()).ToString()
		_, s, _ = strings.Cut(s, "cmdstat_get:calls=")
		s, _, _ = strings.Cut(s, ",")
		return s
	}
	before := asked()
	waits := make(chan error, 1)
	go func() {
		s, err := here.TakeSession(t.Context(), pid, all)
		if err == nil && s.Owner[0] != 'b' {
			err = fmt.Errorf("it is still that of %q", s.Owner)
		}
		waits <- err
	}()
	wait(t, "it has asked", func() bool { return asked() != before })
	save(there, "b", true)
	save(there, "a", false)
	if err := <-waits; err != nil {
		t.Errorf("cut off again before it was saved: %v", err)
	}
	select {
	case who := <-taken:
		if who != "a" {
			t.Errorf("%q was told that the session is another's", who)
		}
	case <-time.After(10 * time.Second):
		t.Error("the connection that had it has heard nothing")
	}
}

// tellingSink answers with one socket and notes what it is told to do.
type tellingSink struct {
	*sink
	id  string
	ops chan string
}

func (s *tellingSink) Execute(c *cluster.Command) { s.ops <- c.Op.String() + string(c.Args) }

func (s *tellingSink) Answer(q *cluster.Query, reply func(*cluster.Answer)) {
	if q.Op == cluster.OpFetchSockets {
		reply(&cluster.Answer{Sockets: []cluster.Socket{{
			ID: s.id, Handshake: json.RawMessage(`{}`), Rooms: []string{s.id}, Data: json.RawMessage(`{"n":1}`),
		}}})
	}
}

// TestStreamsQuestions asks over both kinds of pub/sub, with the namespaces spread
// over several streams.
func TestStreamsQuestions(t *testing.T) {
	t.Parallel()
	for _, sharded := range []bool{false, true} {
		t.Run(fmt.Sprint("sharded ", sharded), func(t *testing.T) {
			t.Parallel()
			server := rttest.NewRedisServer(t)
			const ns = "/dashboard" // in the stream socket.io--3
			o := redis.Options{URL: server.URL(), StreamCount: 4, StreamSharded: sharded}
			a, _ := follow(t, o, newSink(), ns, "/")
			there := &tellingSink{newSink("r"), "0DmhhUEGxxxxxxxxAAAA", make(chan string, 10)}
			b, _ := follow(t, o, there, ns)
			until(t, a, "healthy", healthy)
			until(t, b, "healthy", healthy)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if n, err := a.Servers(ctx, ns); n != 2 || err != nil {
				t.Errorf("%d servers, %v", n, err)
			}
			var ids []string
			err := a.Ask(ctx, &cluster.Query{Op: cluster.OpFetchSockets, Namespace: ns}, func(x *cluster.Answer) {
				for _, s := range x.Sockets {
					ids = append(ids, s.ID)
				}
			})
			if diff := cmp.Diff([]string{"0DmhhUEGxxxxxxxxAAAA"}, ids); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			a.Send(&cluster.Command{Op: cluster.OpLeave, Namespace: ns, Targets: []string{"r"}})
			if op := <-there.ops; op != "socketsLeave" {
				t.Errorf("told %s", op)
			}
			a.Send(&cluster.Command{Op: cluster.OpServerSideEmit, Namespace: ns, Args: []byte(`["hello",1]`)})
			if op := <-there.ops; op != `serverSideEmit["hello",1]` {
				t.Errorf("told %s", op)
			}
			c := client(t, server.Addr())
			if n, err := c.Do(ctx, c.B().Xlen().Key("socket.io--3").Build()).AsInt64(); n != 1 || err != nil {
				t.Errorf("%d entries in socket.io--3, %v", n, err)
			}
		})
	}
}
