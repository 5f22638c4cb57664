package cdc

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/internal/schema"
)

// server is what a reader asks for beside the events: the Source, or a test's own.
type server interface {
	// define finds what a table map leaves out, column names and the like, as they
	// were at the group at. The reader has passed everything up to read.
	define(ctx context.Context, table ddl.Name, at, read Position) (*schema.Table, error)
	// hint is a definition of no particular place, or nil: for what little a full table map leaves out.
	hint(ctx context.Context, table ddl.Name, at Position) (*schema.Table, error)
	// same is t, or a Table that says the same and is in use already.
	same(t *Table) *Table
	// again reads the group at start, which is known to be committed, once more, and
	// delivers its rows as they come.
	again(ctx context.Context, d *delivery, start Position, o outcome) error
	// prepared finds what the binlog says last, before a place, of an XA transaction.
	prepared(ctx context.Context, xid string, before Position) (xaState, error)
	// committing notes a change of an XA transaction whose commit MariaDB has logged, at
	// a group, for a thread, and whose rows may still be invisible.
	committing(thread uint32, at Position, c *Change)
	// touch notes a statement that altered tables, or rows without rows events, and its group.
	touch(st *ddl.Statement, at Position)
}

// reader turns the events of one binlog into committed changes. It does no I/O
// of its own. What it knows outlives a connection: cur is where to go on.
type reader struct {
	place
	delivery
	// foldNames: statements name tables in any case, and everything else in lower case.
	foldNames bool

	committed time.Time // when the newest group was, by the server's clock
	first     bool      // no event was seen since the dump began
	group     group
	xa        map[string]*prepared
	xaBytes   int
	payload   payload
}

func newReader(h Handler, srv server, from Position) *reader {
	return &reader{delivery: delivery{h: h, server: srv, cur: from, maps: map[uint64]*mapped{}}, xa: map[string]*prepared{}}
}

// restart prepares for a new dump, from the start of the group that cur is in.
func (r *reader) restart(flavor Flavor) {
	r.flavor, r.first = flavor, true
	r.forgetGroup()
	clear(r.maps)
	r.place = place{file: r.cur.file, end: uint64(r.cur.pos)}
}

func (r *reader) forgetGroup() {
	r.group.reset()
	r.notices = r.notices[:0]
}

// event takes the next event of the dump.
func (r *reader) event(ctx context.Context, e *event) error {
	if r.first && e.class().inside {
		return fmt.Errorf("%w: %v at %s/%d is in the middle of a transaction", ErrInvalid, e.typ, r.file, r.end)
	}
	rotated, err := r.follow(e)
	if err != nil {
		return err
	}
	if e.beginsGroup() || rotated {
		r.first = false
	}
	if rotated { // a group never crosses files; one that a crash cut short never was committed
		r.forgetGroup()
		clear(r.maps)
	} else if err := r.dispatch(ctx, e); err != nil {
		return err
	}
	return r.settle(e)
}

// settle moves the checkpoint over what belongs to no group: the head and the
// end of files, and what servers note between groups.
func (r *reader) settle(e *event) error {
	if r.group.open || !r.known || e.artificial() || e.time == 0 || e.class().kind == heartbeat {
		return nil
	}
	cp, ok := r.checkpoint()
	if !ok || cp.Compare(r.cur) <= 0 {
		return nil
	}
	r.cur = cp
	return r.handled(r.h.Checkpoint(cp, time.Unix(int64(e.time), 0)))
}

// dispatch takes an event by what it is; one that is not known and may not be ignored
// is a loss to everybody.
func (r *reader) dispatch(ctx context.Context, e *event) error {
	switch e.class().kind {
	case beginsGroup:
		return r.begin(ctx, e)
	case statement:
		return r.query(ctx, e)
	case mapsTable:
		return r.located(r.tableMap(e))
	case rowsOfTable:
		return r.rows(e)
	case commits:
		return r.commit(ctx, e)
	case prepares:
		return r.prepare(ctx, e)
	case unpacks:
		return r.payload.each(e, func(inner *event) error { return r.dispatch(ctx, inner) })
	case noRows, heartbeat:
		return nil
	case incident:
		return r.tellAll(ctx, e, "the server noted an incident: events may be missing from its binlog")
	}
	if e.flags&replication.LOG_EVENT_IGNORABLE_F != 0 {
		return nil
	}
	return r.tellAll(ctx, e, fmt.Sprintf("event type %d is not known to this version of rowcast and may hold rows", byte(e.typ)))
}

