package redis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// judge says what keeps servers from understanding each other.
func (s *surveyor) judge() {
	for prefix, pods := range s.marks {
		s.judgePods(prefix, pods)
	}
	on := map[string][]string{} // the adapters of a prefix that have servers
	for key, c := range s.clusters {
		if c.present() {
			on[key.prefix] = append(on[key.prefix], string(key.adapter))
		}
		s.judgeMessages(c)
		s.judgeSenders(c)
	}
	for prefix, adapters := range on {
		if len(adapters) > 1 {
			slices.Sort(adapters)
			s.mismatch("prefix %q has servers with different adapters: %s; they don't hear each other", prefix, strings.Join(adapters, " and "))
		}
	}
	major, _, _ := strings.Cut(s.out.Redis.Version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < 7 && s.out.Redis.Software == "redis" {
		for prefix, pods := range s.marks {
			for _, pod := range pods {
				if strings.HasPrefix(pod.Layout, string(Sharded)) || strings.HasSuffix(pod.Layout, "/sharded") {
					s.mismatch("prefix %q: pod %s needs sharded pub/sub, which Redis %s doesn't have", prefix, pod.Name, s.out.Redis.Version)
				}
			}
		}
	}
}

func (s *surveyor) mismatch(format string, a ...any) {
	s.out.Mismatches = append(s.out.Mismatches, fmt.Sprintf(format, a...))
}

// present reports whether there are servers.
func (c *SurveyedCluster) present() bool {
	for _, servers := range c.Namespaces {
		if servers.Servers > 0 {
			return true
		}
	}
	return false
}

// judgePods compares the rtk pods of a prefix and puts them to their clusters.
func (s *surveyor) judgePods(prefix string, pods []SurveyedPod) {
	slices.SortFunc(pods, func(a, b SurveyedPod) int { return strings.Compare(a.Name+a.UID, b.Name+b.UID) })
	var layouts, versions, keys []string
	required := false
	for i := range pods {
		pod := &pods[i]
		adapter, _, _ := strings.Cut(pod.Layout, "/")
		c := s.cluster(prefix, Adapter(adapter))
		pod.Hears = s.beats[pod.UID]
		for _, servers := range c.Namespaces {
			pod.Hears = pod.Hears || slices.Contains(servers.UIDs, pod.UID)
		}
		c.Pods = append(c.Pods, *pod)
		layouts, versions, keys = put(layouts, pod.Layout), put(versions, pod.Version), put(keys, pod.key)
		required = required || pod.Required
		if !pod.Hears && len(s.out.Hidden) == 0 {
			s.mismatch("prefix %q: pod %s hears nothing: it has lost its subscriptions, or died less than %s ago", prefix, pod.Name, markTTL)
		}
	}
	if len(layouts) > 1 {
		s.mismatch("prefix %q has rtk pods with different options: %s", prefix, strings.Join(layouts, ", "))
	}
	if len(versions) > 1 {
		s.out.Notes = append(s.out.Notes, fmt.Sprintf("prefix %q has rtk pods of different versions: %s", prefix, strings.Join(versions, ", ")))
	}
	switch {
	case len(keys) > 1 && slices.Contains(keys, "") && required:
		s.mismatch("prefix %q: some rtk pods take signed messages only, and others sign nothing", prefix)
	case len(keys) > 2 || len(keys) == 2 && keys[0] != "":
		s.mismatch("prefix %q: rtk pods sign with different keys and refuse each other", prefix)
	}
	for key, c := range s.clusters {
		if key.prefix != prefix || !required {
			continue
		}
		for ns, servers := range c.Namespaces {
			if others := servers.Servers - len(pods); others > 0 {
				s.mismatch("prefix %q, namespace %q: rtk pods take signed messages only, and %d other servers can't sign", prefix, ns, others)
			}
		}
	}
}

// judgeMessages tells of what could not be read.
func (s *surveyor) judgeMessages(c *SurveyedCluster) {
	for kind, m := range c.Messages {
		if m.Undecodable > 0 {
			s.mismatch("prefix %q, adapter %s: %d of %d messages (%s) are not what the adapter sends", c.Prefix, c.Adapter, m.Undecodable, m.Seen, kind)
		}
		if m.Seen > m.Undecodable && !c.present() && len(s.out.Hidden) == 0 {
			s.mismatch("prefix %q has messages of the %s adapter, and no server that hears them", c.Prefix, c.Adapter)
		}
	}
}

// judgeSenders tells of servers that send and don't hear.
func (s *surveyor) judgeSenders(c *SurveyedCluster) {
	if len(s.out.Hidden) > 0 {
		return // who hears may be among what was hidden
	}
	var hear []string
	for _, servers := range c.Namespaces {
		hear = append(hear, servers.UIDs...)
	}
	for ns, servers := range c.Namespaces {
		if len(servers.UIDs) < servers.Servers {
			continue // of older npm adapters, which have no channel of their own
		}
		for _, uid := range servers.Senders {
			if !slices.Contains(hear, uid) && !s.beats[uid] {
				s.mismatch("prefix %q, namespace %q: server %s sends and hears nothing", c.Prefix, ns, uid)
			}
		}
	}
}
