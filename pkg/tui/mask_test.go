package tui

import "testing"

func TestMask(t *testing.T) {
	t.Parallel()
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"
	tests := []struct{ name, in, want string }{
		{"nothing to hide", `{"text":"hi"}`, `{"text":"hi"}`},
		{"token", `{"token":"abc","room":"r7"}`, `{"token":"•••","room":"r7"}`},
		{"key in any writing", `{"Access-Token": "a","api_KEY":"b","userPassword" :"c"}`, `{"Access-Token": "•••","api_KEY":"•••","userPassword" :"•••"}`},
		{"nested", `{"auth":{"secret":"a"},"x":[{"cookie":"b"}]}`, `{"auth":{"secret":"•••"},"x":[{"cookie":"•••"}]}`},
		{"quotes inside", `{"token":"a\"b","x":1}`, `{"token":"•••","x":1}`},
		{"a word that is no key", `{"text":"token","x":"y"}`, `{"text":"token","x":"y"}`},
		{"not a string", `{"token":123,"tokens":["a"]}`, `{"token":123,"tokens":["a"]}`},
		{"empty", `{"token":""}`, `{"token":""}`},
		{"cut off", `{"token":"abc`, `{"token":"•••`},
		{"JWT anywhere", `{"text":"look ` + jwt + ` here"}`, `{"text":"look ••• here"}`},
		{"JWT cut off", `{"text":"` + jwt[:30], `{"text":"•••`},
		{"bearer", "Authorization: Bearer abcdefgh123", "Authorization: •••"},
		{"known literal", `{"text":"hunter2hunter2"}`, `{"text":"••••••"}`},
		{"empty payload", "", ""},
	}
	m := &Mask{Known: []string{"hunter2", ""}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := m.Text(tt.in); got != tt.want {
				t.Errorf("Text(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if got := (*Mask)(nil).Text(tt.in); got != tt.in {
				t.Errorf("a nil mask changed %q to %q", tt.in, got)
			}
		})
	}
}

func TestMaskKeepsTheInput(t *testing.T) {
	t.Parallel()
	in := []byte(`{"token":"abc"}`)
	(&Mask{}).Bytes(in)
	if string(in) != `{"token":"abc"}` {
		t.Errorf("the payload itself was changed: %s", in)
	}
}
