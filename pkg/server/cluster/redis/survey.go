package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/rueidis"
)

// Survey is what somebody who only looks sees of the servers on a Redis. It holds
// no payload and no credential.
type Survey struct {
	Redis SurveyedRedis `json:"redis"`
	// Clusters are the servers of one prefix and adapter each, by prefix.
	Clusters []*SurveyedCluster `json:"clusters"`
	// Mismatches are what keeps servers from understanding each other; Notes are
	// what somebody may want to know.
	Mismatches []string `json:"mismatches"`
	Notes      []string `json:"notes"`
	// Hidden is what the Redis user was not allowed to see.
	Hidden []string `json:"hidden"`
	// ListenedSeconds is how long messages were listened to.
	ListenedSeconds float64 `json:"listenedSeconds"`
}

// SurveyedRedis is the Redis itself, as far as it tells.
type SurveyedRedis struct {
	Software string `json:"software"` // redis or valkey
	Version  string `json:"version"`
	Mode     string `json:"mode"` // standalone, sentinel or cluster
	Role     string `json:"role"` // of the server that was asked
	Nodes    int    `json:"nodes"`
}

// SurveyedCluster is the servers of one prefix and adapter.
type SurveyedCluster struct {
	Prefix     string                       `json:"prefix"`
	Adapter    Adapter                      `json:"adapter"`
	Namespaces map[string]*SurveyedServers  `json:"namespaces"`
	Pods       []SurveyedPod                `json:"pods"`
	Streams    map[string]*SurveyedStream   `json:"streams,omitempty"`
	Messages   map[string]*SurveyedMessages `json:"messages"` // by kind: broadcast, request, response
	// Emitters is set when something sent that is no server: an emitter.
	Emitters bool `json:"emitters"`
}

// SurveyedServers are those of a namespace. Servers is how many Redis counts,
// UIDs are the ones that hear on a channel of their own, Senders those that sent.
type SurveyedServers struct {
	Servers int      `json:"servers"`
	UIDs    []string `json:"uids"`
	Senders []string `json:"senders"`
	Rooms   int      `json:"rooms"` // with a channel of their own
}

// SurveyedPod is an rtk pod by its mark.
type SurveyedPod struct {
	Name     string `json:"name"`
	UID      string `json:"uid"`
	Version  string `json:"version"`
	Layout   string `json:"layout"` // adapter and options that must agree
	Signs    bool   `json:"signs"`
	Required bool   `json:"signRequired"`
	Hears    bool   `json:"hears"` // it is subscribed

	key   string
	rooms bool // it hears room by room
}

// SurveyedStream is a stream of the streams adapter.
type SurveyedStream struct {
	Length int64  `json:"length"`
	LastID string `json:"lastId"`
}

// SurveyedMessages counts what was heard.
type SurveyedMessages struct {
	Seen        int `json:"seen"`
	Undecodable int `json:"undecodable"`
}

// SurveyOptions configures Look. Of Options it uses URL, TLS and the timeouts.
type SurveyOptions struct {
	Options
	// Prefixes restricts the look; empty means all that are found.
	Prefixes []string
	// Listen is how long messages are listened to.
	Listen time.Duration
}

// surveyor gathers a Survey. Only read-only commands, and subscriptions to
// patterns, which Redis doesn't count as a server.
type surveyor struct {
	options SurveyOptions
	client  rueidis.Client // goes to the server of a key; its Nodes are all
	one     rueidis.Client // any server

	out      *Survey
	clusters map[clusterKey]*SurveyedCluster
	marks    map[string][]SurveyedPod // by prefix
	noMarks  bool                     // they could not be read
	beats    map[string]bool          // uids that hear a heartbeat of their own

	populations map[[2]string]population // by prefix and namespace
	shardUIDs   map[string][]string      // that hear a sharded channel of their own, by prefix
	streamKeys  []string
	tails       map[string]string // the last entry of each stream
	streamUIDs  map[string]bool   // that have written to a stream
}

type clusterKey struct {
	prefix  string
	adapter Adapter
}

// Look looks at who is on a Redis. An error means that it can't be reached or
// refuses the credentials.
func Look(ctx context.Context, o SurveyOptions) (*Survey, error) {
	checked, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	o.Options = checked
	connector, err := newConnector(o.Options)
	if err != nil {
		return nil, err
	}
	defer connector.close()
	defer connector.abort()
	s := &surveyor{
		options: o, out: &Survey{Clusters: []*SurveyedCluster{}, Mismatches: []string{}, Notes: []string{}, Hidden: []string{}},
		clusters: map[clusterKey]*SurveyedCluster{}, beats: map[string]bool{}, streamUIDs: map[string]bool{}, tails: map[string]string{},
	}
	if s.one, err = connector.get(); err == nil {
		s.client, err = connector.byKey()
	}
	if err == nil {
		err = s.one.Do(ctx, s.one.B().Ping().Build()).Error()
	}
	if err != nil && !forbidden(err) {
		return nil, fmt.Errorf("connect to redis: %s", reason(err))
	}
	s.server(ctx, connector)
	s.findStreams(ctx)
	s.channels(ctx)
	s.listen(ctx)
	s.channels(ctx) // again: who came meanwhile is no stranger
	s.describeStreams(ctx)
	s.judge()
	for _, key := range slices.SortedFunc(maps.Keys(s.clusters), func(a, b clusterKey) int {
		return slices.Compare([]string{a.prefix, string(a.adapter)}, []string{b.prefix, string(b.adapter)})
	}) {
		s.out.Clusters = append(s.out.Clusters, s.clusters[key])
	}
	for _, list := range []*[]string{&s.out.Mismatches, &s.out.Notes, &s.out.Hidden} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return s.out, ctx.Err()
}

// wanted reports whether a prefix is one to look at.
func (s *surveyor) wanted(prefix string) bool {
	return len(s.options.Prefixes) == 0 || slices.Contains(s.options.Prefixes, prefix)
}

func (s *surveyor) cluster(prefix string, a Adapter) *SurveyedCluster {
	key := clusterKey{prefix, a}
	c := s.clusters[key]
	if c == nil {
		c = &SurveyedCluster{Prefix: prefix, Adapter: a, Namespaces: map[string]*SurveyedServers{}, Pods: []SurveyedPod{}, Messages: map[string]*SurveyedMessages{}}
		s.clusters[key] = c
	}
	return c
}

func (c *SurveyedCluster) servers(namespace string) *SurveyedServers {
	n := c.Namespaces[namespace]
	if n == nil {
		n = &SurveyedServers{UIDs: []string{}, Senders: []string{}}
		c.Namespaces[namespace] = n
	}
	return n
}

func (c *SurveyedCluster) messages(kind string) *SurveyedMessages {
	m := c.Messages[kind]
	if m == nil {
		m = &SurveyedMessages{}
		c.Messages[kind] = m
	}
	return m
}

// put adds a name to a sorted list, once.
func put(list []string, name string) []string {
	i, found := slices.BinarySearch(list, name)
	if found {
		return list
	}
	return slices.Insert(list, i, name)
}

// failed takes note of what could not be seen and reports whether err says so.
func (s *surveyor) failed(err error, what string) bool {
	if err == nil {
		return false
	}
	if forbidden(err) {
		s.out.Hidden = append(s.out.Hidden, what)
	} else if !unknownCommand(err) {
		s.out.Notes = append(s.out.Notes, what+": "+reason(err))
	}
	return true
}
