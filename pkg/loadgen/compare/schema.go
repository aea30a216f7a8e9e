package compare

import (
	"reflect"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/jsondoc"
)

// Schema is the JSON Schema (draft 07) of WriteJSON's output.
func Schema() []byte {
	return jsondoc.Schema(reflect.TypeFor[Result](), jsondoc.Options{
		Title: "rtk bench compare", ID: ResultID,
		Enums: map[reflect.Type][]any{reflect.TypeFor[Outcome](): {Same, Improved, Regressed, Noisy}},
	})
}
