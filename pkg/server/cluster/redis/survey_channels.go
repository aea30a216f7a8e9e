package redis

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// server asks the Redis what it is.
func (s *surveyor) server(ctx context.Context, c *connector) {
	r := &s.out.Redis
	r.Mode, r.Nodes = "standalone", len(s.client.Nodes())
	switch c.target.Kind {
	case redisconn.Cluster:
		r.Mode = "cluster"
	case redisconn.Sentinel:
		r.Mode = "sentinel"
	}
	text, err := s.one.Do(ctx, s.one.B().Info().Section("server", "replication").Build()).ToString()
	if s.failed(err, "INFO: version, mode and role") {
		return
	}
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[k] = v
		}
	}
	r.Software, r.Version, r.Role = "redis", info["redis_version"], info["role"]
	if v := info["valkey_version"]; v != "" {
		r.Software, r.Version = "valkey", v
	}
	if info["redis_mode"] == "cluster" && r.Mode == "standalone" {
		r.Mode = "cluster"
		s.out.Notes = append(s.out.Notes, "this is one node of a Redis Cluster: channels and counts of the others are not seen; give redis+cluster://")
	}
	if r.Role == "slave" {
		s.out.Notes = append(s.out.Notes, "this is a replica: servers that publish here are refused, or heard here only")
	}
}

