package stream

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"rowcast/stream/frame"
	"rowcast/stream/internal/history"
)

// Server serves the streams of one Source.
type Server struct {
	config  Config
	source  Source
	logger  *slog.Logger
	history *history.Store
	writers *writers
	metrics *metrics

	appointments appointments

	handler http.Handler
	admin   http.Handler

	clients  atomic.Int64  // connections that are counted against max_clients
	draining atomic.Bool   // set before drain is closed
	drain    chan struct{} // closed by Drain
	drained  sync.Once

	mu        sync.Mutex
	configErr error
	idle      chan struct{} // closed when clients falls to 0 while draining
	fullSaid  time.Time     // see warnFull
}

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
	s := &Server{config: cfg, source: src, logger: logger, drain: make(chan struct{}), idle: make(chan struct{})}
	s.metrics = newMetrics(s)
	s.history = history.New(src, frame.NewCatalog(r, logger), history.Options{
		History: cfg.History, MaxReplays: cfg.MaxReplays, Lanes: lanes, Logger: logger,
		Published: s.metrics.published, Resumed: s.metrics.resumed,
	})
	s.writers = newWriters(s)
	s.handler = s.routes()
	s.admin = s.adminRoutes()
	return s, nil
}

// Run follows the source until ctx ends, then returns nil; or until the source
// refuses for good (wrong password, no binlog), then returns its error. It ends
// every client and goroutine of the server before it returns.
func (s *Server) Run(ctx context.Context) error {
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { s.writers.run(working) })
	err := s.history.Run(ctx)
	gone, stop := context.WithTimeout(context.Background(), 0)
	defer stop()
	_ = s.Drain(gone) // with no time left it only cuts connections
	cancel()          // not before: nobody begins anything for a client any more
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
	s.drained.Do(func() {
		s.draining.Store(true)
		close(s.drain)
		s.writers.drain()
		if s.clients.Load() == 0 {
			s.signalIdle()
		}
	})
	defer s.writers.watch.close()
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
	}
	n := s.clients.Load()
	s.writers.cut()
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d clients were cut before their response had ended: %w", n, ctx.Err())
}

func (s *Server) signalIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.idle:
	default:
		close(s.idle)
	}
}

// admit counts a client; release must follow.
func (s *Server) admit() error {
	n := s.clients.Add(1) // first, so that Drain either counts this client or is seen below
	var err error
	switch {
	case s.draining.Load():
		err = later("the server is shutting down")
	case n > int64(s.config.MaxClients):
		err = later("as many clients are connected as may be")
		s.warnFull()
	default:
		return nil
	}
	s.release()
	return err
}

// fullEvery is how often it is said that clients are sent away.
const fullEvery = 10 * time.Second

func (s *Server) warnFull() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.fullSaid) >= fullEvery {
		s.fullSaid = now
		s.logger.Warn("clients are sent away, to come back later: as many are connected as may be; raise [stream] max_clients and the limit of open files, or start another rowcast", "clients", s.config.MaxClients)
	}
}

func (s *Server) release() {
	if s.clients.Add(-1) == 0 && s.draining.Load() {
		s.signalIdle()
	}
}
