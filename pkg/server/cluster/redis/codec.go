package redis

import "github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"

// codecOf names the adapter that a message on a namespace's channels comes from,
// "" when it is garbage. The classic adapter sends a MessagePack array of three, or four;
// the sharded one JSON, or a MessagePack map when there is binary in it; the
// streams adapter always the map.
func codecOf(payload string) Adapter {
	if payload == "" {
		return ""
	}
	switch c := payload[0]; {
	case c == 0x93, c == 0x94: // signed
		if _, err := redisadapter.DecodeBroadcast([]byte(payload)); err == nil {
			return Classic
		}
	case c == '{', c&0xf0 == 0x80: // fixmap
		if _, err := redisadapter.DecodeCluster([]byte(payload)); err != nil {
			return ""
		}
		if c == '{' {
			return Sharded
		}
		return Streams
	}
	return ""
}
