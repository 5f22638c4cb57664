package cdc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
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

	xa       *scans[xaMark] // what became of XA transactions
	patience time.Duration  // readTimeout, or less in a test
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
	s := &Source{cfg: cfg, tls: conf, log: cfg.Logger, uuid: uuid.NewString(), patience: readTimeout,
		catalog: newCatalog(), xa: newScans[xaMark](maxMarks)}
	return s, nil
}

// Status is what the Source knows of itself at the moment.
func (s *Source) Status() Status { return s.status.get() }

const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 15 * time.Second
	// maxTries bounds a replay that gets nowhere: its clients are then better
	// told to come back than kept waiting.
	maxTries = 6
)

// Read reads the live binlog behind from, or from now where from is zero, and
// hands what is committed to h until ctx ends. It reconnects by itself, with
// exponential backoff and jitter, and goes on exactly where it was.
//
// It returns ctx's error, h's error as it is, or one that waiting can't mend:
// ErrPurged, ErrAhead, ErrForeign and ErrInvalid speak of from (or, after a
// reconnect, of where it was), ErrDenied and ErrNotReplicable of the server.
func (s *Source) Read(ctx context.Context, from Position, h Handler) error {
	return s.run(ctx, from, h, true)
}

// Replay is Read for a reading that catches up beside the live one: it returns
// an error too when the server can't be reached for a while.
func (s *Source) Replay(ctx context.Context, from Position, h Handler) error {
	return s.run(ctx, from, h, false)
}

func (s *Source) run(ctx context.Context, from Position, h Handler, live bool) error {
	rd := &tracker{Source: s, live: live}
	r := newReader(h, rd, from)
	if live {
		defer s.status.update(func(st *Status) { st.Connected, st.CaughtUp = false, false })
	}
	for try := 0; ; try++ {
		before := r.cur
		err := rd.session(ctx, r)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.refused != nil {
			return r.refused
		}
		if live {
			s.status.update(func(st *Status) { st.Connected, st.CaughtUp, st.LastError = false, false, err.Error() })
		}
		if fatal(err) {
			if live { // the server's binlog may be another one now; what a client's id is worth says nothing about it
				s.catalog.forget()
				s.xa.forget()
			}
			return err
		}
		if r.cur != before {
			try = 0
		}
		if !live && try >= maxTries {
			return err
		}
		wait := backoff(try)
		s.log.Warn("binlog reading interrupted, trying again", "live", live, "position", r.cur, "in", wait.Round(time.Millisecond), "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		if live {
			s.status.update(func(st *Status) { st.Reconnects++ })
		}
	}
}

// backoff doubles, up to maxBackoff, and is jittered so that many instances do not come at once.
func backoff(try int) time.Duration {
	d := min(minBackoff<<min(try, 16), maxBackoff)
	return d/2 + rand.N(d/2+1)
}

// session is one connection's worth of reading.
func (rd *tracker) session(ctx context.Context, r *reader) error {
	s, live := rd.Source, rd.live
	c, err := s.Connect(ctx)
	if err != nil {
		return err
	}
	flavor := s.identify(c)
	fromNow := r.cur.IsZero()
	if fromNow {
		defer func() {
			if !r.known { // nothing was read: the next try is again from its own now
				r.cur = Position{}
			}
		}()
	}
	behind, err := s.approach(c, r, live)
	if err != nil {
		quit(c)
		return err
	}
	if fromNow {
		s.catalog.forget() // nobody reads what lies between
		if err := s.Remember(ctx, r.h.Wants); err != nil {
			quit(c)
			return err
		}
	}
	if fromNow || rd.passed.IsZero() {
		rd.passed = r.cur.Group()
	}
	d, err := s.dump(ctx, c, flavor, r.cur, live)
	if err != nil {
		return err
	}
	defer s.end(d)
	r.restart(flavor)
	return s.pump(ctx, d, r, live, behind)
}

// approach asks what the server holds: where the reading begins, if from now, and
// how far behind it is.
func (s *Source) approach(c *client.Conn, r *reader, live bool) (*lag, error) {
	end, err := endOf(c)
	if err != nil {
		return nil, err
	}
	if r.foldNames, err = foldsNames(c); err != nil {
		return nil, err
	}
	behind := &lag{target: end}
	if r.cur.IsZero() {
		r.cur = end
	}
	if !live {
		return behind, nil
	}
	if behind.clock, err = clockOf(c); err != nil {
		return nil, err
	}
	behind.files, err = filesOf(c)
	return behind, err
}

