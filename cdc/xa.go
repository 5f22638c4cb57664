package cdc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/ddl"
)

// maxPrepared bounds the XA transactions that are remembered; others are looked for in the binlog.
const maxPrepared = 10_000

// prepared is an XA transaction between its XA PREPARE and its XA COMMIT: its
// rows, or only where to read them again.
type prepared struct {
	start      Position
	rolledBack []span
	unclear    bool // it went back to an unknown savepoint
	held       []heldRows
	arena      []byte
	whole      bool // held is all of it
}

// prepare puts away what the group holds, for an XA COMMIT to come.
func (g *group) prepare(budget int) *prepared {
	p := &prepared{start: g.start, rolledBack: g.rolledBack, unclear: g.unclear}
	if !g.overflow && len(g.arena) <= budget {
		p.held, p.arena, p.whole = slices.Clone(g.held), bytes.Clone(g.arena), true
	}
	return p
}

// prepare ends the first half of an XA transaction; its rows wait for XA COMMIT.
func (r *reader) prepare(ctx context.Context, e *event) error {
	xid, onePhase, err := parsePrepare(e.body)
	if err != nil || onePhase {
		if err == nil {
			err = r.commit(ctx, e)
		}
		return err
	}
	if r.group.open {
		r.forget(xid)
		if len(r.xa) < maxPrepared {
			p := r.group.prepare(maxHeld - r.xaBytes)
			r.xa[xid], r.xaBytes = p, r.xaBytes+len(p.arena)
		}
	}
	return r.rollback(ctx, e)
}

// forget takes a prepared transaction out of memory.
func (r *reader) forget(xid string) *prepared {
	p := r.xa[xid]
	if p != nil {
		r.xaBytes -= len(p.arena)
		delete(r.xa, xid)
	}
	return p
}

// commitPrepared ends the second half of an XA transaction. Its changes carry
// the position of this group: in binlog order they happened here.
func (r *reader) commitPrepared(ctx context.Context, e *event, xid string) error {
	g, p := &r.group, r.forget(xid)
	if r.flavor == MariaDB && len(e.body) >= 4 { // whose engine commits it only later, in an order of its own
		thread := binary.LittleEndian.Uint32(e.body)
		r.witness = func(c *Change) { r.server.committing(thread, g.start, c) }
		defer func() { r.witness = nil }()
	}
	if p != nil && p.whole && !p.unclear {
		clear(g.held)
		g.held, g.arena = append(g.held[:0], p.held...), append(g.arena[:0], p.arena...)
		return r.finish(ctx, e)
	}
	if p == nil {
		was, err := r.server.prepared(ctx, xid, g.start)
		if errors.Is(err, ErrPurged) {
			r.note(Notice{Message: fmt.Sprintf("XA COMMIT at %s: the binlog no longer holds what was prepared", g.start)})
			return r.finish(ctx, e)
		}
		if err != nil {
			return err
		}
		if was.start.IsZero() {
			return r.finish(ctx, e) // it was ended before: nothing is left of it
		}
		p = &was.prepared
	}
	if p.unclear {
		r.note(Notice{Message: fmt.Sprintf("XA COMMIT at %s: what was prepared at %s goes back to a savepoint that it does not have", g.start, p.start)})
		return r.finish(ctx, e)
	}
	if err := r.server.again(ctx, &r.delivery, p.start, outcome{as: g.start, read: g.start, time: r.commitTime(e), rolledBack: p.rolledBack}); err != nil {
		return fmt.Errorf("read the XA transaction prepared at %s again: %w", p.start, err)
	}
	return r.finish(ctx, e)
}

// rollbackPrepared: what was prepared never happened, unless the binlog says that
// it did. A server that is killed between the binlog and the engine has what it
// logged as committed, also in ONE PHASE, prepared when it is back.
func (r *reader) rollbackPrepared(ctx context.Context, e *event, xid string) error {
	if r.forget(xid) != nil {
		return r.rollback(ctx, e)
	}
	was, err := r.server.prepared(ctx, xid, r.group.start)
	switch {
	case errors.Is(err, ErrPurged) || err == nil && was.committed:
		r.note(Notice{
			Message: fmt.Sprintf("XA ROLLBACK at %s: the binlog does not hold it as prepared, and may have it as committed", r.group.start)})
	case err != nil:
		return err
	}
	return r.rollback(ctx, e)
}

// parsePrepare reads an XA_PREPARE event. xid is spelled as XA COMMIT statements
// are logged, in lower case.
func parsePrepare(body []byte) (xid string, onePhase bool, err error) {
	if len(body) >= 13 {
		format := int32(binary.LittleEndian.Uint32(body[1:]))
		gtrid, bqual := binary.LittleEndian.Uint32(body[5:]), binary.LittleEndian.Uint32(body[9:])
		if gtrid <= 64 && bqual <= 64 && len(body) >= 13+int(gtrid)+int(bqual) {
			data := body[13:]
			return fmt.Sprintf("x'%x',x'%x',%d", data[:gtrid], data[gtrid:gtrid+bqual], format), body[0] != 0, nil
		}
	}
	return "", false, fmt.Errorf("%w: XA PREPARE event of %d bytes", ErrCorrupt, len(body))
}