var (
	heartbeatName = regexp.MustCompile(`^(.+)-rtk-heartbeat#([^#]+)#$`)
	requestName   = regexp.MustCompile(`^(.+?)-request#(/[^#]*)#$`)
	responseName  = regexp.MustCompile(`^(.+?)-response#(/[^#]*)#(?:([^#]+)#)?$`)
	mainName      = regexp.MustCompile(`^(.+?)#(/[^#]*)#(?:(.+)#)?$`)
	clusterUID    = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

// channels lists those that servers hear, on all nodes.
func (s *surveyor) channels(ctx context.Context) {
	rooms := map[*SurveyedServers]int{}
	var plain, sharded []string
	for _, node := range s.client.Nodes() {
		list, err := node.Do(ctx, node.B().PubsubChannels().Build()).AsStrSlice()
		if !s.failed(err, "PUBSUB CHANNELS: who is there") {
			plain = append(plain, list...)
		}
		list, err = node.Do(ctx, node.B().PubsubShardchannels().Build()).AsStrSlice()
		if !s.failed(err, "PUBSUB SHARDCHANNELS: who is there with the sharded adapter") {
			sharded = append(sharded, list...)
		}
	}
	s.populations = map[[2]string]population{} // they may have changed since the last time
	prefixes := []string{redisadapter.DefaultPrefix}
	for _, name := range plain {
		if m := requestName.FindStringSubmatch(name); m != nil && s.wanted(m[1]) {
			prefixes = put(prefixes, m[1])
			s.cluster(m[1], Classic).servers(m[2])
		}
	}
	s.shardUIDs = map[string][]string{}
	for _, name := range slices.Concat(plain, sharded) {
		if m := mainName.FindStringSubmatch(name); m != nil && s.wanted(m[1]) {
			prefixes = put(prefixes, m[1])
		}
	}
	for _, name := range sharded {
		if m := mainName.FindStringSubmatch(name); m != nil && clusterUID.MatchString(m[3]) {
			s.shardUIDs[m[1]] = append(s.shardUIDs[m[1]], m[3])
		}
	}
	s.readMarks(ctx, slices.Concat(prefixes, s.options.Prefixes))
	for _, name := range plain {
		s.plainChannel(ctx, name, rooms)
	}
	for _, name := range sharded {
		if m := mainName.FindStringSubmatch(name); m != nil && s.wanted(m[1]) {
			s.ofNamespace(s.cluster(m[1], s.shardedAdapter(m[1])), m[2], m[3], rooms)
		}
	}
	s.count(ctx)
	for servers, n := range rooms {
		servers.Rooms = n
	}
}

// population is populationOf, asked once in a look.
func (s *surveyor) population(ctx context.Context, prefix, namespace string) population {
	key := [2]string{prefix, namespace}
	p, ok := s.populations[key]
	if !ok {
		var err error
		p, err = populationOf(ctx, s.client, prefix, namespace)
		s.failed(err, "PUBSUB NUMSUB: how many servers there are")
		s.populations[key] = p
	}
	return p
}

func (s *surveyor) plainChannel(ctx context.Context, name string, rooms map[*SurveyedServers]int) {
	if m := heartbeatName.FindStringSubmatch(name); m != nil {
		s.beats[m[2]] = true
		return
	}
	if requestName.MatchString(name) {
		return
	}
	if m := responseName.FindStringSubmatch(name); m != nil {
		if s.wanted(m[1]) && m[3] != "" {
			servers := s.cluster(m[1], Classic).servers(m[2])
			servers.UIDs = put(servers.UIDs, m[3])
		}
		return
	}
	m := mainName.FindStringSubmatch(name)
	if m == nil || !s.wanted(m[1]) {
		return
	}
	prefix, ns, rest := m[1], m[2], m[3]
	if p := s.population(ctx, prefix, ns); p.plain <= s.byRoom(prefix, p) {
		s.ofNamespace(s.cluster(prefix, Classic), ns, rest, rooms)
		return
	}
	if rest == "" || clusterUID.MatchString(rest) {
		s.ofNamespace(s.cluster(prefix, Streams), ns, rest, rooms)
	}
}

// byRoom is how many classic servers of a prefix hear room by room, which only
// rtk pods can.
func (s *surveyor) byRoom(prefix string, p population) (n int) {
	if s.noMarks {
		return p.classic // any of them may be one
	}
	for _, pod := range s.marks[prefix] {
		if pod.rooms {
			n++
		}
	}
	return n
}

// ofNamespace takes note of a channel of a namespace: its own, a server's or a
// room's.
func (s *surveyor) ofNamespace(c *SurveyedCluster, namespace, rest string, rooms map[*SurveyedServers]int) {
	servers := c.servers(namespace)
	switch {
	case rest == "":
	case c.Adapter != Classic && clusterUID.MatchString(rest):
		servers.UIDs = put(servers.UIDs, rest)
	default:
		rooms[servers]++
	}
}

// shardedAdapter tells which of two adapters hears a prefix's sharded channels.
func (s *surveyor) shardedAdapter(prefix string) Adapter {
	for _, pod := range s.marks[prefix] {
		if strings.HasPrefix(pod.Layout, string(Streams)+"/") && strings.HasSuffix(pod.Layout, "/sharded") {
			return Streams
		}
	}
	for _, uid := range s.shardUIDs[prefix] {
		if s.streamUIDs[uid] { // it has also written to a stream
			return Streams
		}
	}
	return Sharded
}

// count asks for the number of servers of each namespace.
func (s *surveyor) count(ctx context.Context) {
	for key, c := range s.clusters {
		for ns, servers := range c.Namespaces {
			switch p := s.population(ctx, key.prefix, ns); {
			case key.adapter == Classic:
				servers.Servers = p.classic
			case key.adapter == s.shardedAdapter(key.prefix):
				servers.Servers = p.sharded
			default:
				servers.Servers = max(p.plain-s.byRoom(key.prefix, p), 0)
			}
		}
	}
}

// readMarks reads what rtk pods say of themselves.
func (s *surveyor) readMarks(ctx context.Context, prefixes []string) {
	now := s.now(ctx)
	s.marks = map[string][]SurveyedPod{}
	seen := map[string]bool{}
	for _, prefix := range prefixes {
		if seen[prefix] || !s.wanted(prefix) {
			continue
		}
		seen[prefix] = true
		all, err := s.client.Do(ctx, s.client.B().Hgetall().Key(markKey(prefix)).Build()).AsStrMap()
		if s.failed(err, "HGETALL "+markKey(prefix)+": which rtk pods there are") {
			s.noMarks = true
			continue
		}
		for uid, value := range all {
			m, till, ok := parseMark(uid, value)
			if !ok || till.Unix() < now {
				continue
			}
			pod := SurveyedPod{Name: m.name(), UID: uid, Version: m.Version, Layout: m.layout, Signs: m.Key != "", Required: m.Required, key: m.Key, rooms: m.Rooms}
			s.marks[prefix] = append(s.marks[prefix], pod)
		}
	}
}

// now is the time by the clock that the marks end by.
func (s *surveyor) now(ctx context.Context) int64 {
	t, err := s.one.Do(ctx, s.one.B().Time().Build()).AsStrSlice()
	if err != nil || len(t) == 0 {
		return 0 // then all marks count
	}
	n, _ := strconv.ParseInt(t[0], 10, 64)
	return n
}
