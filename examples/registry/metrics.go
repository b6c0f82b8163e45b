package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/regtoken/regtoken"
)

// A metric is one of a Manager's figures, as Prometheus has it.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(regtoken.Stats) float64
}

func counter(name, help string, value func(regtoken.Stats) uint64) metric {
	return metric{
		prometheus.NewDesc("regtoken_"+name+"_total", help, nil, nil), prometheus.CounterValue,
		func(s regtoken.Stats) float64 { return float64(value(s)) },
	}
}

func gauge(name, help string, value func(regtoken.Stats) float64) metric {
	return metric{prometheus.NewDesc("regtoken_"+name, help, nil, nil), prometheus.GaugeValue, value}
}

var metrics = []metric{
	counter("cache_hits", "Logins admitted by what was kept in memory.", func(s regtoken.Stats) uint64 { return s.Hits }),
	counter("cache_misses", "Logins for which the store was asked.", func(s regtoken.Stats) uint64 { return s.Misses }),
	counter("cache_evictions", "Tokens that made room for others.", func(s regtoken.Stats) uint64 { return s.Evictions }),
	counter("store_reads", "Questions to the store on account of logins.", func(s regtoken.Stats) uint64 { return s.StoreReads }),
	counter("feed_reads", "Questions to the store about what has changed.", func(s regtoken.Stats) uint64 { return s.FeedReads }),
	counter("feed_errors", "Those among them that failed.", func(s regtoken.Stats) uint64 { return s.FeedErrors }),
	counter("cache_resets", "Times all in memory was dropped.", func(s regtoken.Stats) uint64 { return s.Resets }),
	gauge("cached_tokens", "Tokens in memory.", func(s regtoken.Stats) float64 { return float64(s.CachedTokens) }),
	gauge("staleness_seconds", "How old what is in memory may be.", func(s regtoken.Stats) float64 { return s.Staleness.Seconds() }),
	gauge("fresh", "1 while logins may go by what is in memory.", func(s regtoken.Stats) float64 {
		if s.Fresh {
			return 1
		}
		return 0
	}),
}

// A collector hangs a Manager's figures on Prometheus, read as they are asked
// for.
type collector struct{ manager *regtoken.Manager }

func (c collector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range metrics {
		descs <- m.desc
	}
}

func (c collector) Collect(values chan<- prometheus.Metric) {
	stats := c.manager.Stats()
	for _, m := range metrics {
		values <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(stats))
	}
}

func metricsHandler(manager *regtoken.Manager) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{manager})
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}
