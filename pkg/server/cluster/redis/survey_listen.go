package redis

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// The kinds of messages in a survey.
const (
	kindBroadcast = "broadcast"
	kindRequest   = "request"
	kindResponse  = "response"
)

// listen hears the messages for a while: those of pub/sub by patterns, which
// don't make it a server in anybody's count, and those of streams by reading.
// Sharded channels know no patterns: who subscribes there is counted.
func (s *surveyor) listen(ctx context.Context) {
	if s.options.Listen <= 0 {
		return
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, s.options.Listen)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	wg.Go(func() {
		s.readStreams(ctx, func(key string, entries []rueidis.XRangeEntry) {
			mu.Lock()
			defer mu.Unlock()
			s.wrote(key, entries, true)
		})
	})
	s.hear(ctx, func(channel, payload string) {
		mu.Lock()
		defer mu.Unlock()
		s.heard(channel, payload)
	}, &mu)
	wg.Wait()
	s.out.ListenedSeconds = time.Since(start).Seconds()
	for key := range s.clusters {
		if key.adapter == Sharded {
			s.out.Notes = append(s.out.Notes, "messages on sharded channels were not listened to: whoever subscribes there counts as a server")
		}
	}
}

// patterns are what to listen to: everything that looks like an adapter's, or
// what is on the wanted prefixes.
func (s *surveyor) patterns() []string {
	if len(s.options.Prefixes) == 0 {
		return []string{"*#/*"}
	}
	var list []string
	for _, prefix := range s.options.Prefixes {
		list = append(list, glob(prefix)+"#/*", glob(prefix)+"-request#/*", glob(prefix)+"-response#/*")
	}
	return list
}

// narrow are the patterns that a classic server has itself, for a user with no
// more rights than that.
func (s *surveyor) narrow() (list []string) {
	for key, c := range s.clusters {
		for ns := range c.Namespaces {
			if key.adapter == Classic {
				list = append(list, redisadapter.BroadcastPattern(key.prefix, ns))
			}
		}
	}
	return list
}

// hear subscribes and waits for the end of ctx. mu guards the survey.
func (s *surveyor) hear(ctx context.Context, message func(channel, payload string), mu *sync.Mutex) {
	conn, release := s.one.Dedicate()
	defer release()
	defer conn.Close()
	lost := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(m rueidis.PubSubMessage) { message(m.Channel, m.Message) }})
	subscribe := func(pattern string) error {
		ctx, cancel := context.WithTimeout(ctx, s.options.IOTimeout)
		defer cancel()
		return conn.Do(ctx, conn.B().Psubscribe().Pattern(pattern).Build()).Error()
	}
	mu.Lock()
	narrow := s.narrow()
	mu.Unlock()
	for _, pattern := range s.patterns() {
		err := subscribe(pattern)
		mu.Lock()
		limited := forbidden(err)
		s.failed(err, "PSUBSCRIBE "+pattern+": all messages")
		mu.Unlock()
		if !limited {
			continue
		}
		for _, pattern := range narrow {
			err := subscribe(pattern)
			mu.Lock()
			s.failed(err, "PSUBSCRIBE "+pattern+": the messages of a namespace")
			mu.Unlock()
		}
		narrow = nil // once is enough
	}
	select {
	case <-ctx.Done():
	case err := <-lost:
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == nil && err != nil {
			s.out.Notes = append(s.out.Notes, "listening was cut short: "+reason(err)+"; more came than could be taken, perhaps")
		}
		<-ctx.Done()
	}
}

// heard takes note of one message.
func (s *surveyor) heard(channel, payload string) {
	if heartbeatName.MatchString(channel) {
		return
	}
	if m := requestName.FindStringSubmatch(channel); m != nil {
		if s.wanted(m[1]) {
			s.heardRequest(s.cluster(m[1], Classic), m[2], payload)
		}
		return
	}
	if m := responseName.FindStringSubmatch(channel); m != nil {
		if s.wanted(m[1]) {
			c := s.cluster(m[1], Classic).messages(kindResponse)
			c.Seen++
			if _, ok := redisadapter.PeekResponseID([]byte(payload)); !ok {
				c.Undecodable++
			}
		}
		return
	}
	if m := mainName.FindStringSubmatch(channel); m != nil && s.wanted(m[1]) {
		s.heardMain(m[1], m[2], payload)
	}
}

func (s *surveyor) heardRequest(c *SurveyedCluster, ns, payload string) {
	m := c.messages(kindRequest)
	m.Seen++
	r, err := redisadapter.DecodeRequest([]byte(payload))
	if err != nil {
		m.Undecodable++
		return
	}
	s.sender(c, ns, r.UID)
}

// heardMain takes a message of a namespace's own channel or a room's. What it is
// says whose it is; garbage is put to the adapter that is there.
func (s *surveyor) heardMain(prefix, ns, payload string) {
	switch codecOf(payload) {
	case Classic:
		c := s.cluster(prefix, Classic)
		c.messages(kindBroadcast).Seen++
		if b, err := redisadapter.DecodeBroadcast([]byte(payload)); err == nil {
			s.sender(c, ns, b.UID)
		}
	case Streams, Sharded: // on a channel that is not sharded: the streams adapter's
		c := s.cluster(prefix, Streams)
		c.messages(kindRequest).Seen++
		if b, err := redisadapter.DecodeCluster([]byte(payload)); err == nil {
			s.sender(c, ns, b.UID)
		}
	default:
		adapter := Classic
		if s.clusters[clusterKey{prefix, Classic}] == nil && s.clusters[clusterKey{prefix, Streams}] != nil {
			adapter = Streams
		}
		m := s.cluster(prefix, adapter).messages(kindBroadcast)
		m.Seen++
		m.Undecodable++
	}
}

// sender takes note of who sent.
func (s *surveyor) sender(c *SurveyedCluster, ns, uid string) {
	if uid == redisadapter.EmitterUID || uid == "" {
		c.Emitters = true
		return
	}
	servers := c.servers(ns)
	servers.Senders = put(servers.Senders, strings.Clone(uid))
}
