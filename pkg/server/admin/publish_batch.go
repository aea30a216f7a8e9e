package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// maxBatch is the number of messages in one request.
const maxBatch = 1000

// parseBatch returns the items of a batch; batch is false for a body that is no
// batch, whatever else it is.
func parseBatch(body []byte) (items []json.RawMessage, batch bool, err error) {
	var in map[string]json.RawMessage
	if json.Unmarshal(body, &in) != nil || in["items"] == nil {
		return nil, false, nil
	}
	if len(in) > 1 {
		return nil, true, errors.New(`"items" stands alone: the other fields belong to each item`)
	}
	if json.Unmarshal(in["items"], &items) != nil || items == nil {
		return nil, true, errors.New(`"items" must be an array of messages`)
	}
	if len(items) == 0 || len(items) > maxBatch {
		return nil, true, fmt.Errorf(`"items" has %d entries, want 1 to %d`, len(items), maxBatch)
	}
	return items, true, nil
}

// publishBatch publishes items in order, each for itself: one that fails does not
// keep those after it.
func (a *Admin) publishBatch(ctx context.Context, items []json.RawMessage) outcome {
	results := []byte{'['}
	all := true
	for i, item := range items {
		out := a.publishItem(ctx, item)
		all = all && out.status == http.StatusAccepted
		if i > 0 {
			results = append(results, ',')
		}
		results = append(results, out.body...)
	}
	out := outcome{status: http.StatusAccepted, keep: all}
	if !all {
		out.status = http.StatusMultiStatus
	}
	out.body = fmt.Appendf(nil, `{"ok":%t,"results":%s]}`, all, results)
	return out
}

// publishItem publishes one message, once if it has a key.
func (a *Admin) publishItem(ctx context.Context, item []byte) outcome {
	m, err := parsePublish(item, a.opts.TopicNamespace)
	if err != nil {
		return failed(http.StatusBadRequest, "invalid_request", err.Error())
	}
	if m.key == "" {
		return a.publishMessage(m)
	}
	out, _, err := a.keys.once(ctx, "item "+m.key, item, func() outcome { return a.publishMessage(m) })
	if err != nil {
		return keyError(err)
	}
	return out
}

func (a *Admin) publishMessage(m *message) outcome {
	if err := a.opts.Gateway.Publish(m.namespace, m.rooms, m.except, m.event, m.args); err != nil {
		a.log.Warn("publish refused", "namespace", m.namespace, "event", m.event, "error", err)
		return failed(http.StatusUnprocessableEntity, "not_published", err.Error())
	}
	return outcome{http.StatusAccepted, []byte(`{"ok":true}`), true}
}

// failed is the outcome of what was not published. It is not kept: it may go
// well the next time.
func failed(status int, code, message string) outcome {
	return outcome{status: status, body: errorBody(code, message)}
}

func keyError(err error) outcome {
	if errors.Is(err, errKeyReused) {
		return failed(http.StatusUnprocessableEntity, "key_reused", err.Error())
	}
	return failed(http.StatusServiceUnavailable, "canceled", "the request ended before the first one with its key")
}

func (o outcome) write(w http.ResponseWriter) { writeJSON(w, o.status, json.RawMessage(o.body)) }
