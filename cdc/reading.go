package cdc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/google/uuid"
)

const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 15 * time.Second
	// maxTries bounds a replay that gets nowhere: its clients are then better
	// sent away to come back than kept waiting.
	maxTries = 6
)

// reading is one call of Read or Replay: what it keeps from one connection to the next.
// It passes every group from the one where it began, so that nobody has to search what
// it has passed.
type reading struct {
	*Source
	reader *reader
	live   bool
	held   lag      // by the server when it connected
	passed Position // all statements from the beginning of the reading up to here are in the catalog
}

func (s *Source) reading(from Position, h Handler) *reading {
	rd := &reading{Source: s}
	rd.reader = newReader(h, rd, from)
	return rd
}

// run reads until there is an error that trying again can't mend.
func (rd *reading) run(ctx context.Context) error {
	s, r := rd.Source, rd.reader
	if rd.live {
		defer s.status.update(func(st *Status) { st.Connected, st.CaughtUp = false, false })
	}
	for try := 0; ; try++ {
		before := r.cur
		err := rd.session(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.refused != nil {
			return r.refused
		}
		if rd.live {
			s.status.update(func(st *Status) { st.Connected, st.CaughtUp, st.LastError = false, false, err.Error() })
		}
		if fatal(err) {
			if rd.live { // the server's binlog may be another one now; what a client's id is worth says nothing about it
				s.forget()
			}
			return err
		}
		if r.cur != before {
			try = 0
		}
		if !rd.live && try >= maxTries {
			return err
		}
		wait := backoff(try)
		s.log.Warn("binlog reading interrupted, trying again", "live", rd.live, "position", r.cur, "in", wait.Round(time.Millisecond), "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		if rd.live {
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
func (rd *reading) session(ctx context.Context) error {
	s, r := rd.Source, rd.reader
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	fromNow := r.cur.IsZero()
	if fromNow {
		defer func() {
			if !r.known { // nothing was read: the next try is again from its own now
				r.cur = Position{}
			}
		}()
	}
	if err := rd.approach(c); err != nil {
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
		if rd.live {
			s.versions.forget()
			s.reads.begin(rd.passed)
		}
	}
	d, err := s.dump(c, r.cur, rd.replica(c))
	if err != nil {
		return err
	}
	defer s.end(ctx, d)
	r.restart(s.identify(c))
	return rd.pump(ctx, d)
}

// approach asks what the server holds: where the reading begins, if from now, and
// how far it lags.
func (rd *reading) approach(c *client.Conn) (err error) {
	r := rd.reader
	rd.held = lag{}
	if rd.held.target, err = endOf(c); err != nil {
		return err
	}
	if r.foldNames, err = foldsNames(c); err != nil {
		return err
	}
	if r.cur.IsZero() {
		r.cur = rd.held.target
	}
	if !rd.live {
		return nil
	}
	if rd.held.clock, err = clockOf(c); err != nil {
		return err
	}
	rd.held.files, err = filesOf(c)
	return err
}

// replica is the identity of a dump: the server ends one when another with the same
// identity begins.
type replica struct {
	id   uint32
	uuid string
}

func (rd *reading) replica(c *client.Conn) replica {
	switch {
	case !rd.live:
		return anyReplica(c)
	case rd.cfg.ServerID == 0:
		return replica{freeServerID(c), rd.uuid}
	}
	return replica{rd.cfg.ServerID, rd.uuid}
}

func anyReplica(c *client.Conn) replica { return replica{freeServerID(c), uuid.NewString()} }

// dump opens a dump. c becomes the dump's; the context that it was opened with ends it.
func (s *Source) dump(c *client.Conn, from Position, as replica) (*dump, error) {
	d, err := openDump(c, s.identify(c), as, from.file, max(from.pos, firstPos), s.patience)
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
// until then, so it is asked to end the connection's thread.
func (s *Source) end(ctx context.Context, d *dump) {
	s.status.update(func(st *Status) { st.Dumps-- })
	d.conn.Close()
	if d.over && ctx.Err() == nil { // the server ended it
		return
	}
	s.kill(ctx, d.conn) // else the heartbeat will have to do
}

// kill asks the server to end a connection's thread, which may be gone already.
func (s *Source) kill(ctx context.Context, conn *client.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killTimeout)
	defer cancel()
	c, err := s.connect(ctx)
	if err != nil {
		return
	}
	defer quit(c)
	_, _ = c.Execute(fmt.Sprintf("KILL %d", conn.GetConnectionID()))
}

// pump feeds the reader from the dump until one of them ends.
func (rd *reading) pump(ctx context.Context, d *dump) error {
	s, r := rd.Source, rd.reader
	var e event
	asked, seen := r.cur, false
	for {
		if err := d.next(&e); err != nil {
			if err == errSilent && rd.nothingToSay(ctx, d) {
				continue
			}
			return s.judge(ctx, d, err, asked, seen)
		}
		known := r.known
		if err := r.event(ctx, &e); err != nil {
			return err
		}
		switch {
		case !r.known:
			continue
		case !known:
			if err := rd.begun(asked); err != nil {
				return err
			}
		default:
			seen = seen || !r.first
		}
		if rd.live {
			s.progress(r, &e, &rd.held)
		}
	}
}

// nothingToSay tells a dump that is silent for a reason from a dead one. MariaDB
// restarts the time to its next heartbeat whenever any dump ends: with lanes that
// come and go there may never be one.
func (rd *reading) nothingToSay(ctx context.Context, d *dump) bool {
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	c, err := rd.connect(ctx)
	if err != nil {
		return false
	}
	defer quit(c)
	end, err := endOf(c)
	at, ok := rd.reader.checkpoint()
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

// begun is called after the first format description, which identifies the file.
func (rd *reading) begun(asked Position) error {
	s, r := rd.Source, rd.reader
	if r.file == asked.file {
		if asked.checked && asked.lineage != r.lineage {
			return fmt.Errorf("%w: %s was begun as %08x and the id says %08x", ErrForeign, r.file, r.lineage, asked.lineage)
		}
		r.cur.lineage, r.cur.checked = r.lineage, true
	}
	if rd.live {
		s.log.Info("reading the binlog", "position", r.cur, "server", s.Status().Version)
		s.status.update(func(st *Status) { st.Connected, st.LastError = true, "" })
	}
	return r.handled(r.h.Checkpoint(r.cur.Group(), time.Time{}))
}

// judge says what an error of the dump means. seen: events had been read before it.
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
