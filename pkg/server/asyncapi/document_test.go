package asyncapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/asyncapi"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/service/chat"
	"github.com/realtime-toolkit/rtk/pkg/server/service/echo"
)

type base struct {
	ID string `json:"id" doc:"unique"`
}

type order struct {
	base
	Item  string         `json:"item" schema:"minLength=1"`
	Price *float64       `json:"price"`
	At    time.Time      `json:"at"`
	Tags  []string       `json:"tags,omitempty"`
	Meta  map[string]int `json:"meta,omitempty"`
	Next  *order         `json:"next"`
	Skip  int            `json:"-"`
}

func shop(t *testing.T, o server.Options) *server.Server {
	t.Helper()
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	n := s.Of("/shop").Emits("order", order{}, "An order came in.").Emits("closed", nil, "")
	server.Handle(n, "order", func(context.Context, *server.Conn, order) (bool, error) { return true, nil }, server.WithDoc("Orders."))
	server.Handle(n, "typing", func(context.Context, *server.Conn, string) (server.NoAck, error) { return server.NoAck{}, nil })
	s.Of("/").Accepts("any thing/at~all", json.RawMessage(`{"type":"object"}`), nil, "").Accepts("any thing.at~all", nil, nil, "")
	s.OfGlob("/org-*/team-*").Accepts("hello", nil, nil, "").Emits("news", "", "")
	s.OfPattern(regexp.MustCompile(`/tenant-\d+`)).Accepts("hello", nil, nil, "")
	s.OfFunc(func(string, []byte) bool { return false }).Accepts("hello", nil, nil, "")
	s.EmitsTopic("prices", "price", 1.5, "")
	s.EmitsTopic("", "message", json.RawMessage(`true`), "What was published.")
	chat.Register(s, chat.New(chat.Options{}))
	echo.Register(s)
	return s
}

// TestDocumentIsValid holds documents against the published schema of AsyncAPI.
func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	schema := official(t)
	verifier, err := auth.New(auth.Options{Secret: []byte(strings.Repeat("s", 32))})
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]server.Options{
		"all":          {},
		"with tokens":  {Auth: verifier},
		"few places":   {Auth: verifier, AuthPlaces: auth.Places{NoAuthPayload: true, Cookie: "-", Query: "-"}},
		"WebSocket":    {SocketIOPath: "-", EventsPath: "-"},
		"own error":    {EncodeError: func(*server.Conn, error) any { return nil }},
		"no WebSocket": {WSPath: "-"},
	} {
		doc, err := asyncapi.New(shop(t, o), asyncapi.Info{Host: "shop.example.com:8443", Secure: true})
		if err != nil {
			t.Fatal(err)
		}
		b, err := doc.JSON()
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		resolve(t, value, value)
		broken := value.(map[string]any)
		for _, op := range broken["operations"].(map[string]any) {
			op.(map[string]any)["action"] = "shout"
		}
		if schema.Validate(value) == nil {
			t.Errorf("%s: the schema takes a wrong document", name)
		}
	}
}

// official is the schema of @asyncapi/specs.
func official(t *testing.T) *jsonschema.Schema {
	t.Helper()
	b, err := os.ReadFile(rttest.NodeFile(t, "node_modules/@asyncapi/specs/schemas/3.0.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:asyncapi", value); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:asyncapi")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// resolve checks that each reference leads somewhere.
func resolve(t *testing.T, doc, at any) {
	t.Helper()
	switch v := at.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			if err := lookup(doc, ref); err != nil {
				t.Error(err)
			}
		}
		for _, e := range v {
			resolve(t, doc, e)
		}
	case []any:
		for _, e := range v {
			resolve(t, doc, e)
		}
	}
}

func lookup(doc any, ref string) error {
	for key := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, ok := doc.(map[string]any)
		if doc = m[key]; !ok || doc == nil {
			return errors.New(ref + " leads nowhere")
		}
	}
	return nil
}

func TestSchemaOfAStruct(t *testing.T) {
	t.Parallel()
	doc, err := asyncapi.New(shop(t, server.Options{}), asyncapi.Info{})
	if err != nil {
		t.Fatal(err)
	}
	s, ok := doc.Components.Schemas.Get("order")
	if !ok {
		t.Fatal("no schema order")
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"object","properties":{` +
		`"item":{"type":"string","minLength":1},` +
		`"price":{"type":["number","null"]},` +
		`"at":{"type":"string","format":"date-time"},` +
		`"tags":{"type":["array","null"],"items":{"type":"string"}},` +
		`"meta":{"type":["object","null"],"additionalProperties":{"type":"integer"}},` +
		`"next":{"anyOf":[{"$ref":"#/components/schemas/order"},{"type":"null"}]},` +
		`"id":{"type":"string","description":"unique"}},` +
		`"required":["item","at","id"]}`
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	doc, err := asyncapi.New(shop(t, server.Options{}), asyncapi.Info{Title: "<Shop>", Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	h := asyncapi.Handler(doc)
	get := func(method, path, host string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, path, nil)
		r.Host = host
		h.ServeHTTP(w, r)
		return w
	}
	var fromJSON, fromYAML any
	j := get(http.MethodGet, "/asyncapi.json", "shop.example.com")
	if err := json.Unmarshal(j.Body.Bytes(), &fromJSON); err != nil {
		t.Fatal(err)
	}
	y := get(http.MethodGet, "/asyncapi.yaml", "shop.example.com").Body.Bytes()
	again, err := yaml.YAMLToJSON(y)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(again, &fromYAML); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromJSON, fromYAML); diff != "" {
		t.Errorf("JSON and YAML differ: (-json +yaml)\n%s", diff)
	}
	page := get(http.MethodGet, "/asyncapi", "shop.example.com").Body.String()
	for _, want := range []string{"&lt;Shop&gt;", "shop.example.com/socket.io/", "client sends", "Acknowledgement", `id="schema-order"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "ZgotmplZ") {
		t.Error("the page has a script, or something that the template refused")
	}
	if b := get(http.MethodGet, "/asyncapi.json", `evil" onload=x`).Body.String(); !strings.Contains(b, `"host": "localhost"`) {
		t.Errorf("a host that is none is taken: %.300s", b)
	}
	if w := get(http.MethodPost, "/asyncapi", "x"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestTypesWithoutJSON(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"channel":  make(chan int),
		"map keys": map[bool]int{},
		"inside":   struct{ F func() }{},
		"unknown tag": struct {
			F int `schema:"minimun=1"`
		}{},
	} {
		s, err := server.New(server.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.Of("/").Emits("x", v, "")
		if _, err := asyncapi.New(s, asyncapi.Info{}); err == nil || !strings.Contains(err.Error(), `event "x"`) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
