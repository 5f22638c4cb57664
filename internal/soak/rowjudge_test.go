package soak

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// rowsVerdict counts what came of the clients that begin with rows.
type rowsVerdict struct {
	begun, resumed, sent int
	atReady, later, each int // comparisons: of copies, and of single rows with their table
	missed               int // resets that did not come
	wrong                int
	notes                []string
}

func (v *rowsVerdict) bad(format string, args ...any) {
	v.wrong++
	if len(v.notes) < 6 {
		v.notes = append(v.notes, fmt.Sprintf(format, args...))
	}
}

// held is a row of a table, as judges of copies keep it.
type held struct {
	key, row uint64
	ranks    []string // in the order of each of the table's rowStreams
	arg      arg
}

func newHeld(t *table, r row) held {
	h := held{key: hashKey(r.pairs(t.key)), row: hashRow(r.pairs(t.send))}
	for _, of := range t.rows {
		h.ranks = append(h.ranks, of.rank(t, r))
	}
	if t.where != nil {
		h.arg = t.where.arg(r)
	}
	return h
}

// edit is a change of a table by the binlog.
type edit struct {
	at  group
	old uint64 // key of the row before; 0: none
	now held   // the row after; without a key: none
}

func newEdit(t *table, at group, p pending) edit {
	e := edit{at: at}
	if !p.before.none() {
		e.old = hashKey(p.before.pairs(t.key))
	}
	if !p.after.none() {
		e.now = newHeld(t, p.after)
	}
	return e
}

// tide is what a table comes to, group by group, by the binlog; and where the binlog
// does not say it all, by what SELECT said at the next snapshot.
type tide struct {
	*table
	edits  []edit
	spoils []spoil
	seeds  []*snapshot

	number  int
	e, s, q int // what comes next of each
	rows    map[uint64]held
	sure    bool
	odd     []string // where the binlog and SELECT disagree
}

// spoil is a place from which on the binlog does not say what the table holds.
type spoil struct {
	at    group
	loses bool // and of which a client has to hear
}

func newTide(f *fire, tr *truth, i int) *tide {
	t := &tide{table: f.tables[i], number: i, edits: tr.history[i]}
	for _, l := range tr.losses {
		if l.table == i {
			t.spoils = append(t.spoils, spoil{l.at, true})
		}
	}
	for _, a := range tr.alters[i] {
		t.spoils = append(t.spoils, spoil{a.at, false})
	}
	for g := range tr.orphans {
		t.spoils = append(t.spoils, spoil{g, false})
	}
	slices.SortFunc(t.spoils, func(a, b spoil) int { return a.at.compare(b.at) })
	for n := range f.quiet.count() {
		if snap := f.quiet.nth(n); snap.held[i] != nil {
			t.seeds = append(t.seeds, snap)
		}
	}
	t.rewind()
	return t
}

func (t *tide) rewind() { t.e, t.s, t.q, t.rows, t.sure = 0, 0, 0, map[uint64]held{}, true }

// next takes one thing that lies before a place; false: there is none. What hears of it
// is told as well.
func (t *tide) next(before group, hears func(e *edit, s *spoil, seeded bool)) bool {
	var at group
	kind := -1
	consider := func(k int, g group, ok bool) {
		if ok && (kind < 0 || g.compare(at) < 0) {
			kind, at = k, g
		}
	}
	if t.q < len(t.seeds) { // what a snapshot saw ended before its place
		consider(0, t.seeds[t.q].at.group(), t.seeds[t.q].at.group().compare(before) <= 0)
	}
	if t.s < len(t.spoils) {
		consider(1, t.spoils[t.s].at, t.spoils[t.s].at.compare(before) < 0)
	}
	if t.e < len(t.edits) {
		consider(2, t.edits[t.e].at, t.edits[t.e].at.compare(before) < 0)
	}
	switch kind {
	case 0:
		snap := t.seeds[t.q]
		t.q++
		rows := map[uint64]held{}
		for _, h := range snap.held[t.number] {
			rows[h.key] = h
		}
		if !t.sure {
			t.rows, t.sure = rows, true
			hears(nil, nil, true)
		} else if !snap.adopt[t.number] && !maps.EqualFunc(rows, t.rows, func(a, b held) bool { return a.row == b.row }) {
			t.odd = append(t.odd, fmt.Sprintf("%d rows by mysqlbinlog, %d by SELECT at %v", len(t.rows), len(rows), snap.at))
		}
	case 1:
		t.sure = false
		t.s++
		hears(nil, &t.spoils[t.s-1], false)
	case 2:
		e := &t.edits[t.e]
		t.e++
		delete(t.rows, e.old)
		if e.now.key != 0 {
			t.rows[e.now.key] = e.now
		}
		hears(e, nil, false)
	}
	return kind >= 0
}

