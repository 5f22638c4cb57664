package stream

import (
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// metrics are what /metrics shows; the registry is the server's own.
type metrics struct {
	registry *prometheus.Registry
	events   *prometheus.CounterVec
	resumes  *prometheus.CounterVec
	bytes    prometheus.Counter
	rowsSent prometheus.Counter

	// Counters of the catalog in force, found once; one goroutine.
	of    *frame.Catalog
	cache []map[cdc.Op]prometheus.Counter
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rowcast_events_total",
			Help: "Events published, by stream and operation; resets count as operation reset."}, []string{"stream", "op"}),
		resumes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rowcast_resumes_total",
			Help: "Where clients began: now, rows, history, binlog (a replay), or reset with its reason."}, []string{"source", "reason"}),
		rowsSent: prometheus.NewCounter(prometheus.CounterOpts{Name: "rowcast_rows_sent_total",
			Help: "Current rows that clients were sent before changes."}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "rowcast_sent_bytes_total", Help: "Bytes of event streams written to clients."}),
	}
	m.registry.MustRegister(m.events, m.resumes, m.bytes, m.rowsSent, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &state{server: s})
	return m
}

// published counts a frame of the live feed.
func (m *metrics) published(c *frame.Catalog, f *frame.Frame) {
	if m.of != c {
		m.of, m.cache = c, make([]map[cdc.Op]prometheus.Counter, c.Len())
	}
	counter := m.cache[f.Stream][f.Op]
	if counter == nil {
		op := "reset"
		if f.Kind != frame.Reset {
			op = f.Op.String()
		}
		counter = m.events.WithLabelValues(c.Name(f.Stream), op)
		if m.cache[f.Stream] == nil {
			m.cache[f.Stream] = map[cdc.Op]prometheus.Counter{}
		}
		m.cache[f.Stream][f.Op] = counter
	}
	counter.Inc()
}

// wrote counts bytes of event streams.
func (m *metrics) wrote(bytes int) { m.bytes.Add(float64(bytes)) }

// resumed counts a client that begins.
func (m *metrics) resumed(from, reason string) { m.resumes.WithLabelValues(from, reason).Inc() }

// state reads its metrics when they are asked for.
type state struct{ server *Server }

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("rowcast_"+name, help, labels, nil)
}

var (
	descConnected  = gauge("connected", "1 while the binlog is connected.")
	descCaughtUp   = gauge("caught_up", "1 while the newest event of the binlog was read.")
	descPosition   = gauge("position_info", "Where the live feed stands in the binlog.", "file", "server", "version")
	descOffset     = gauge("position_bytes", "Offset of the live feed in its binlog file.")
	descLag        = gauge("lag_seconds", "How old the newest event was when it was read.")
	descLagBytes   = gauge("lag_bytes", "Bytes of binlog to read until what the server held when it was connected is read.")
	descReconnects = gauge("reconnects_total", "Connections to the binlog that had to be made again.")
	descRead       = gauge("read_bytes_total", "Bytes of binlog read, live and replays.")
	descDumps      = gauge("dumps", "Open binlog connections.")
	descClients    = gauge("clients", "Connected clients, by how they are served.", "way")
	descLanes      = gauge("lanes", "Replay lanes in use; max_replays bounds them.")
	descHistory    = gauge("history_bytes", "Memory that recent events take; history bounds it.")
	descQueries    = gauge("rows_queries_total", "SELECTs of current rows.")
	descQuerying   = gauge("rows_query_seconds_total", "Seconds that they took.")
	descHits       = gauge("rows_hits_total", "Clients that got rows which were held already.")
	descRowsHeld   = gauge("rows_held_bytes", "Memory that current rows take; rows_memory bounds it.")
	descConfig     = gauge("config_error", "1 while the newest config file is refused.")
)

// Describe implements prometheus.Collector; it names nothing, since what Collect
// sends depends on the server's state.
func (st *state) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (st *state) Collect(ch chan<- prometheus.Metric) {
	s := st.server
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	status := s.source.Status()
	_, head := s.history.Live().Current()
	send(descConnected, prometheus.GaugeValue, number(status.Connected))
	send(descCaughtUp, prometheus.GaugeValue, number(status.CaughtUp))
	if !head.IsZero() {
		send(descPosition, prometheus.GaugeValue, 1, head.File(), string(status.Flavor), status.Version)
		send(descOffset, prometheus.GaugeValue, float64(head.Offset()))
	}
	send(descLag, prometheus.GaugeValue, lag(status).Seconds())
	send(descLagBytes, prometheus.GaugeValue, float64(status.LagBytes))
	send(descReconnects, prometheus.CounterValue, float64(status.Reconnects))
	send(descRead, prometheus.CounterValue, float64(status.BytesRead))
	send(descDumps, prometheus.GaugeValue, float64(status.Dumps))
	all, written := s.clients.count.Load(), int64(s.pool.Len())
	send(descClients, prometheus.GaugeValue, float64(written), "writer")
	send(descClients, prometheus.GaugeValue, float64(max(0, all-written)), "goroutine")
	send(descLanes, prometheus.GaugeValue, float64(s.history.Lanes()))
	send(descHistory, prometheus.GaugeValue, float64(s.history.Live().Held()))
	if s.rows != nil {
		rows := s.rows.Stats()
		send(descQueries, prometheus.CounterValue, float64(rows.Queries))
		send(descQuerying, prometheus.CounterValue, rows.Time.Seconds())
		send(descHits, prometheus.CounterValue, float64(rows.Hits))
		send(descRowsHeld, prometheus.GaugeValue, float64(rows.Held))
	}
	send(descConfig, prometheus.GaugeValue, number(s.configError() != nil))
}

// lag is how far the live feed lags: what the source measured, and while it
// is not connected the age of the newest event.
func lag(st cdc.Status) time.Duration {
	if !st.Connected && !st.EventTime.IsZero() {
		return time.Since(st.EventTime)
	}
	return st.Lag
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// adminRoutes are what the admin listener serves. In a container that listens on
// every interface so that Prometheus reaches it, but profiles show memory and
// hold up the process: they are only for this machine, or what shares its
// network as `kubectl port-forward` does.
func (s *Server) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		profile := strings.HasPrefix(r.URL.Path, "/debug/")
		switch {
		case profile && !onLoopback(r.RemoteAddr):
			http.Error(w, "profiles are only for clients on this machine's loopback address", http.StatusForbidden)
		case (profile || onLoopback(s.config.AdminListen)) && !s.knownHost(r.Host): // see guard
			http.Error(w, textHost(r.Host), http.StatusForbidden)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}
