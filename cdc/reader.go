package cdc

import (
	"bytes"
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
	// again reads the rows of wanted tables of the group at start, which is known
	// to be committed, and hands them to r as changes of the group at as.
	again(ctx context.Context, r *reader, start, as Position, at time.Time, undone []span) error
	// prepared finds what the binlog says last, before a place, of an XA transaction.
	prepared(ctx context.Context, xid string, before Position) (xaState, error)
	// alter notes a statement that altered a table, and its group.
	alter(st *ddl.Statement, at Position)
}

// reader turns the events of one binlog into committed changes. It does no I/O
// of its own. What it knows outlives a connection: cur is where to go on.
type reader struct {
	place
	h      Handler
	server server
	flavor Flavor
	// foldNames: statements name tables in any case, and everything else in lower case.
	foldNames bool

	committed time.Time // when the newest group was, by the server's clock
	cur       Position  // everything up to here was handed over
	first     bool      // no event was seen since the dump began
	group     group
	maps      map[uint64]*mapped
	xa        map[string]*prepared
	xaBytes   int
	payload   payload
	before    Image
	after     Image
	inflater  inflater
	change    Change // the one that is handed over
	direct    *direct
}

// mapped is a table map of a wanted table.
type mapped struct {
	body          []byte
	schema, table string
	tm            *tableMap
	defined       *Table // nil until rows are to be decoded
	err           error  // why it can't be
}

// direct makes a reader hand over rows as they come: its group is known to be committed.
type direct struct {
	as     Position
	read   Position // everything up to here was read before
	time   time.Time
	undone []span
	done   bool
}

// maxPrepared bounds the XA transactions that are remembered; others are looked for in the binlog.
const maxPrepared = 10_000

func newReader(h Handler, srv server, from Position) *reader {
	return &reader{h: h, server: srv, cur: from, maps: map[uint64]*mapped{}, xa: map[string]*prepared{}}
}

// restart prepares for a new dump, from the start of the group that cur is in.
func (r *reader) restart(flavor Flavor) {
	r.flavor, r.first = flavor, true
	r.group.reset()
	clear(r.maps)
	r.place = place{file: r.cur.file, end: uint64(r.cur.pos)}
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
	if rotated {
		r.newFile()
	} else if err := r.dispatch(ctx, e); err != nil {
		return err
	}
	return r.settle(e)
}

// settle moves the checkpoint over what belongs to no group: the head and the
// end of files, and what servers note between groups.
func (r *reader) settle(e *event) error {
	if r.group.open || r.direct != nil || !r.known || e.artificial() || e.time == 0 || e.class().kind == heartbeat {
		return nil
	}
	cp, ok := r.checkpoint()
	if !ok || cp.Compare(r.cur) <= 0 {
		return nil
	}
	r.cur = cp
	return r.h.Checkpoint(cp, time.Unix(int64(e.time), 0))
}

// newFile: a group never crosses files; one that a crash cut short never was committed.
func (r *reader) newFile() {
	r.group.reset()
	clear(r.maps)
	if r.direct != nil {
		r.direct.done = true
	}
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
		return r.tableMap(e)
	case rowsOfTable:
		return r.rows(ctx, e)
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
	if r.direct != nil {
		return nil // the first reading tells
	}
	n := Notice{Message: fmt.Sprintf("%s (%s, ends at offset %d)", what, r.file, r.end)}
	if r.group.open {
		r.group.note(n)
		return nil
	}
	start, err := r.place.begin(e)
	if err != nil {
		return err
	}
	if err := r.open(start, time.Time{}); err != nil {
		return err
	}
	r.group.note(n)
	return r.finish(ctx, e)
}

func (r *reader) begin(ctx context.Context, e *event) error {
	if r.group.open { // its end was this event
		if err := r.finish(ctx, e); err != nil || r.direct != nil && r.direct.done {
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
	if r.direct != nil {
		return nil
	}
	return r.h.Begin(start)
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

func (r *reader) tableMap(e *event) error {
	id, schema, table, err := tableMapName(e.body)
	if err != nil {
		return fmt.Errorf("%w (%s, ends at offset %d)", err, r.file, r.end)
	}
	if !r.h.Wants(schema, table) {
		delete(r.maps, id)
		return nil
	}
	if m := r.maps[id]; m != nil && bytes.Equal(m.body, e.body) {
		return nil
	}
	m := &mapped{body: bytes.Clone(e.body), schema: string(schema), table: string(table)}
	m.tm, m.err = parseTableMap(m.body, r.flavor)
	r.maps[id] = m
	return nil
}
