package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// serviceMetrics are those of the services outside of the gateway, by their names
// in the configuration.
func serviceMetrics(add func(kind prometheus.ValueType, name, help, label string, value func(*stats.Pod) map[string]float64)) {
	each := func(kind prometheus.ValueType, name, help string, value func(*stats.Service) float64) {
		add(kind, name, help, "service", func(p *stats.Pod) map[string]float64 {
			by := make(map[string]float64, len(p.Services))
			for i := range p.Services {
				by[p.Services[i].Name] = value(&p.Services[i])
			}
			return by
		})
	}
	each(prometheus.CounterValue, "rtk_service_calls_total", "Calls handed to a service.", func(s *stats.Service) float64 { return float64(s.Calls) })
	each(prometheus.GaugeValue, "rtk_service_in_flight", "Calls without an outcome yet.", func(s *stats.Service) float64 { return float64(s.InFlight) })
	each(prometheus.CounterValue, "rtk_service_rejected_total", "Calls that the service refused.", func(s *stats.Service) float64 { return float64(s.Rejected) })
	each(prometheus.CounterValue, "rtk_service_busy_total", "Calls refused because too much was waiting, for the service or of their connection.", func(s *stats.Service) float64 { return float64(s.Busy + s.Refused) })
	each(prometheus.CounterValue, "rtk_service_timeouts_total", "Calls without an answer in time.", func(s *stats.Service) float64 { return float64(s.Timeouts) })
	each(prometheus.CounterValue, "rtk_service_errors_total", "Calls that failed for another reason.", func(s *stats.Service) float64 { return float64(s.Unavailable + s.Failed) })
	each(prometheus.GaugeValue, "rtk_service_breaker_open", "Whether the circuit breaker keeps calls back.", func(s *stats.Service) float64 {
		if s.Breaker == "" || s.Breaker == "closed" {
			return 0
		}
		return 1
	})
}