// rowJudge follows one stream of one client.
type rowJudge struct {
	*tide
	*rowsVerdict
	name string
	of   *rowStream
	nth  int // of the table's rowStreams
	bind string
	upTo group // how far the tide has come
	size int   // of the window; 0: all

	got, want copyOf
	known     bool // want is what the client must have
	soon      bool // it is what the table holds at the next snapshot
	ready     bool
	stale     bool // it may be about to begin again, under another config
	told      bool // nothing is missing that the client has to be told
}

// copyOf is rows by key, and a sum over them all.
type copyOf struct {
	rows map[uint64]uint64
	sum  uint64
}

func (c *copyOf) set(key, row uint64) {
	c.remove(key)
	c.rows[key] = row
	c.sum += mixed(key, row)
}

func (c *copyOf) remove(key uint64) {
	if row, ok := c.rows[key]; ok {
		c.sum -= mixed(key, row)
		delete(c.rows, key)
	}
}

func mixed(key, row uint64) uint64 {
	x := key*0x9e3779b97f4a7c15 ^ row
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// matches: the row is one of the stream's.
func (j *rowJudge) matches(h held) bool {
	if j.where == nil {
		return true
	}
	match, _ := j.where.holds(h.arg, j.bind)
	return match
}

// go to a place, whose group has yet to come.
func (j *rowJudge) advance(to group) {
	if to.compare(j.upTo) < 0 { // a client that began again, on an instance that was late
		j.rewind()
	}
	j.upTo = to
	for j.next(to, j.hear) {
	}
}

func (j *rowJudge) hear(e *edit, s *spoil, seeded bool) {
	switch {
	case s != nil:
		j.known, j.soon = false, false
		j.told = j.told && !(s.loses && j.ready)
	case seeded:
		if j.soon {
			j.want, j.known, j.soon = j.holds(0), true, false
		}
	case j.known:
		if j.want.remove(e.old); e.now.key != 0 && j.matches(e.now) {
			j.want.set(e.now.key, e.now.row)
		}
	}
}

// holds is what the stream's rows are: the first so many, or all.
func (j *rowJudge) holds(most int) copyOf {
	var list []held
	for _, h := range j.rows {
		if j.matches(h) {
			list = append(list, h)
		}
	}
	if most > 0 && len(list) > most {
		slices.SortFunc(list, func(a, b held) int { return cmp.Compare(a.ranks[j.nth], b.ranks[j.nth]) })
		list = list[:most]
	}
	c := copyOf{rows: make(map[uint64]uint64, len(list))}
	for _, h := range list {
		c.set(h.key, h.row)
	}
	return c
}

// compare the copy with what it has to be.
func (j *rowJudge) compare(where string, at id) {
	if !j.known {
		return
	}
	if j.got.sum == j.want.sum && len(j.got.rows) == len(j.want.rows) {
		return
	}
	j.bad("%s%s, %s at %d/%d: the copy of %d rows is not the %d rows of the table: %s", j.full(), j.of.suffix, where, at.file, at.pos,
		len(j.got.rows), len(j.want.rows), j.difference())
	j.known = false // until the next ready
}

func (j *rowJudge) difference() string {
	var list []string
	name := func(key uint64) any { text, _ := keyTexts.Load(key); return text }
	for key, row := range j.want.rows {
		if got, ok := j.got.rows[key]; !ok {
			list = append(list, fmt.Sprintf("lacks %v, of %s", name(key), j.written(key, row)))
		} else if got != row {
			list = append(list, fmt.Sprintf("has %v as of %s, not of %s", name(key), j.written(key, got), j.written(key, row)))
		}
	}
	for key, got := range j.got.rows {
		if _, ok := j.want.rows[key]; !ok {
			list = append(list, fmt.Sprintf("has %v too many, as of %s", name(key), j.written(key, got)))
		}
	}
	slices.Sort(list)
	return strings.Join(list[:min(4, len(list))], "; ")
}

// written is where the binlog has that row.
func (j *rowJudge) written(key, row uint64) string {
	var places []string
	for _, e := range j.edits {
		if e.now.key == key && e.now.row == row {
			places = append(places, fmt.Sprintf("%d/%d", e.at[0], e.at[1]))
		}
	}
	return strings.Join(places, ", ")
}

// follow goes through what the client was given; upTo is where it is in the end.
func (j *rowJudge) follow(steps []step, upTo id) {
	j.got = copyOf{rows: map[uint64]uint64{}}
	var at id      // of the last change
	heard := false // a reset came last
	for _, s := range steps {
		if s.kind == stepFresh {
			// Else it has a part of that group, or was reset there, and its rows did not begin again.
			if j.ready && !heard && s.at.file != 0 && s.at.group() != at.group() {
				j.through(s.at)
			}
			heard = false
			j.known, j.soon, j.ready, j.stale, j.told = false, false, false, false, true
			j.got = copyOf{rows: map[uint64]uint64{}}
			if j.size = s.limit; s.limit == 0 {
				j.size = j.of.limit
			}
			continue
		}
		heard = s.kind == stepReset || s.kind == stepHeard || heard && s.kind == stepStale
		switch s.kind {
		case stepBegan:
			j.known, j.soon, j.ready, j.stale, j.told = false, false, false, false, true
			j.got = copyOf{rows: map[uint64]uint64{}}
		case stepStale:
			j.stale = true
		case stepSettled:
			j.stale = false
		case stepReset:
			j.known, j.soon, j.told = false, false, true
		case stepRow:
			j.row(s)
		case stepReady:
			j.advance(s.at.group())
			j.begin(s)
		case stepChange:
			if at.group() != s.at.group() {
				j.through(s.at)
			}
			at = s.at
			j.got.remove(s.old)
			if s.row != 0 {
				j.got.set(s.key, s.row)
			}
		}
	}
	j.through(upTo)
	if !j.ready {
		j.bad("%s%s: never ready in the end", j.full(), j.of.suffix)
	}
}

// through has the tide come to a place, before which the copy had everything.
func (j *rowJudge) through(at id) {
	j.advance(at.group())
	if !j.told && !j.stale {
		j.missed++
		j.bad("%s%s: no reset for what was lost before %d/%d", j.full(), j.of.suffix, at.file, at.pos)
		j.told = true
	}
	if j.known && !j.stale {
		j.later++
		j.compare("later,", at)
	}
}

// row is as it was at the place of its id.
func (j *rowJudge) row(s step) {
	if s.more {
		j.advance(s.at.group())
		if h, ok := j.rows[s.key]; j.sure {
			j.each++
			if !ok || h.row != s.row || !j.matches(h) {
				text, _ := keyTexts.Load(s.key)
				j.bad("%s%s: row %v with id %d/%d is that of %s (in the table then: %v)", j.full(), j.of.suffix, text, s.at.file, s.at.pos, j.written(s.key, s.row), ok)
			}
		}
	}
	j.got.set(s.key, s.row)
}

// begin is a ready: the client has the rows.
func (j *rowJudge) begin(s step) {
	j.ready, j.known, j.soon = true, j.sure, !j.sure && j.size == 0
	if !j.sure {
		return
	}
	all := j.holds(0)
	j.want = j.holds(j.size)
	if more := len(all.rows) > len(j.want.rows); more != s.more {
		j.bad("%s%s: ready at %d/%d says more: %v, and there are %d rows", j.full(), j.of.suffix, s.at.file, s.at.pos, s.more, len(all.rows))
	}
	j.atReady++
	j.compare("at ready,", s.at)
}

// judgeRows compares a client's copies with their tables.
func (f *fire) judgeRows(s *subscriber, tr *truth) {
	c := s.rows
	var v verdict
	s.verifyIDs(&v, tr)
	for _, t := range s.turns {
		if t.reason == "fresh" {
			continue
		}
		if v.resets++; t.reason != "schema" || !s.excused(tr, t, t.about()) {
			v.unexpected++
			v.note("reset %s", t.message)
		}
	}
	v.events = int(s.events.Load())
	f.report.verdict.add(v)
	f.report.disconnects += s.disconnects
	rv := rowsVerdict{begun: c.begun, resumed: c.resumed, sent: c.sent}
	for _, i := range c.order {
		j := &rowJudge{tide: newTide(f, tr, i), rowsVerdict: &rv, of: c.streams[i], nth: slices.Index(f.tables[i].rows, c.streams[i]), bind: s.binds[i], told: true}
		j.follow(c.steps[i], s.last)
		if len(j.odd) > 0 {
			f.t.Errorf("%s: the judge does not know what the table holds: %s", j.full(), strings.Join(j.odd[:min(3, len(j.odd))], "; "))
		}
	}
	f.report.rows.add(rv)
	f.report.verdict.missed += rv.missed
	if v.bad() || rv.wrong > 0 {
		f.t.Errorf("%s (%v, %v): %d rows or copies wrong: %s; %d wrong ids, %d unexpected resets: %s", s.name, c, s.binds, rv.wrong, strings.Join(rv.notes, "; "),
			v.wrong, v.unexpected, strings.Join(v.notes, "; "))
	}
	if rv.atReady == 0 || rv.later == 0 {
		f.t.Errorf("%s (%v): its copies were compared %d times at ready, %d times later", s.name, c, rv.atReady, rv.later)
	}
	f.t.Logf("%s (%v): rows begun %d times, resumed within %d times, %d sent; compared %d times at ready, %d later; %d resets, %d connections %v", s.name, c,
		rv.begun, rv.resumed, rv.sent, rv.atReady, rv.later, v.resets, s.connects, s.kinds)
}

func (v *rowsVerdict) add(o rowsVerdict) {
	v.begun += o.begun
	v.resumed += o.resumed
	v.sent += o.sent
	v.atReady += o.atReady
	v.later += o.later
	v.each += o.each
	v.wrong += o.wrong
}

// String names the streams of a client.
func (c *rowClient) String() string {
	var list []string
	for _, i := range slices.Sorted(maps.Keys(c.streams)) {
		list = append(list, c.s.tables[i].full()+c.streams[i].suffix)
	}
	return strings.Join(list, " ")
}
