package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// surveyText writes a survey for people.
func surveyText(s *redis.Survey) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", redisText(&s.Redis))
	if len(s.Clusters) == 0 {
		b.WriteString("\nno Socket.IO server is to be seen\n")
	}
	for _, c := range s.Clusters {
		clusterText(&b, c)
	}
	for _, section := range []struct {
		mark  string
		lines []string
	}{{"not allowed to see", s.Hidden}, {"note", s.Notes}, {"MISMATCH", s.Mismatches}} {
		if len(section.lines) > 0 {
			b.WriteString("\n")
		}
		for _, line := range section.lines {
			fmt.Fprintf(&b, "%s: %s\n", section.mark, shown(line))
		}
	}
	if len(s.Mismatches) == 0 {
		fmt.Fprintf(&b, "\nok: nothing is wrong, after listening for %.0f s\n", s.ListenedSeconds)
	}
	return b.String()
}

func redisText(r *redis.SurveyedRedis) string {
	name := strings.TrimSpace(r.Software + " " + r.Version)
	if name == "" {
		name = "redis of unknown version"
	}
	return shown(fmt.Sprintf("%s, %s, %s", name, r.Mode, counted(r.Nodes, "node")))
}

func clusterText(b *strings.Builder, c *redis.SurveyedCluster) {
	fmt.Fprintf(b, "\nprefix %s   adapter %s\n", shown(c.Prefix), c.Adapter)
	for _, ns := range slices.Sorted(maps.Keys(c.Namespaces)) {
		n := c.Namespaces[ns]
		fmt.Fprintf(b, "  namespace %-12s %s", shown(ns), counted(n.Servers, "server"))
		if n.Rooms > 0 {
			fmt.Fprintf(b, ", %s with a channel", counted(n.Rooms, "room"))
		}
		if len(n.UIDs) > 0 {
			fmt.Fprintf(b, "   %s", shown(strings.Join(n.UIDs, " ")))
		}
		b.WriteString("\n")
	}
	for _, p := range c.Pods {
		state := ""
		if p.Signs {
			state += ", signs"
		}
		if p.Required {
			state += ", takes signed messages only"
		}
		if !p.Hears {
			state += ", hears nothing"
		}
		fmt.Fprintf(b, "  rtk pod %s   %s   %s   %s%s\n", shown(p.Name), shown(p.UID), shown(p.Version), shown(p.Layout), state)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Streams)) {
		fmt.Fprintf(b, "  stream %s   %s, last %s\n", shown(key), counted(int(c.Streams[key].Length), "entry"), c.Streams[key].LastID)
	}
	if c.Emitters {
		b.WriteString("  an emitter sends\n")
	}
	for _, kind := range slices.Sorted(maps.Keys(c.Messages)) {
		m := c.Messages[kind]
		fmt.Fprintf(b, "  heard %d of kind %s, %d undecodable\n", m.Seen, kind, m.Undecodable)
	}
}

// counted writes a number with its noun.
func counted(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(noun, "y"))
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// shown keeps names that others chose from moving the cursor of a terminal.
func shown(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
