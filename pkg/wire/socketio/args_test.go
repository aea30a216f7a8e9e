package socketio_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

func TestEncodeEvent(t *testing.T) {
	t.Parallel()
	array, attachments, err := socketio.EncodeEvent(`a"b`, []any{1, "<é>", true, false, nil, json.RawMessage(`{"x": 1}`), []byte{1}, map[string]string{"h": "<&>"}, []byte{2}})
	if err != nil {
		t.Fatal(err)
	}
	want := `["a\"b",1,"<é>",true,false,null,{"x": 1},{"_placeholder":true,"num":0},{"h":"<&>"},{"_placeholder":true,"num":1}]`
	if diff := cmp.Diff(want, string(array)); diff != "" {
		t.Errorf("array (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]byte{{1}, {2}}, attachments); diff != "" {
		t.Errorf("attachments (-want +got):\n%s", diff)
	}
	if array, _, err := socketio.EncodeEvent("e", nil); err != nil || string(array) != `["e"]` {
		t.Errorf("without arguments: %s, %v", array, err)
	}
	if _, _, err := socketio.EncodeEvent("e", []any{json.RawMessage("1 2")}); !errors.Is(err, socketio.ErrArgs) {
		t.Errorf("broken JSON: %v, want ErrArgs", err)
	}
	if _, _, err := socketio.EncodeEvent("e", []any{make(chan int)}); err == nil {
		t.Error("a channel was encoded")
	}
}
