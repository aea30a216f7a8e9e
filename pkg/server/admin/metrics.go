package admin

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// metricsHandler serves the pod's statistics to Prometheus from a registry of
// its own.
func metricsHandler(gw Gateway) (http.Handler, error) {
	reg := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		newCollector(gw),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4}), nil
}

// collector turns one snapshot a scrape into metrics, so that the figures of a
// scrape belong together and nothing is counted twice.
type collector struct {
	gw Gateway
	// plain metrics have one value, split ones a value for each key of a map.
	plain []plainMetric
	split []splitMetric
	info  *prometheus.Desc
	timed []timedMetric
}

type timedMetric struct {
	desc  *prometheus.Desc
	value func(*stats.Pod) *stats.Histogram
}

type plainMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*stats.Pod) float64
	// clustered metrics are left out by a pod that works alone, for which an
	// alert on a missing connection would be false.
	clustered bool
}

type splitMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*stats.Pod) map[string]float64
}

func newCollector(gw Gateway) *collector {
	c := &collector{gw: gw, info: prometheus.NewDesc("rtk_pod_info", "The pod: always 1.", []string{"pod", "version"}, nil)}
	gauge := func(name, help string, f func(*stats.Pod) float64) {
		c.plain = append(c.plain, plainMetric{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, f, strings.HasPrefix(name, "rtk_cluster_")})
	}
	counter := func(name, help string, f func(*stats.Pod) float64) {
		c.plain = append(c.plain, plainMetric{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, f, strings.HasPrefix(name, "rtk_cluster_")})
	}
	split := func(kind prometheus.ValueType, name, help, label string, f func(*stats.Pod) map[string]float64) {
		c.split = append(c.split, splitMetric{prometheus.NewDesc(name, help, []string{label}, nil), kind, f})
	}

	gauge("rtk_ready", "1 while the pod takes new clients.", func(p *stats.Pod) float64 { return boolValue(p.Ready) })
	gauge("rtk_draining", "1 while the pod stops gracefully.", func(p *stats.Pod) float64 { return boolValue(p.Draining) })
	gauge("rtk_uptime_seconds", "Time since the start.", func(p *stats.Pod) float64 { return p.UptimeSeconds })
	split(prometheus.GaugeValue, "rtk_clients", "Open connections by transport.", "transport", clientsByTransport)
	gauge("rtk_rooms", "Rooms with a member on this pod.", func(p *stats.Pod) float64 { return float64(p.Rooms) })
	gauge("rtk_namespaces", "Namespaces of this pod.", func(p *stats.Pod) float64 { return float64(p.Namespaces) })

	counter("rtk_messages_received_total", "Messages received from clients.", func(p *stats.Pod) float64 { return float64(p.Traffic.MessagesIn) })
	counter("rtk_messages_sent_total", "Messages put in clients' queues, one for each recipient.", func(p *stats.Pod) float64 { return float64(p.Traffic.MessagesOut) })
	counter("rtk_received_bytes_total", "Payload bytes received from clients.", func(p *stats.Pod) float64 { return float64(p.Traffic.BytesIn) })
	counter("rtk_sent_bytes_total", "Payload bytes sent to clients.", func(p *stats.Pod) float64 { return float64(p.Traffic.BytesOut) })
	counter("rtk_broadcasts_total", "Messages to rooms or namespaces.", func(p *stats.Pod) float64 { return float64(p.Traffic.Broadcasts) })
	counter("rtk_broadcasts_remote_total", "Messages to rooms or namespaces that came from other pods.", func(p *stats.Pod) float64 { return float64(p.Traffic.BroadcastsRemote) })
	counter("rtk_published_total", "Messages from the publish API.", func(p *stats.Pod) float64 { return float64(p.Traffic.Published) })

	counter("rtk_connections_opened_total", "Connections that were accepted.", func(p *stats.Pod) float64 { return float64(p.Connections.Opened) })
	split(prometheus.CounterValue, "rtk_connections_closed_total", "Connections that ended, by reason.", "reason", func(p *stats.Pod) map[string]float64 { return floats(p.Connections.ClosedByReason) })
	split(prometheus.CounterValue, "rtk_handshake_errors_total", "Connections refused for anything but authentication, by cause.", "cause", func(p *stats.Pod) map[string]float64 { return floats(p.Connections.HandshakeErrors) })
	counter("rtk_upgrades_total", "Moves from long polling to WebSocket.", func(p *stats.Pod) float64 { return float64(p.Connections.Upgrades) })
	counter("rtk_forwards_total", "Requests passed on to the pod of their session.", func(p *stats.Pod) float64 { return float64(p.Connections.Forwarded) })
	counter("rtk_forward_errors_total", "Requests whose session's pod did not answer.", func(p *stats.Pod) float64 { return float64(p.Connections.ForwardFailed) })
	counter("rtk_accept_errors_total", "Failures to accept a TCP connection.", func(p *stats.Pod) float64 { return float64(p.Connections.AcceptErrors) })
	counter("rtk_sse_http1_browsers_total", "Streams that browsers opened over HTTP/1.1, where they allow six connections a host.", func(p *stats.Pod) float64 { return float64(p.Connections.SSEHTTP1Browsers) })

	split(prometheus.CounterValue, "rtk_auth_failures_total", "Refused tokens, by code.", "code", func(p *stats.Pod) map[string]float64 { return floats(p.Refusals.AuthByCode) })
	serviceMetrics(split)
	counter("rtk_throttled_total", "Messages that the throttle refused.", func(p *stats.Pod) float64 { return float64(p.Refusals.Throttled) })
	split(prometheus.CounterValue, "rtk_throttled_by_limit_total", "Messages, joins and connections refused, by limit.", "limit", func(p *stats.Pod) map[string]float64 { return floats(p.Refusals.ThrottledByLimit) })
	split(prometheus.CounterValue, "rtk_throttle_dry_run_total", "What a throttle in a dry run would have refused, by limit.", "limit", func(p *stats.Pod) map[string]float64 { return floats(p.Refusals.WouldThrottle) })
	counter("rtk_payloads_invalid_total", "Payloads that broke the contract, refused or let through with a warning.", func(p *stats.Pod) float64 { return float64(p.Refusals.InvalidPayloads) })
	counter("rtk_strikes_closed_total", "Connections closed for too many refused messages.", func(p *stats.Pod) float64 { return float64(p.Refusals.StrikesClosed) })
	counter("rtk_protocol_errors_total", "Connections closed for breaking the protocol or a size limit.", func(p *stats.Pod) float64 { return float64(p.Refusals.ProtocolErrors) })

	gauge("rtk_queue_messages", "Messages in all outbound queues.", func(p *stats.Pod) float64 { return float64(p.Queues.Messages) })
	gauge("rtk_queue_bytes", "Bytes in all outbound queues.", func(p *stats.Pod) float64 { return float64(p.Queues.Bytes) })
	counter("rtk_slow_consumers_total", "Connections closed because their queue was full.", func(p *stats.Pod) float64 { return float64(p.Queues.SlowConsumers) })
	counter("rtk_volatile_dropped_total", "Volatile messages that were not queued.", func(p *stats.Pod) float64 { return float64(p.Queues.VolatileDropped) })

	gauge("rtk_queue_deepest_messages", "Messages in the longest outbound queue.", func(p *stats.Pod) float64 { return float64(p.Queues.DeepestMessages) })
	gauge("rtk_queue_deepest_bytes", "Bytes in the largest outbound queue.", func(p *stats.Pod) float64 { return float64(p.Queues.DeepestBytes) })
	counter("rtk_overflow_dropped_total", "Messages dropped for a client whose queue was full, by the policy of their room.", func(p *stats.Pod) float64 { return float64(p.Queues.OverflowDropped) })
	counter("rtk_overflow_superseded_total", "Messages replaced in a client's queue by a later one of their key.", func(p *stats.Pod) float64 { return float64(p.Queues.Superseded) })
	counter("rtk_overflow_coalesced_total", "Messages replaced by a later one of their key before they were sent to anybody.", func(p *stats.Pod) float64 { return float64(p.Queues.Coalesced) })

	kept := func(f func(*stats.History) float64) func(*stats.Pod) float64 {
		return func(p *stats.Pod) float64 {
			if p.History == nil {
				return 0
			}
			return f(p.History)
		}
	}
	gauge("rtk_history_messages", "Messages kept for clients that come back.", kept(func(h *stats.History) float64 { return float64(h.Messages) }))
	gauge("rtk_history_bytes", "Bytes that the kept messages take, about.", kept(func(h *stats.History) float64 { return float64(h.Bytes) }))
	gauge("rtk_history_sessions", "Socket.IO sessions that wait for their client.", kept(func(h *stats.History) float64 { return float64(h.Sessions) }))
	counter("rtk_history_dropped_total", "Kept messages pushed out by a bound of count, bytes or age.", kept(func(h *stats.History) float64 { return float64(h.Dropped) }))
	counter("rtk_recovered_total", "Socket.IO clients that got their session back.", kept(func(h *stats.History) float64 { return float64(h.Recovered) }))
	counter("rtk_recovery_refused_total", "Socket.IO clients that asked for their session and got a new one.", kept(func(h *stats.History) float64 { return float64(h.Refused) }))
	counter("rtk_resumed_total", "Streams and polls that went on after a cursor.", kept(func(h *stats.History) float64 { return float64(h.Resumed) }))
	counter("rtk_resume_gaps_total", "Streams and polls that were told of a gap.", kept(func(h *stats.History) float64 { return float64(h.Gaps) }))

	present := func(f func(*stats.Presence) float64) func(*stats.Pod) float64 {
		return func(p *stats.Pod) float64 {
			if p.Presence == nil {
				return 0
			}
			return f(p.Presence)
		}
	}
	gauge("rtk_presence_rooms", "Rooms with presence that have members on any pod.", present(func(s *stats.Presence) float64 { return float64(s.Rooms) }))
	gauge("rtk_presence_members", "Memberships in rooms with presence, on all pods.", present(func(s *stats.Presence) float64 { return float64(s.Members) }))
	gauge("rtk_presence_remote_members", "Memberships on other pods in rooms with presence.", present(func(s *stats.Presence) float64 { return float64(s.Remote) }))
	gauge("rtk_presence_absent_members", "Members that are cut off and may come back.", present(func(s *stats.Presence) float64 { return float64(s.Absent) }))
	gauge("rtk_presence_pods", "Other pods that tell of their members.", present(func(s *stats.Presence) float64 { return float64(s.Pods) }))
	counter("rtk_presence_events_total", "Joins, leaves and changes of mode told to the members on this pod.", present(func(s *stats.Presence) float64 { return float64(s.Events) }))
	counter("rtk_presence_dropped_total", "Members of other pods beyond the bound of what a pod keeps.", present(func(s *stats.Presence) float64 { return float64(s.Dropped) }))

	timed := func(name, help string, f func(*stats.Pod) *stats.Histogram) {
		c.timed = append(c.timed, timedMetric{prometheus.NewDesc(name, help, nil, nil), f})
	}
	timed("rtk_handler_duration_seconds", "Time that guards and handlers of events took.", func(p *stats.Pod) *stats.Histogram { return &p.Latency.Handler })
	timed("rtk_write_lag_seconds", "Time from when a writer was woken until it had offered everything that waited to the kernel.", func(p *stats.Pod) *stats.Histogram { return &p.Latency.Write })

	clusterMetrics(gauge, counter, split)
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.info
	ch <- waitsDesc
	for _, m := range c.plain {
		ch <- m.desc
	}
	for _, m := range c.split {
		ch <- m.desc
	}
	for _, m := range c.timed {
		ch <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	p := c.gw.Stats()
	ch <- prometheus.MustNewConstMetric(c.info, prometheus.GaugeValue, 1, p.ID, p.Version)
	for _, m := range c.plain {
		if m.clustered && p.Backplane == nil {
			continue
		}
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&p))
	}
	for _, m := range c.timed {
		metric, err := newHistogram(m.desc, m.value(&p), p.Started)
		if err != nil {
			metric = prometheus.NewInvalidMetric(m.desc, err)
		}
		ch <- metric
	}
	if w := p.Refusals.WouldWait; w != nil {
		ch <- waitsMetric(w)
	}
	for _, m := range c.split {
		for label, v := range m.value(&p) {
			ch <- prometheus.MustNewConstMetric(m.desc, m.kind, v, label)
		}
	}
}

func clientsByTransport(p *stats.Pod) map[string]float64 {
	return map[string]float64{
		"websocket":       float64(p.Clients.WebSocket),
		"polling":         float64(p.Clients.Polling),
		"plain_websocket": float64(p.Clients.PlainWebSocket),
		"sse_http1":       float64(p.Clients.SSEHTTP1),
		"sse_http2":       float64(p.Clients.SSEHTTP2),
	}
}

func floats(in map[string]uint64) map[string]float64 {
	out := make(map[string]float64, len(in))
	for k, v := range in {
		out[k] = float64(v)
	}
	return out
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
