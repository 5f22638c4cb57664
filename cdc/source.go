package cdc

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Config says which database to read and how to reach it.
type Config struct {
	Addr     string // host:port, or the absolute path of a unix socket
	User     string
	Password string
	TLS      string // off, preferred, required, verify-ca or verify-full; "" is preferred
	TLSCA    string // PEM files
	TLSCert  string
	TLSKey   string
	ServerID uint32 // of the live reading; 0: one that no replica uses. Replays take others
	Logger   *slog.Logger
}

// Source reads the binlog of one database. Its methods may be called from many
// goroutines; each reading has a connection and a server id of its own.
type Source struct {
	cfg     Config
	tls     *tls.Config
	noTLS   atomic.Bool // tls = "preferred" and the server has none
	log     *slog.Logger
	uuid    string
	status  status
	catalog *catalog
	tables  sameTables

	versions versions
	conns    pool
	reads    reads

	xa       *scans[xaMark] // what became of XA transactions
	patience time.Duration  // readTimeout, or less in a test
	unseen   time.Duration  // unseenTimeout, or less in a test
}

// New checks the configuration. It does no I/O but to read certificates.
func New(cfg Config) (*Source, error) {
	if cfg.TLS == "" {
		cfg.TLS = "preferred"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	conf, err := tlsConfig(cfg)
	if err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, tls: conf, log: cfg.Logger, uuid: uuid.NewString(), patience: readTimeout, unseen: unseenTimeout,
		catalog: newCatalog(), xa: newScans[xaMark](maxMarks, nil)}
	return s, nil
}

// forget is for when the binlog may be another one now.
func (s *Source) forget() {
	s.catalog.forget()
	s.xa.forget()
	s.versions.forget()
	s.reads.begin(Position{})
}

// Close closes the connections that Select keeps for a while. It does not end readings.
func (s *Source) Close() { s.conns.close() }

// Status is what the Source knows of itself at the moment.
func (s *Source) Status() Status { return s.status.get() }

// Read reads the live binlog after from, or from now where from is zero, and
// hands what is committed to h until ctx ends. It reconnects by itself, with
// exponential backoff and jitter, and goes on exactly where it was.
//
// It returns ctx's error, h's error as it is, or one that waiting can't mend:
// ErrPurged, ErrAhead, ErrForeign and ErrInvalid speak of from (or, after a
// reconnect, of where it was), ErrDenied and ErrNotReplicable of the server.
func (s *Source) Read(ctx context.Context, from Position, h Handler) error {
	rd := s.reading(from, h)
	rd.live = true
	return rd.run(ctx)
}

// Replay is Read for a reading that catches up beside the live one: it returns
// an error too when the server can't be reached for a while.
func (s *Source) Replay(ctx context.Context, from Position, h Handler) error {
	return s.reading(from, h).run(ctx)
}