// dump opens the dump of a reading. c becomes the dump's.
func (s *Source) dump(ctx context.Context, c *client.Conn, flavor Flavor, from Position, live bool) (*dump, error) {
	id, replica := s.cfg.ServerID, s.uuid
	if id == 0 || !live {
		id = freeServerID(c)
	}
	if !live {
		replica = uuid.NewString()
	}
	d, err := openDump(ctx, c, flavor, id, replica, from.file, max(from.pos, firstPos), s.patience)
	if err != nil {
		return nil, err
	}
	s.status.update(func(st *Status) { st.Dumps++ })
	return d, nil
}

// killTimeout bounds what is done for the server's sake when a dump ends.
const killTimeout = 2 * time.Second

// end closes a dump. A server notices a closed dump only when it next has
// something to send, heartbeats included, and holds a thread and a binlog file
// until then, so it is told.
func (s *Source) end(d *dump) {
	s.status.update(func(st *Status) { st.Dumps-- })
	if !d.close() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	c, err := s.Connect(ctx)
	if err != nil {
		return // then the heartbeat will have to do
	}
	defer quit(c)
	c.Execute(fmt.Sprintf("KILL %d", d.conn.GetConnectionID())) // it may be gone already
}

// pump feeds the reader from the dump until one of them ends.
func (s *Source) pump(ctx context.Context, d *dump, r *reader, live bool, behind *lag) error {
	var e event
	asked, seen := r.cur, false
	for {
		if err := d.next(&e); err != nil {
			if err == errSilent && s.nothingToSay(ctx, d, r) {
				continue
			}
			return s.judge(ctx, d, err, asked, seen)
		}
		if !r.known {
			if err := r.event(ctx, &e); err != nil {
				return err
			}
			if !r.known {
				continue
			}
			if err := s.begun(r, asked, live); err != nil {
				return err
			}
		} else {
			if err := r.event(ctx, &e); err != nil {
				return err
			}
			seen = seen || !r.first
		}
		if live {
			s.progress(r, &e, behind)
		}
	}
}

// nothingToSay tells a dump that is silent for a reason from a dead one. MariaDB
// begins to count anew towards its heartbeat whenever some dump is ended: with
// lanes that come and go there may never be one.
func (s *Source) nothingToSay(ctx context.Context, d *dump, r *reader) bool {
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	c, err := s.Connect(ctx)
	if err != nil {
		return false
	}
	defer quit(c)
	end, err := endOf(c)
	at, ok := r.checkpoint()
	if err != nil || !ok {
		return false
	}
	if at.file != end.file || at.pos != end.pos {
		return d.hears(killTimeout) // committed this moment, it is on its way
	}
	threads, err := textRows(c, "SHOW PROCESSLIST")
	return err == nil && slices.ContainsFunc(threads, func(t []string) bool {
		return t[0] == strconv.FormatUint(uint64(d.conn.GetConnectionID()), 10) && strings.HasPrefix(t[4], "Binlog Dump")
	})
}

// begun is called with the first format description: it says whose file this is.
func (s *Source) begun(r *reader, asked Position, live bool) error {
	if r.file == asked.file {
		if asked.checked && asked.lineage != r.lineage {
			return fmt.Errorf("%w: %s was begun as %08x and the id says %08x", ErrForeign, r.file, r.lineage, asked.lineage)
		}
		r.cur.lineage, r.cur.checked = r.lineage, true
	}
	if live {
		s.log.Info("reading the binlog", "position", r.cur, "server", s.Status().Version)
		s.status.update(func(st *Status) { st.Connected, st.LastError = true, "" })
	}
	return r.told(r.h.Checkpoint(r.cur.Group(), time.Time{}))
}

// judge says what an error of the dump means. seen: events were read before it.
func (s *Source) judge(ctx context.Context, d *dump, err error, asked Position, seen bool) error {
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the database ended the binlog dump; it shuts down or restarts")
	case err == errSilent:
		return err
	case timedOut(err):
		return fmt.Errorf("the database stopped in the middle of a packet for %v", d.patience)
	}
	return s.refusal(ctx, err, asked, seen)
}
