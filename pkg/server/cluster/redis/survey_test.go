package redis_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

func look(t *testing.T, url string, listen time.Duration, prefixes ...string) *redis.Survey {
	t.Helper()
	s, err := redis.Look(t.Context(), redis.SurveyOptions{Options: redis.Options{URL: url}, Listen: listen, Prefixes: prefixes})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func find(t *testing.T, s *redis.Survey, prefix string, adapter redis.Adapter) *redis.SurveyedCluster {
	t.Helper()
	for _, c := range s.Clusters {
		if c.Prefix == prefix && c.Adapter == adapter {
			return c
		}
	}
	text, _ := json.MarshalIndent(s, "", " ")
	t.Fatalf("no servers with adapter %s on prefix %s in\n%s", adapter, prefix, text)
	return nil
}

// Servers of Node with three adapters at once, and an rtk pod among one of them.
func TestLookAtNode(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	node := rttest.NodeEnv(t, []string{"REDIS=" + url}, "interop/peers.js")
	if line := node.Line(t, 30*time.Second); line != "ready" {
		t.Fatal(line)
	}
	pod := start(t, redis.Options{URL: url, Prefix: "fleet-classic", Pod: "pod-a", Version: "v1"}, newSink(), "/")
	until(t, pod, "healthy", healthy)
	c := raw(t, url)
	before, err := c.Do(t.Context(), c.B().PubsubNumsub().Channel("fleet-classic-request#/#").Build()).AsIntMap()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan *redis.Survey, 1)
	go func() { seen <- look(t, url, time.Second) }()
	var s *redis.Survey
	for s == nil {
		select {
		case s = <-seen:
		case <-time.After(20 * time.Millisecond):
			now, err := c.Do(t.Context(), c.B().PubsubNumsub().Channel("fleet-classic-request#/#").Build()).AsIntMap()
			if diff := cmp.Diff(before, now); err != nil || diff != "" {
				t.Fatalf("the look is counted as a server: %v\n%s", err, diff)
			}
			answer := c.B().Publish().Channel("fleet-classic-response#/#").Message(`{"requestId":"abcdef","sockets":[]}`).Build()
			if err := c.Do(t.Context(), answer).Error(); err != nil {
				t.Fatal(err)
			}
			shards, err := c.Do(t.Context(), c.B().PubsubShardnumsub().Channel("fleet-sharded#/#").Build()).AsIntMap()
			if err != nil || shards["fleet-sharded#/#"] != 1 {
				t.Fatalf("sharded servers: %v, %v", shards, err)
			}
		}
	}
	if len(s.Mismatches) > 0 || len(s.Hidden) > 0 {
		t.Errorf("mismatches %q, hidden %q, want none", s.Mismatches, s.Hidden)
	}
	if s.Redis.Software != "redis" || s.Redis.Version == "" || s.Redis.Mode != "standalone" || s.Redis.Nodes != 1 {
		t.Errorf("redis %+v", s.Redis)
	}
	type servers struct{ Servers, UIDs int }
	want := map[redis.Adapter]map[string]servers{
		redis.Classic: {"/": {2, 2}, "/chat": {1, 1}},
		redis.Sharded: {"/": {1, 1}, "/chat": {1, 1}},
		redis.Streams: {"/": {1, 1}, "/chat": {1, 1}},
	}
	got := map[redis.Adapter]map[string]servers{}
	for adapter := range want {
		got[adapter] = map[string]servers{}
		for ns, n := range find(t, s, "fleet-"+string(adapter), adapter).Namespaces {
			got[adapter][ns] = servers{n.Servers, len(n.UIDs)}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("servers by adapter and namespace (-want +got):\n%s", diff)
	}
	classic := find(t, s, "fleet-classic", redis.Classic)
	if diff := cmp.Diff([]redis.SurveyedPod{{Name: "pod-a", Version: "v1", Layout: "classic", Hears: true}}, classic.Pods,
		cmpopts.IgnoreFields(redis.SurveyedPod{}, "UID"), cmpopts.IgnoreUnexported(redis.SurveyedPod{})); diff != "" {
		t.Errorf("rtk pods (-want +got):\n%s", diff)
	}
	if !classic.Emitters {
		t.Error("the emitter was not noticed")
	}
	for _, kind := range []string{"broadcast", "request", "response"} {
		if m := classic.Messages[kind]; m == nil || m.Seen == 0 || m.Undecodable > 0 {
			t.Errorf("classic %s: %+v", kind, m)
		}
	}
	stream := find(t, s, "fleet-streams", redis.Streams)
	if d := stream.Streams["fleet-stream"]; d == nil || d.Length == 0 {
		t.Errorf("streams %+v", stream.Streams)
	}
	if m := stream.Messages["stream entry"]; m == nil || m.Seen == 0 {
		t.Errorf("stream entries: %+v", stream.Messages)
	}
	if text, _ := json.Marshal(s); strings.Contains(string(text), "secret-payload") {
		t.Error("a payload is shown")
	}
}

func TestLookFindsMismatches(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	c := raw(t, url)
	hold(t, c, c.B().Subscribe().Channel("two-request#/#", "two-response#/#", "two-response#/#abcdef#").Build())
	hold(t, c, c.B().Subscribe().Channel("two#/#", "two#/#0123456789abcdef#").Build())
	hold(t, c, c.B().Ssubscribe().Channel("two#/#").Build())
	hold(t, c, c.B().Subscribe().Channel("odd-request#/#", "odd-response#/#", "odd-response#/#abcdef#").Build())
	until(t, start(t, redis.Options{URL: url, Prefix: "old", Pod: "old-a", Version: "v1", RoomSubscriptions: true}, newSink(), "/"), "healthy", healthy)
	until(t, start(t, redis.Options{URL: url, Prefix: "old", Pod: "old-b", Version: "v2"}, newSink(), "/"), "healthy", healthy)
	for _, cmd := range [][]string{
		{"HSET", "odd:rtk", "gone00", `99999999999 classic {"adapter":"classic","pod":"gone","version":"v1"}`},
		{"HSET", "odd:rtk", "other0", `99999999999 sharded/static {"adapter":"sharded","pod":"other","version":"v1"}`},
		{"HSET", "odd:rtk", "broken", `nonsense`},
	} {
		if err := c.Do(t.Context(), c.B().Arbitrary(cmd...).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		for t.Context().Err() == nil {
			for channel, payload := range map[string]string{
				"odd#/#":            "garbage",
				"odd-request#/#":    "\x00",
				"odd#/#room#":       "\x93\xa6zzzzzz\x83\xa4type\x02\xa4data\x91\xa1e\xa3nsp\xa1/\x83\xa5rooms\x91\xa4room\xa6except\x90\xa5flags\x80",
				"somebody-else#/x#": "not ours",
			} {
				_ = c.Do(t.Context(), c.B().Publish().Channel(channel).Message(payload).Build()).Error()
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	s := look(t, url, time.Second, "two", "odd", "old")
	for _, want := range []string{
		`prefix "two" has servers with different adapters: classic and sharded and streams`,
		`prefix "odd": pod gone hears nothing`,
		`prefix "odd" has rtk pods with different options: classic, sharded/static`,
		`(broadcast) are not what the adapter sends`,
		`(request) are not what the adapter sends`,
		`prefix "odd", namespace "/": server zzzzzz sends and hears nothing`,
	} {
		if !slices.ContainsFunc(s.Mismatches, func(m string) bool { return strings.Contains(m, want) }) {
			t.Errorf("no mismatch with %q in\n%s", want, strings.Join(s.Mismatches, "\n"))
		}
	}
	if !slices.Contains(s.Notes, `prefix "old" has rtk pods of different versions: v1, v2`) {
		t.Errorf("nothing of the versions in the notes %q", s.Notes)
	}
	if i := slices.IndexFunc(s.Mismatches, func(m string) bool { return strings.Contains(m, `"old"`) }); i >= 0 {
		t.Errorf("versions are no mismatch: %s", s.Mismatches[i])
	}
}

func TestLookWithoutRights(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	c := raw(t, server.URL())
	if err := c.Do(t.Context(), c.B().Arbitrary(strings.Fields("ACL SETUSER poor on >secret-password resetchannels +ping +hello +client|setname")...).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	until(t, start(t, redis.Options{URL: server.URL()}, newSink(), "/"), "healthy", healthy)
	s := look(t, "redis://poor:secret-password@"+server.Addr(), 100*time.Millisecond)
	if len(s.Hidden) < 4 || len(s.Mismatches) > 0 || len(s.Clusters) > 0 {
		t.Errorf("hidden %q, mismatches %q, clusters %v", s.Hidden, s.Mismatches, s.Clusters)
	}
	if text, _ := json.Marshal(s); strings.Contains(string(text), "secret-password") {
		t.Errorf("the password is shown: %s", text)
	}
}

func TestLookAtNothing(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	if s := look(t, server.URL(), 0); len(s.Clusters)+len(s.Mismatches)+len(s.Notes)+len(s.Hidden) > 0 {
		t.Errorf("an empty Redis: %+v", s)
	}
	server.Stop()
	_, err := redis.Look(t.Context(), redis.SurveyOptions{Options: redis.Options{URL: server.URL()}})
	if err == nil {
		t.Error("a Redis that is gone was looked at")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := redis.Look(ctx, redis.SurveyOptions{Options: redis.Options{URL: server.URL()}}); err == nil {
		t.Error("a look whose context has ended succeeded")
	}
}

// On a Cluster the servers of a namespace are spread over the nodes, and so are
// their sharded channels.
func TestLookAtCluster(t *testing.T) {
	t.Parallel()
	url := rttest.NewRedisCluster(t, 3, false).URL()
	for _, o := range []redis.Options{
		{URL: url, Prefix: "a", Pod: "a1"},
		{URL: url, Prefix: "a", Pod: "a2"},
		{URL: url, Prefix: "b", Pod: "b1", Adapter: redis.Sharded},
		{URL: url, Prefix: "b", Pod: "b2", Adapter: redis.Sharded},
	} {
		until(t, start(t, o, newSink("room"), "/", "/chat"), "healthy", healthy)
	}
	s := look(t, url, 100*time.Millisecond)
	if len(s.Mismatches) > 0 || len(s.Hidden) > 0 {
		t.Errorf("mismatches %q, hidden %q, want none", s.Mismatches, s.Hidden)
	}
	if s.Redis.Mode != "cluster" || s.Redis.Nodes != 3 {
		t.Errorf("redis %+v, want a cluster of 3 nodes", s.Redis)
	}
	for prefix, adapter := range map[string]redis.Adapter{"a": redis.Classic, "b": redis.Sharded} {
		c := find(t, s, prefix, adapter)
		for _, ns := range []string{"/", "/chat"} {
			if n := c.Namespaces[ns]; n == nil || n.Servers != 2 || len(n.UIDs) != 2 {
				t.Errorf("prefix %s, namespace %s: %+v, want 2 servers", prefix, ns, n)
			}
		}
		if len(c.Pods) != 2 || c.Pods[0].Name != prefix+"1" || !c.Pods[0].Hears || !c.Pods[1].Hears {
			t.Errorf("prefix %s: pods %+v", prefix, c.Pods)
		}
	}
}

// rtk's own pods of all adapters, each on a prefix of its own.
func TestLookAtOwnPods(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	for prefix, o := range map[string]redis.Options{
		"classic": {}, "rooms": {RoomSubscriptions: true}, "sharded": {Adapter: redis.Sharded},
		"streams": {Adapter: redis.Streams}, "streams-sharded": {Adapter: redis.Streams, StreamSharded: true, Stream: "other"},
	} {
		o.URL, o.Prefix = url, prefix
		for _, name := range []string{"one", "two"} {
			o.Pod = name
			b := start(t, o, newSink("room"), "/")
			until(t, b, "healthy", healthy)
			b.Publish(event("/", `["x"]`))
		}
	}
	s := look(t, url, 100*time.Millisecond)
	if len(s.Mismatches) > 0 || len(s.Hidden) > 0 {
		t.Errorf("mismatches %q, hidden %q, want none", s.Mismatches, s.Hidden)
	}
	if len(s.Clusters) != 5 {
		t.Errorf("%d clusters, want 5", len(s.Clusters))
	}
	for prefix, adapter := range map[string]redis.Adapter{
		"classic": redis.Classic, "rooms": redis.Classic, "sharded": redis.Sharded, "streams": redis.Streams, "streams-sharded": redis.Streams,
	} {
		c := find(t, s, prefix, adapter)
		if n := c.Namespaces["/"]; n == nil || n.Servers != 2 || len(n.UIDs) != 2 {
			t.Errorf("prefix %s: %+v, want 2 servers", prefix, n)
		}
		if len(c.Pods) != 2 || !c.Pods[0].Hears || !c.Pods[1].Hears {
			t.Errorf("prefix %s: pods %+v", prefix, c.Pods)
		}
	}
}
