package client

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestAppendFrame(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		payload string
		head    string // in hex
	}{
		{"example of RFC 6455, section 5.7", "Hello", "818537fa213d"},
		{"empty", "", "818037fa213d"},
		{"125 bytes", strings.Repeat("x", 125), "81fd37fa213d"},
		{"126 bytes", strings.Repeat("x", 126), "81fe007e37fa213d"},
		{"64 KiB", strings.Repeat("x", 65536), "81ff000000000001000037fa213d"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := appendFrame(nil, opText, []byte(tc.payload), 0x3d21fa37)
			head, body := got[:len(tc.head)/2], got[len(tc.head)/2:]
			if h := hex.EncodeToString(head); h != tc.head {
				t.Errorf("head is %s, want %s", h, tc.head)
			}
			if tc.payload == "Hello" && hex.EncodeToString(body) != "7f9f4d5158" {
				t.Errorf("masked payload is %x", body)
			}
			mask(body, 0x3d21fa37)
			if !bytes.Equal(body, []byte(tc.payload)) {
				t.Errorf("payload does not come back")
			}
		})
	}
}
