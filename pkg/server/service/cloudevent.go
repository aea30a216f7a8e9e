package service

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// ContentType is the media type of EncodeCloudEvent (CloudEvents 1.0, HTTP
// protocol binding, structured content mode).
const ContentType = "application/cloudevents+json; charset=utf-8"

// typePrefix begins the type of every event, the hook ends it.
const typePrefix = "io.rtk.gateway."

// cloudEvent is a Call in the JSON event format of CloudEvents 1.0.
type cloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"` // the connection
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	PartitionKey    string    `json:"partitionkey"` // extension "partitioning": what must stay in order
	Data            *Data     `json:"data"`
}

// EncodeCloudEvent writes a call as a CloudEvent.
func EncodeCloudEvent(c *Call) ([]byte, error) {
	return marshal(cloudEvent{
		SpecVersion: "1.0", ID: c.ID, Source: "/rtk/" + url.PathEscape(c.Pod), Type: typePrefix + string(c.Hook),
		Subject: c.Data.Connection.ID, PartitionKey: c.Data.Connection.ID, Time: c.Time,
		DataContentType: "application/json", Data: &c.Data,
	})
}

// marshal is json.Marshal without HTML escaping: clients' data goes on as it came.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// DecodeCloudEvent reads what EncodeCloudEvent wrote.
func DecodeCloudEvent(b []byte) (*Call, error) {
	e := cloudEvent{Data: &Data{}}
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("cloud event: %w", err)
	}
	hook, ours := strings.CutPrefix(e.Type, typePrefix)
	pod, err := url.PathUnescape(strings.TrimPrefix(e.Source, "/rtk/"))
	if e.SpecVersion != "1.0" || e.ID == "" || !ours || err != nil || e.Data == nil {
		return nil, fmt.Errorf("cloud event: specversion %.20q, type %.60q: not one of a gateway", e.SpecVersion, e.Type)
	}
	return &Call{ID: e.ID, Hook: Hook(hook), Time: e.Time, Pod: pod, Data: *e.Data}, nil
}