// tellAll: every table may have changed unseen.
func (r *reader) tellAll(ctx context.Context, e *event, what string) error {
	n := Notice{Message: fmt.Sprintf("%s (%s, ends at offset %d)", what, r.file, r.end)}
	if r.group.open {
		r.note(n)
		return nil
	}
	start, err := r.place.begin(e)
	if err != nil {
		return err
	}
	if err := r.open(start, time.Time{}); err != nil {
		return err
	}
	r.note(n)
	return r.finish(ctx, e)
}

func (r *reader) begin(ctx context.Context, e *event) error {
	if r.group.open { // its end was this event
		if err := r.finish(ctx, e); err != nil {
			return err
		}
	}
	start, err := r.place.begin(e)
	if err != nil {
		return err
	}
	return r.open(start, r.gtid(e))
}

func (r *reader) open(start Position, at time.Time) error {
	r.group.open, r.group.start, r.group.time = true, start, at
	return r.handled(r.h.Begin(start))
}

// gtid reads the commit time (MySQL) and whether rows may follow (MariaDB).
func (r *reader) gtid(e *event) time.Time {
	switch e.typ {
	case replication.MARIADB_GTID_EVENT:
		const standalone = 1
		r.group.inTx = len(e.body) > 12 && e.body[12]&standalone == 0
	case replication.GTID_TAGGED_LOG_EVENT:
		var g replication.GtidTaggedLogEvent
		if err := g.Decode(e.body); err == nil && g.ImmediateCommitTimestamp != 0 {
			return time.UnixMicro(int64(g.ImmediateCommitTimestamp))
		}
	default:
		const at = 1 + 16 + 8 + 1 + 8 + 8 // flags, sid, gno, clock type, two logical clocks
		if len(e.body) >= at+7 {
			us := uint64(binary.LittleEndian.Uint32(e.body[at:])) | uint64(binary.LittleEndian.Uint16(e.body[at+4:]))<<32 | uint64(e.body[at+6])<<48
			return time.UnixMicro(int64(us &^ (1 << 55))) // the top bit says that the origin's time follows
		}
	}
	return time.Time{}
}

// rows takes a rows event: it is counted, and held if its table is wanted.
func (r *reader) rows(e *event) error {
	m, err := r.tableOf(e)
	if err != nil {
		return r.located(err)
	}
	if m != nil {
		r.group.hold(byte(e.typ), m, e.body)
	}
	r.group.events++
	return nil
}

// commit hands over what the group holds.
func (r *reader) commit(ctx context.Context, e *event) error {
	if !r.group.open {
		return fmt.Errorf("%w: %v that ends at %s/%d ends no group", ErrCorrupt, e.typ, r.file, r.end)
	}
	return r.finish(ctx, e)
}

// rollback ends a group that never happened.
func (r *reader) rollback(ctx context.Context, e *event) error {
	g := &r.group
	clear(g.held)
	g.held, g.overflow = g.held[:0], false
	return r.finish(ctx, e)
}

// commitTime: where no GTID event says it, the end of the group does.
func (r *reader) commitTime(e *event) time.Time {
	if !r.group.time.IsZero() {
		return r.group.time
	}
	return time.Unix(int64(e.time), 0)
}

// finish ends the group: its changes, what it says as a whole, its checkpoint.
func (r *reader) finish(ctx context.Context, e *event) error {
	g := &r.group
	// Events of this group only: a GTID event that ends it belongs to the next.
	next := r.place
	if e.beginsGroup() {
		next.end -= uint64(e.size)
	}
	cp, ok := next.checkpoint()
	if !ok {
		// No dump can start past 4 GiB: until the next file begins, the group is what to go back to.
		cp = g.start
		cp.kind = pastGroup
	}
	o := outcome{as: g.start, read: cp.Group(), time: r.commitTime(e), rolledBack: g.rolledBack}
	if g.overflow {
		if err := r.server.again(ctx, &r.delivery, g.start, o); err != nil {
			return fmt.Errorf("read the large transaction at %s again: %w", g.start, err)
		}
	}
	for _, h := range g.held {
		if err := r.deliver(ctx, h, g.arena[h.off:h.off+h.len], &o); err != nil {
			return err
		}
	}
	for _, n := range r.notices {
		n.At = cp
		if err := r.handled(r.h.Notice(n)); err != nil {
			return err
		}
	}
	r.cur, r.committed = cp, o.time
	r.forgetGroup()
	if !ok {
		return nil
	}
	return r.handled(r.h.Checkpoint(cp, o.time))
}
