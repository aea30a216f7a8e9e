package redisadapter_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

var signKey = []byte("a key of enough bytes")

// everyMessage is all that npm's packages wrote in each form.
func everyMessage(t testing.TB) map[string][]byte {
	all := frames(t)
	for name, msg := range recorded(t, "testdata/requests.txt") {
		all["request "+name] = msg
	}
	return all
}

func TestSignedMessages(t *testing.T) {
	t.Parallel()
	const channel = "socket.io#/#r1#"
	signer := redisadapter.NewSigner(signKey, true)
	lax := redisadapter.NewSigner(signKey, false)
	other := redisadapter.NewSigner([]byte("a key of other bytes"), false)
	for name, plain := range everyMessage(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signed, err := signer.Sign(channel, bytes.Clone(plain))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := signer.Open(channel, bytes.Clone(signed)); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("Open = %q, %v; want the message as it was", got, err)
			}
			for what, open := range map[string]func() ([]byte, error){
				"on another channel": func() ([]byte, error) { return signer.Open("socket.io#/#r2#", bytes.Clone(signed)) },
				"with another key":   func() ([]byte, error) { return other.Open(channel, bytes.Clone(signed)) },
				"changed": func() ([]byte, error) {
					changed := bytes.Clone(signed)
					changed[len(plain)/2] ^= 1
					return signer.Open(channel, changed)
				},
				"with a changed signature": func() ([]byte, error) {
					changed := bytes.Clone(signed)
					changed[len(changed)-5] ^= 1
					return signer.Open(channel, changed)
				},
			} {
				if got, err := open(); !errors.Is(err, redisadapter.ErrSignature) {
					t.Errorf("%s: Open = %q, %v; want ErrSignature", what, got, err)
				}
			}
			if got, err := signer.Open(channel, bytes.Clone(plain)); !errors.Is(err, redisadapter.ErrUnsigned) {
				t.Errorf("not signed: Open = %q, %v; want ErrUnsigned", got, err)
			}
			if got, err := lax.Open(channel, bytes.Clone(plain)); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("not signed, not required: Open = %q, %v; want the message", got, err)
			}
		})
	}
}

// TestSignedWithoutTheKey: a peer that knows nothing of signatures reads what
// was signed as if it weren't.
func TestSignedWithoutTheKey(t *testing.T) {
	t.Parallel()
	signer := redisadapter.NewSigner(signKey, true)
	sign := func(msg []byte) []byte {
		signed, err := signer.Sign("c", bytes.Clone(msg))
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	for name, msg := range frames(t) {
		got, err := redisadapter.DecodeBroadcast(sign(msg))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(broadcasts[name].want, *got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, msg := range recorded(t, "testdata/requests.txt") {
		var got, want any
		var err, plainErr error
		if _, ok := requests[name]; ok {
			got, err = redisadapter.DecodeRequest(sign(msg))
			want, plainErr = redisadapter.DecodeRequest(msg)
		} else {
			if id, ok := redisadapter.PeekResponseID(sign(msg)); !ok || id != responses[name].want.ID {
				t.Errorf("%s: PeekResponseID = %q, %v", name, id, ok)
			}
			got, err = redisadapter.DecodeResponse(sign(msg), responses[name].want.Type)
			want, plainErr = redisadapter.DecodeResponse(msg, responses[name].want.Type)
		}
		if err != nil || plainErr != nil {
			t.Errorf("%s: signed %v, plain %v", name, err, plainErr)
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSignerWithoutKey(t *testing.T) {
	t.Parallel()
	s := redisadapter.NewSigner(nil, true)
	if got, err := s.Sign("c", []byte("x")); err != nil || string(got) != "x" {
		t.Errorf("Sign = %q, %v; want the message as it is", got, err)
	}
	if got, err := s.Open("c", []byte("x")); err != nil || string(got) != "x" {
		t.Errorf("Open = %q, %v; want the message as it is", got, err)
	}
	if err := errors.Join(s.Check(nil), redisadapter.CheckSignKey(nil)); err != nil {
		t.Error(err)
	}
	if err := redisadapter.CheckSignKey([]byte("short")); err == nil {
		t.Error("a key of 5 bytes passed")
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	s := redisadapter.NewSigner(signKey, false)
	for _, msg := range []string{"", "{}", "\x80", "text", "\xdc\x00\x03abc", "\x8fabc", "\x94abc"} {
		if got, err := s.Sign("c", []byte(msg)); err == nil || string(got) != msg {
			t.Errorf("Sign(%q) = %q, %v; want an error", msg, got, err)
		}
	}
}

func TestSignedParts(t *testing.T) {
	t.Parallel()
	s := redisadapter.NewSigner(signKey, true)
	sum := s.Sum([]byte("ab"), []byte("c"))
	if err := s.Check(sum, []byte("ab"), []byte("c")); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := s.Check(sum, []byte("a"), []byte("bc")); !errors.Is(err, redisadapter.ErrSignature) {
		t.Errorf("Check of parts cut elsewhere: %v, want ErrSignature", err)
	}
	if err := s.Check(nil, []byte("ab")); !errors.Is(err, redisadapter.ErrUnsigned) {
		t.Errorf("Check of none: %v, want ErrUnsigned", err)
	}
}

func FuzzOpen(f *testing.F) {
	s := redisadapter.NewSigner(signKey, true)
	for _, msg := range everyMessage(f) {
		signed, err := s.Sign("c", msg)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(signed)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		plain, err := s.Open("c", bytes.Clone(msg))
		if err != nil {
			return
		}
		if again, err := s.Sign("c", plain); err != nil || !bytes.Equal(again, msg) {
			t.Errorf("took %q, which it signs as %q, %v", msg, again, err)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	s := redisadapter.NewSigner(signKey, true)
	msg := append(make([]byte, 0, 300), "\x93"+string(make([]byte, 200))...)
	b.ReportAllocs()
	for b.Loop() {
		msg[0] = 0x93
		if _, err := s.Sign("socket.io#/#r1#", msg); err != nil {
			b.Fatal(err)
		}
	}
}
