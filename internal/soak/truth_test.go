package soak

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rowcast/internal/throwaway"
)

// at is an id without lineage, in numbers.
type at struct{ file, pos, event, row uint32 }

func (a at) compare(b at) int {
	return slices.Compare([]uint32{a.file, a.pos, a.event, a.row}, []uint32{b.file, b.pos, b.event, b.row})
}

func (a at) group() group { return group{a.file, a.pos} }

// group is where a group begins.
type group [2]uint32

func (g group) compare(h group) int { return slices.Compare(g[:], h[:]) }

// fact is one committed change of a table that has a stream.
type fact struct {
	at        at     // event is the first that may hold it, row its place after that one's first
	lastEvent uint32 // the last that may: mysqlbinlog prints the rows of a statement after all of its events
	table, op uint8
	old, now  arg       // what the table's predicate looks at
	hash      [3]uint64 // of its essence as an insert, update or delete; 0: can't be
}

// loss is a statement that changed rows without logging them.
type loss struct {
	at    group
	table int
	text  string
}

type place struct {
	at    group
	table int
}

// alteration is a statement after which a table's columns may be others.
type alteration struct {
	at   group
	when time.Time // no earlier than this
}

// truth is what the binlog holds, by mysqlbinlog's reading.
type truth struct {
	*schema
	mysql    bool
	facts    []fact
	groups   map[group]bool // where groups begin
	bounds   map[group]bool // where a checkpoint may be: begins and ends of groups, and of events between them
	lineage  map[uint32]uint32
	changes  int // of all tables
	xaGroups int
	orphans  map[group]bool // XA COMMITs and ROLLBACKs whose XA PREPARE is not in the binlog, or is ended there: by a crash
	losses   []loss
	lost     map[place]bool // the same
	alters   map[int][]alteration
	history  map[int][]edit // of the tables whose rows are had
}

// statements are those that the load has that are not rows: the judge knows them
// in the binlog by their text.
type statements struct {
	mu   sync.Mutex
	m    map[string]effect
	sent map[string][]time.Time
}

// effect of a statement on tables, by number.
type effect struct {
	loses, alters []int
	silent        bool // values come to stand under other names, or appear and vanish, without an event
	apply         func(d *definitions)
}

// note a statement that is about to be sent.
func (s *statements) note(text string, e effect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m, s.sent = map[string]effect{}, map[string][]time.Time{}
	}
	s.m[text], s.sent[text] = e, append(s.sent[text], time.Now())
}

// of a statement that the server began in that second.
func (s *statements) of(text string, second time.Time) (e effect, sent time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok = s.m[text]
	for _, t := range s.sent[text] {
		if !t.Truncate(time.Second).After(second) {
			sent = t
		}
	}
	return e, sent, ok
}

// definitions are what tables are at one place in the binlog.
type definitions struct {
	cols    [][]string
	indexed []bool // it has the unique index over a whole text,
	hashed  []bool // for which MariaDB adds a column
}

func (s *schema) definitions() *definitions {
	d := &definitions{indexed: make([]bool, len(s.tables)), hashed: make([]bool, len(s.tables))}
	for _, t := range s.tables {
		d.cols = append(d.cols, t.cols)
	}
	return d
}

// swap is what a RENAME of two tables does.
func (d *definitions) swap(i, j int) {
	d.cols[i], d.cols[j] = d.cols[j], d.cols[i]
	d.indexed[i], d.indexed[j] = d.indexed[j], d.indexed[i]
	d.hashed[i], d.hashed[j] = d.hashed[j], d.hashed[i]
}

// readTruth parses every binlog file of the server, which may be running but must be quiet.
func readTruth(ctx context.Context, s *throwaway.Server, tables *schema, known *statements) (*truth, error) {
	files, err := filepath.Glob(filepath.Join(s.DataDir(), "binlog.[0-9]*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	tr := &truth{schema: tables, mysql: s.Flavor() == throwaway.MySQL, groups: map[group]bool{}, bounds: map[group]bool{},
		orphans: map[group]bool{}, lineage: map[uint32]uint32{}, alters: map[int][]alteration{}, lost: map[place]bool{}, history: map[int][]edit{}}
	p := &parser{truth: tr, xa: map[string][]pending{}, known: known, defs: tables.definitions()}
	for _, f := range files {
		number, err := strconv.ParseUint(strings.TrimPrefix(filepath.Ext(f), "."), 10, 32)
		if err != nil {
			continue // binlog.index, MariaDB's binlog.state
		}
		out, err := s.Binlog(ctx, "-vv", "--base64-output=DECODE-ROWS", filepath.Base(f))
		if err != nil {
			return nil, err
		}
		p.file, p.open, p.rows = uint32(number), false, nil
		if err := p.read(out); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(f), err)
		}
		p.bound(p.end)
	}
	return tr, nil
}
