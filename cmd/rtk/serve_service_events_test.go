package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/service"
)

const describedYAML = `services: {orders: {kind: webhook, url: "%s", secret: secret-number-one}}
routes:
  - namespace: /shop-*
    service: orders
    events:
      - cart.*
      - name: order.create
        description: Orders an item.
        payload:
          type: object
          required: [item]
          properties:
            item: {type: string, minLength: 1, pattern: '^[a-z${]+$'}
            count: {type: integer, minimum: 1, maximum: 1000}
        ack: {type: string}
      - name: order.changed
        direction: emit
        payload: {enum: [null, true, 1, -2.5, "x"]}
  - {namespace: '~/tenant-\d+', service: orders, events: [{name: ping}]}
`

// TestServeDescribedEvents are in the document, which is valid, and checked.
func TestServeDescribedEvents(t *testing.T) {
	t.Parallel()
	hook := business(t, "done", "secret-number-one", nil)
	file := configFile(t, fmt.Sprintf(describedYAML, hook.URL))
	printed := runServeCmd(t, nil, "-f", file, "--print-asyncapi=json")
	if code := printed.wait(); code != 0 {
		t.Fatalf("exit code %d: %s", code, printed.stderr)
	}
	s := startServeCmd(t, nil, "-f", file)
	status, served := s.get(s.public + "/asyncapi.json")
	if status != 200 {
		t.Fatal(status)
	}
	for name, doc := range map[string]string{"printed": printed.stdout.String(), "served": served} {
		holdsToAsyncAPI(t, name, doc)
		for _, want := range []string{
			`"address": "/shop-{name}"`, `"name": "order.create"`, `"summary": "Orders an item."`, `"name": "order.changed"`,
			`"pattern": "^[a-z${]+$"`, `"address": "{namespace}"`, `"name": "ping"`,
		} {
			if !strings.Contains(doc, want) {
				t.Errorf("%s: no %s", name, want)
			}
		}
	}
	c, got, err := dialServed(t, s, "/shop-7", "{}")
	if err != nil {
		t.Fatal(err)
	}
	for i, tc := range []struct{ event, args, want string }{
		{"order.create", `{"item":"tea","count":2}`, `"done"`},
		{"order.create", `{"item":"tea","count":0}`, `{"ok":false,"error":{"code":"invalid_payload","message":"event \"order.create\": /count: must be at least 1","pointer":"/count"}}`},
		{"order.create", `{}`, `{"ok":false,"error":{"code":"invalid_payload","message":"event \"order.create\": /item: is missing","pointer":"/item"}}`},
		{"cart.add", `{}`, `"done"`},
		{"order.changed", `1`, `{"ok":false,"error":{"code":"unknown_event","message":"no handler for this event"}}`},
	} {
		emit(t, c, int64(i), tc.event, tc.args)
		got.want(t, fmt.Sprintf("ack %d %s", i, tc.want))
	}
	d, got, err := dialServed(t, s, "/tenant-12", "{}")
	if err != nil {
		t.Fatal(err)
	}
	emit(t, d, 1, "ping", "")
	got.want(t, `ack 1 "done"`)
	if _, _, err := dialServed(t, s, "/tenant-x", "{}"); err == nil {
		t.Error("a namespace that no pattern takes")
	}
}

// holdsToAsyncAPI checks a document against the official schema.
func holdsToAsyncAPI(t *testing.T, name, doc string) {
	t.Helper()
	b, err := os.ReadFile(rttest.NodeFile(t, "node_modules/@asyncapi/specs/schemas/3.0.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:asyncapi", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("urn:asyncapi")
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(value); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// TestDescribedEvents is what the file's events come to.
func TestDescribedEvents(t *testing.T) {
	t.Parallel()
	r, err := parseRouting("rtk.yaml", fmt.Appendf(nil, describedYAML, "http://h"), &Env{LookupEnv: os.LookupEnv})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range r.routes {
		for _, s := range c.routes(nil) {
			got = append(got, fmt.Sprintf("%s %s %d", s.Namespace, s.Events, len(s.Contract)))
		}
	}
	if diff := cmp.Diff([]string{"/shop-* cart.* 2", "/shop-* order.create 0", `~/tenant-\d+ ping 1`}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want := service.Event{Name: "order.changed", ToClients: true, Payload: json.RawMessage(`{"enum":[null,true,1,-2.5,"x"]}`)}
	if diff := cmp.Diff(want, r.routes[0].contract[1]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestDescribedEventErrors come with their place, also within a schema.
func TestDescribedEventErrors(t *testing.T) {
	t.Parallel()
	const head = "services: {a: {kind: webhook, url: http://h}}\nroutes:\n  - namespace: /a\n    service: a\n    events:\n"
	for _, tc := range []struct{ name, src, want string }{
		{"pattern and event", "      - x*\n      - {name: y}\n", ""},
		{"only to clients", "      - {name: x, direction: emit}\n", `rtk.yaml:3:14: a route wants events from clients or hooks`},
		{"unknown key", "      - {name: x, paylod: {}}\n", `rtk.yaml:6:19: unknown key "paylod" in an event, did you mean "payload"?`},
		{"direction", "      - {name: x, direction: emmit}\n", `rtk.yaml:6:30: unknown direction "emmit", did you mean "emit"?`},
		{"no name", "      - {payload: {}}\n", `rtk.yaml:6:`},
		{"star", "      - {name: order.*, payload: {}}\n", `rtk.yaml:6:16: event "order.*": describe each event by its own name`},
		{"reserved", "      - {name: disconnect}\n", `reserved by Socket.IO`},
		{"twice", "      - {name: x}\n      - {name: x}\n", `rtk.yaml:7:16: event "x" stands twice`},
		{"ack of an event to clients", "      - {name: x, direction: emit, ack: {}}\n", `no acknowledgement`},
		{"schema is a text", "      - {name: x, payload: string}\n", `rtk.yaml:6:28: payload: `},
		{"wrong within the schema", "      - name: x\n        payload:\n          properties:\n            n: {type: integr}\n", `rtk.yaml:9:23: payload: /properties/n/type: `},
		{"reference", "      - {name: x, ack: {$ref: '#/y'}}\n", `rtk.yaml:6:24: ack: the schema has a $ref`},
		{"alias", "      - {name: x, payload: {a: &q {}}}\n", `rtk.yaml:6:32: payload: want a JSON value`},
		{"infinity", "      - {name: x, payload: {minimum: .inf}}\n", `payload: want a JSON value`},
		{"deep", "      - {name: x, payload: " + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}\n", `nested deeper`},
		{"list in the list", "      - [x, y]\n", `rtk.yaml:6:9: events: want a pattern`},
		{"empty pattern", "      - ''\n", `a pattern is empty`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseRouting("rtk.yaml", []byte(head+tc.src), &Env{LookupEnv: func(string) (string, bool) { return "", false }})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v\nwant %s", err, tc.want)
			}
		})
	}
	for name, want := range map[string]string{"a": "must begin with /", "~(": "missing closing )"} {
		src := strings.Replace(head, "/a\n", name+"\n", 1) + "      - x\n"
		if _, err := parseRouting("rtk.yaml", []byte(src), &Env{LookupEnv: os.LookupEnv}); err == nil || !strings.Contains(err.Error(), "rtk.yaml:3:16: namespace") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