// xidOf is the xid of a logged XA COMMIT or XA ROLLBACK, from what follows the verb.
func xidOf(text []byte) string {
	text = bytes.TrimSuffix(bytes.TrimSpace(text), []byte("ONE PHASE"))
	return string(bytes.ToLower(bytes.TrimSpace(text)))
}

// xaMark is where an XA transaction is prepared, or ended.
type xaMark struct {
	xid        string
	prepared   bool
	committed  bool
	rolledBack []span // of what is prepared
	unclear    bool
}

// maxMarks bounds the marks that are remembered; parts of the binlog that hold more are read again.
const maxMarks = 200_000

type xaState struct {
	prepared  // start is zero where it was ended since
	committed bool
}

// prepared implements server: it looks from where the transaction ends back to the
// oldest file, in stretches of 1, 1, 2, 4, 8 … files: most are prepared a moment before
// they end, and each stretch costs a dump. A reading needs it for what was prepared
// before it began; it stands still meanwhile, which is logged.
func (rd *reading) prepared(ctx context.Context, xid string, before Position) (xaState, error) {
	rd.log.Info("looking in the binlog for where an XA transaction was prepared", "xid", xid, "ended", before)
	to, files, oldest := before.Group(), 1, Position{}
	for from := to.fileStart(0); ; {
		marks, err := rd.xa.between(ctx, from, to, rd.live, rd.searchXA)
		switch {
		case errors.Is(err, ErrPurged) && oldest.IsZero() && files > 1: // purged, but for its end
			if oldest, err = rd.oldest(ctx); err != nil {
				return xaState{}, err
			}
			from = oldest
			continue
		case err != nil:
			return xaState{}, err
		}
		for _, m := range slices.Backward(marks) {
			if m.what.xid == xid && m.at.Compare(before) < 0 {
				return state(m), nil
			}
		}
		to, from = from, from.fileStart(files)
		if files *= 2; from == to || to == oldest {
			return xaState{}, fmt.Errorf("%w: XA transaction %s", ErrPurged, xid)
		}
	}
}

// oldest is where the oldest file that the server holds begins.
func (s *Source) oldest(ctx context.Context) (Position, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return Position{}, err
	}
	defer quit(c)
	files, err := filesOf(c)
	if err != nil {
		return Position{}, err
	}
	if len(files) == 0 {
		return Position{}, fmt.Errorf("%w: the server lists no binlog file", ErrPurged)
	}
	return Checkpoint(files[0].name, firstPos, 0)
}

func state(m found[xaMark]) xaState {
	if m.what.prepared {
		return xaState{prepared: prepared{start: m.at, rolledBack: m.what.rolledBack, unclear: m.what.unclear}}
	}
	return xaState{committed: m.what.committed}
}

// searchXA looks through the binlog between two checkpoints.
func (s *Source) searchXA(ctx context.Context, from, to Position) (list []found[xaMark], reached Position, err error) {
	var g group // as far as it says which rows of a transaction were rolled back
	var unpack payload
	mark := func(m xaMark) { list = append(list, found[xaMark]{g.start, m}) }
	look := func(e *event) error {
		if e.class().kind == rowsOfTable {
			g.events++
			return nil
		}
		switch e.typ {
		case replication.XA_PREPARE_LOG_EVENT:
			xid, onePhase, err := parsePrepare(e.body)
			if err == nil && !onePhase {
				mark(xaMark{xid: xid, prepared: true, rolledBack: g.rolledBack, unclear: g.unclear})
			}
			return err
		case replication.QUERY_EVENT, replication.MARIADB_QUERY_COMPRESSED_EVENT:
			q, err := parseQuery(e)
			verb, _ := ddl.TransactionControl(q.text)
			rest := q.text[len(verb):]
			switch verb {
			case "SAVEPOINT":
				g.mark(savepointName(rest))
			case "ROLLBACK TO":
				g.rollbackTo(savepointName(rest))
			case "XA COMMIT", "XA ROLLBACK":
				mark(xaMark{xid: xidOf(rest), committed: verb == "XA COMMIT"})
			}
			return err
		}
		return nil
	}
	reached, err = s.scan(ctx, from, to, func(start Position, e *event) error {
		if e.beginsGroup() {
			g.reset()
			g.start = start
		}
		if e.typ == replication.TRANSACTION_PAYLOAD_EVENT {
			return unpack.each(e, look)
		}
		return look(e)
	})
	return list, reached, err
}
