package redis

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// A look at the keys stops here, so that it stays a look.
const (
	scanRounds  = 100
	scanAtOnce  = 1000
	maxStreams  = 64
	sniffLength = 5 // entries
)

// findStreams looks for streams with entries of the streams adapter.
func (s *surveyor) findStreams(ctx context.Context) {
	var keys []string
	for _, node := range s.client.Nodes() {
		cursor := uint64(0)
		for round := 0; ; round++ {
			entry, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Count(scanAtOnce).Type("stream").Build()).AsScanEntry()
			if s.failed(err, "SCAN: which streams there are") {
				break
			}
			keys = append(keys, entry.Elements...)
			if cursor = entry.Cursor; cursor == 0 {
				break
			}
			if round == scanRounds || len(keys) > maxStreams {
				s.out.Notes = append(s.out.Notes, fmt.Sprintf("there are many keys: only the first %d were searched for streams", (round+1)*scanAtOnce))
				break
			}
		}
	}
	if keys = append(keys, redisadapter.DefaultPrefix); len(s.options.Stream) > 0 {
		keys = append(keys, s.options.Stream)
	}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		entries, err := s.client.Do(ctx, s.client.B().Xrevrange().Key(key).End("+").Start("-").Count(sniffLength).Build()).AsXRange()
		if err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE") || s.failed(err, "XREVRANGE "+key+": who wrote to the stream") {
			continue
		}
		if slices.ContainsFunc(entries, ofAdapter) {
			s.streamKeys = append(s.streamKeys, key)
			s.tails[key] = entries[0].ID
			s.wrote(key, entries, false)
		}
	}
}

// ofAdapter reports whether an entry has the fields of the streams adapter.
func ofAdapter(e rueidis.XRangeEntry) bool {
	for _, field := range []string{"uid", "nsp", "type", "data"} {
		if _, ok := e.FieldValues[field]; !ok {
			return false
		}
	}
	return true
}

// wrote takes note of entries; those that were listened to are also messages.
func (s *surveyor) wrote(key string, entries []rueidis.XRangeEntry, heard bool) {
	for _, e := range entries {
		uid, ns := e.FieldValues["uid"], e.FieldValues["nsp"]
		if ofAdapter(e) {
			s.streamUIDs[uid] = true
		}
		if !heard {
			continue
		}
		c := s.clusterOfStream(key, uid)
		m := c.messages("stream entry")
		m.Seen++
		if !ofAdapter(e) {
			m.Undecodable++
			continue
		}
		s.sender(c, ns, uid)
	}
}

// clusterOfStream finds whose stream it is: that of the servers that write to it,
// or of the rtk pods that say so. Without servers it stands for itself.
func (s *surveyor) clusterOfStream(key, uid string) *SurveyedCluster {
	for k, c := range s.clusters {
		if k.adapter != Streams {
			continue
		}
		for _, servers := range c.Namespaces {
			if slices.Contains(servers.UIDs, uid) {
				return c
			}
		}
		for _, pod := range s.marks[k.prefix] {
			if strings.HasPrefix(pod.Layout, string(Streams)+"/"+url.PathEscape(key)+"/") {
				return c
			}
		}
	}
	return s.cluster(key, Streams)
}

// describeStreams puts the streams to their clusters.
func (s *surveyor) describeStreams(ctx context.Context) {
	for _, key := range s.streamKeys {
		entries, err := s.client.Do(ctx, s.client.B().Xrevrange().Key(key).End("+").Start("-").Count(sniffLength).Build()).AsXRange()
		if err != nil || len(entries) == 0 {
			continue
		}
		c := s.clusterOfStream(key, entries[0].FieldValues["uid"])
		if !s.wanted(c.Prefix) {
			delete(s.clusters, clusterKey{c.Prefix, c.Adapter})
			continue
		}
		d := &SurveyedStream{LastID: entries[0].ID}
		if n, err := s.client.Do(ctx, s.client.B().Xlen().Key(key).Build()).AsInt64(); !s.failed(err, "XLEN "+key) {
			d.Length = n
		}
		if c.Streams == nil {
			c.Streams = map[string]*SurveyedStream{}
		}
		c.Streams[key] = d
	}
}

// readStreams reads what is written from now on until ctx ends.
func (s *surveyor) readStreams(ctx context.Context, found func(key string, entries []rueidis.XRangeEntry)) {
	last := maps.Clone(s.tails)
	for len(s.streamKeys) > 0 && ctx.Err() == nil {
		for _, key := range s.streamKeys { // each may be on another server
			read := s.client.B().Xread().Count(100).Block(streamPatience.Milliseconds()).Streams().Key(key).Id(last[key]).Build()
			got, err := s.client.Do(ctx, read).AsXRead()
			if rueidis.IsRedisNil(err) || ctx.Err() != nil {
				continue
			}
			if err != nil {
				return
			}
			if entries := got[key]; len(entries) > 0 {
				last[key] = entries[len(entries)-1].ID
				found(key, entries)
			}
		}
	}
}

// streamPatience is how long one stream is waited for before the next is looked
// at.
const streamPatience = 100 * time.Millisecond
