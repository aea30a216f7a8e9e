package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

type (
	plainAdder func(name, help string, f func(*stats.Pod) float64)
	splitAdder func(kind prometheus.ValueType, name, help, label string, f func(*stats.Pod) map[string]float64)
)

// clusterMetrics adds those of the link to the other pods. A pod that works alone
// has none of them.
func clusterMetrics(gauge, counter plainAdder, split splitAdder) {
	link := func(f func(*stats.Backplane) float64) func(*stats.Pod) float64 {
		return func(p *stats.Pod) float64 { return f(p.Backplane) }
	}
	total := func(f func(*stats.Backplane) uint64) func(*stats.Pod) float64 {
		return func(p *stats.Pod) float64 { return float64(f(p.Backplane)) }
	}
	split(prometheus.GaugeValue, "rtk_cluster_info", "1 for the adapter that connects the pods.", "adapter", func(p *stats.Pod) map[string]float64 {
		if p.Backplane == nil {
			return nil
		}
		return map[string]float64{p.Backplane.Kind: 1}
	})
	gauge("rtk_cluster_connected", "1 while the link to the other pods is up.", link(func(b *stats.Backplane) float64 { return boolValue(b.Connected) }))
	gauge("rtk_cluster_degraded", "1 while messages to or from other pods may be late or lost.", link(func(b *stats.Backplane) float64 { return boolValue(b.Degraded) }))
	gauge("rtk_cluster_servers", "Pods counted last, Node's among them and this one.", link(func(b *stats.Backplane) float64 { return float64(b.Servers) }))
	gauge("rtk_cluster_subscriptions", "Channels and patterns that the pod hears.", link(func(b *stats.Backplane) float64 { return float64(b.Subscriptions) }))
	gauge("rtk_cluster_outbox_messages", "Messages that wait to be sent to the other pods.", link(func(b *stats.Backplane) float64 { return float64(b.Queued) }))
	gauge("rtk_cluster_outbox_bytes", "Bytes that wait to be sent to the other pods.", link(func(b *stats.Backplane) float64 { return float64(b.QueuedBytes) }))
	gauge("rtk_cluster_outbox_age_seconds", "How long the oldest message to the other pods has waited.", link(func(b *stats.Backplane) float64 { return b.QueuedSeconds }))
	gauge("rtk_cluster_rtt_seconds", "Last round trip through the backplane.", link(func(b *stats.Backplane) float64 { return float64(b.RTTMicros) / 1e6 }))

	counter("rtk_cluster_published_total", "Messages sent to the other pods.", total(func(b *stats.Backplane) uint64 { return b.Published }))
	counter("rtk_cluster_received_total", "Messages received from the other pods.", total(func(b *stats.Backplane) uint64 { return b.Received }))
	counter("rtk_cluster_heard_total", "Messages that came over the subscriptions, the pod's own and those for nobody here too.", total(func(b *stats.Backplane) uint64 { return b.Heard }))
	counter("rtk_cluster_requests_total", "Questions asked to the other pods.", total(func(b *stats.Backplane) uint64 { return b.Asked }))
	counter("rtk_cluster_requests_partial_total", "Questions that not all pods answered in time.", total(func(b *stats.Backplane) uint64 { return b.Partial }))
	counter("rtk_cluster_answers_total", "Questions of other pods that this one was asked.", total(func(b *stats.Backplane) uint64 { return b.Answered }))
	counter("rtk_cluster_commands_total", "Commands of other pods that this one carried out.", total(func(b *stats.Backplane) uint64 { return b.Executed }))
	counter("rtk_cluster_dropped_total", "Messages to other pods that were dropped: the outbox was full, or the connection was lost.", total(func(b *stats.Backplane) uint64 { return b.Dropped }))
	counter("rtk_cluster_overrun_total", "Messages of other pods that came faster than they could be delivered.", total(func(b *stats.Backplane) uint64 { return b.Overrun }))
	counter("rtk_cluster_handlers_dropped_total", "Hooks and server-side events that came faster than their handlers took them.", total(func(b *stats.Backplane) uint64 { return b.HandlersDropped }))
	counter("rtk_cluster_reconnects_total", "Subscriptions made anew after a loss.", total(func(b *stats.Backplane) uint64 { return b.Reconnects }))
	counter("rtk_cluster_ignored_total", "Messages on the channels that made no sense.", total(func(b *stats.Backplane) uint64 { return b.Ignored }))
	counter("rtk_cluster_foreign_total", "Messages of another adapter on the channels.", total(func(b *stats.Backplane) uint64 { return b.Foreign }))
}
