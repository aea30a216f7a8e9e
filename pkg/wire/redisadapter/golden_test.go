package redisadapter_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// golden are frames that @socket.io/redis-adapter 8.3.0 put on a real Redis.
var golden = []struct {
	name string
	hex  string
	want redisadapter.Broadcast
	// decodeOnly marks frames whose bytes this package reads but writes
	// otherwise: another key order, integer rooms, a false flag.
	decodeOnly bool
}{
	{
		name: "to all of the namespace",
		hex: `93 a6 2d382d624c77
			83 a474797065 02 a464617461 94 a26576 01 81a161c3 a2c3a9 a36e7370 a12f
			83 a5726f6f6d73 90 a6657863657074 90 a5666c616773 80`,
		want: redisadapter.Broadcast{
			UID: "-8-bLw", Namespace: "/", Args: []byte(`["ev",1,{"a":true},"é"]`),
		},
	},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, tt := range golden {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			frame := unhex(t, tt.hex)
			got, err := redisadapter.DecodeBroadcast(frame)
			if err != nil {
				t.Fatalf("DecodeBroadcast: %v", err)
			}
			if diff := cmp.Diff(tt.want, *got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("DecodeBroadcast (-want +got):\n%s", diff)
			}
			if tt.decodeOnly {
				return
			}
			bytes, err := redisadapter.AppendBroadcast(nil, &tt.want)
			if err != nil {
				t.Fatalf("AppendBroadcast: %v", err)
			}
			if diff := cmp.Diff(hex.EncodeToString(frame), hex.EncodeToString(bytes)); diff != "" {
				t.Errorf("AppendBroadcast (-want +got):\n%s", diff)
			}
		})
	}
}
