package validate_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/asyncapi/validate"
)

// TestSchemaErrors say where a schema is wrong.
func TestSchemaErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, schema, path, problem string }{
		{"type", `{"type":"strin"}`, "type", `must be one of`},
		{"inside", `{"properties":{"a":{"items":{"minLength":-1}}}}`, "properties a items minLength", "must be at least 0"},
		{"list", `{"required":"a"}`, "required", "want array"},
		{"pattern", `{"properties":{"a":{"pattern":"("}}}`, "properties a pattern", "is not a valid regex"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := validate.New().Compile(server.Declaration{Event: "x", Payload: server.Shape{Schema: json.RawMessage(tc.schema)}})
			e, ok := errors.AsType[*validate.SchemaError](err)
			if !ok {
				t.Fatalf("%v", err)
			}
			if diff := cmp.Diff(tc.path, strings.Join(e.Path, " ")); diff != "" {
				t.Errorf("path (-want +got)\n%s", diff)
			}
			if !strings.Contains(e.Problem, tc.problem) || strings.Contains(err.Error(), "\n") {
				t.Errorf("problem %q, want %q in one line", err, tc.problem)
			}
		})
	}
}
