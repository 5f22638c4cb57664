package stream

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"rowcast/stream/frame"
	"rowcast/stream/internal/fanout"
	"rowcast/stream/internal/history"
	"rowcast/stream/internal/rows"
)

// Server serves the streams of one Source.
type Server struct {
	config  Config
	source  Source
	logger  *slog.Logger
	history *history.Store
	rows    *rows.Store // nil: the source has none
	pool    *fanout.Pool
	metrics *metrics
	clients *attendance

	handler http.Handler
	admin   http.Handler

	mu        sync.Mutex
	configErr error // why the newest config file is not in force
}

// poolPatience is less than the time for which a database lets a reader stand still
// (net_write_timeout, 60 s).
const poolPatience = 20 * time.Second

// NewServer makes a server; nothing runs before Run, nothing is connected.
func NewServer(cfg Config, src Source, r frame.Renderer, logger *slog.Logger) (*Server, error) {
	return newServer(cfg, history.LaneOptions{}, src, r, logger)
}

func newServer(cfg Config, lanes history.LaneOptions, src Source, r frame.Renderer, logger *slog.Logger) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: cfg, source: src, logger: logger, clients: newAttendance(cfg.MaxClients, logger)}
	s.metrics = newMetrics(s)
	catalog := frame.NewCatalog(r, logger)
	var follower history.Follower
	if src, ok := src.(rows.Source); ok {
		s.rows = rows.New(src, catalog, rows.Options{Memory: cfg.RowsMemory, Queries: cfg.MaxQueries, Logger: logger})
		follower = s.rows
	}
	s.history = history.New(src, catalog, history.Options{
		History: cfg.History, Follower: follower, MaxReplays: cfg.MaxReplays, Lanes: lanes, Logger: logger,
		Pace:      func(ctx context.Context) error { return s.pool.Pace(ctx) },
		Published: s.metrics.published, Resumed: s.metrics.resumed,
	})
	s.pool = fanout.New(s.history.Live(), fanout.Options{
		Heartbeat: cfg.Heartbeat, Patience: poolPatience, Ping: s.appendPing, Slow: s.catchUp, Closed: s.clients.leave, Sent: s.metrics.wrote,
	})
	s.handler = s.routes()
	s.admin = s.adminRoutes()
	return s, nil
}

// Run follows the source until ctx ends, then returns nil; or until the source
// refuses for good (wrong password, no binlog), then returns its error. It ends
// every client and goroutine of the server before it returns.
func (s *Server) Run(ctx context.Context) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { s.pool.Run(serving) })
	wg.Go(func() { s.clients.tidy(serving) })
	if s.rows != nil {
		wg.Go(func() { s.rows.Run(serving) })
	}
	err := s.history.Run(ctx)
	over, cancel := context.WithCancel(ctx)
	cancel()
	_ = s.Drain(over) // with no time left it only cuts connections
	stop()
	wg.Wait()
	return err
}

// Handler serves /events, /streams, /healthz, /readyz and the page.
func (s *Server) Handler() http.Handler { return s.handler }

// Admin serves /metrics and /debug/pprof; for a listener of its own.
func (s *Server) Admin() http.Handler { return s.admin }

// Swap puts a new config in force, at a group boundary: at once where none is
// being read. Connections stay; those whose stream is gone get a reset and a close.
func (s *Server) Swap(r frame.Renderer) {
	s.history.Swap(frame.NewCatalog(r, s.logger))
}

// Seal keeps what was rendered so far from clients that come from now on: their keys
// are of another form. They are served from the binlog.
func (s *Server) Seal() { s.history.Seal() }

// SetConfigError notes why the newest config file is not in force; nil: it is.
func (s *Server) SetConfigError(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.configErr = err
}

func (s *Server) configError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.configErr
}

// Drain sends every client away: a jittered retry and the end of the response.
// New requests get the same at once. It returns when no client is left, or cuts
// those that are when ctx ends, and says how many.
func (s *Server) Drain(ctx context.Context) error {
	s.clients.close(func() { s.pool.Drain(s.appendRetry) })
	defer s.pool.Close()
	select {
	case <-s.clients.empty:
		return nil
	case <-ctx.Done():
	}
	n := s.clients.count.Load()
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d clients were cut before their response had ended: %w", n, ctx.Err())
}
