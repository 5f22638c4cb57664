package soak

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sort"
	"testing"
	"time"
)

// verdict counts what a subscriber's sequence has wrong.
type verdict struct {
	events, lost, repeated, reordered, wrong int
	resets, unexpected, missed               int
	differ                                   int // of the copies, the comparisons that failed
	notes                                    []string
}

func (v *verdict) note(format string, args ...any) {
	if len(v.notes) < 8 {
		v.notes = append(v.notes, fmt.Sprintf(format, args...))
	}
}

func (v *verdict) add(o verdict) {
	v.events += o.events
	v.lost += o.lost
	v.repeated += o.repeated
	v.reordered += o.reordered
	v.wrong += o.wrong
	v.resets += o.resets
	v.unexpected += o.unexpected
	v.missed += o.missed
}

func (v *verdict) bad() bool {
	return v.lost+v.repeated+v.reordered+v.wrong+v.unexpected+v.missed > 0
}

// expected is what the subscription must be told of a fact; 0: nothing. What
// can't be judged for its binding must become a reset.
func (s *subscriber) expected(f *fact) (hash uint64, judged bool) {
	t := s.tables[f.table]
	op := int(f.op)
	if t.where != nil {
		old, ok := t.where.holds(f.old, s.binds[int(f.table)])
		now, ok2 := t.where.holds(f.now, s.binds[int(f.table)])
		switch {
		case !ok || !ok2:
			return 0, false
		case old && now:
		case now:
			op = opInsert
		case old:
			op = opDelete
		default:
			return 0, true
		}
	}
	if !t.ops[op] {
		return 0, true
	}
	return f.hash[op], true
}

// verify compares what the subscriber got with the truth from its start on.
// allowed are reasons of resets that had to come and break the sequence; a reset
// with the reason schema does not: it speaks of one group, in which a stream has
// lost something, and everything else has to be there.
func (s *subscriber) verify(tr *truth, allowed map[string]bool) (v verdict) {
	v.events = len(s.records)
	s.verifyIDs(&v, tr)
	told := map[group][]turn{}
	from := 0
	for n := 1; n <= len(s.turns); n++ {
		if n < len(s.turns) {
			v.resets++
			next := s.turns[n]
			if next.reason == "schema" {
				about := next.about()
				if told[about] = append(told[about], next); !s.excused(tr, next, about) {
					v.unexpected++
					v.note("reset %s", next.message)
				}
				continue
			}
			if !allowed[next.reason] {
				v.unexpected++
				v.note("reset %s", next.message)
			}
		}
		s.stretch(&v, tr, from, n, told)
		from = n
	}
	return v
}

// verifyIDs: checkpoints and lineages are those of the files.
func (s *subscriber) verifyIDs(v *verdict, tr *truth) {
	for file, lineage := range s.lineage {
		if tr.lineage[file] != lineage {
			v.wrong++
			v.note("file %d: lineage %08x, mysqlbinlog says %08x", file, lineage, tr.lineage[file])
		}
	}
	for p := range s.points {
		if !tr.bounds[p] {
			v.wrong++
			v.note("checkpoint %d/%d: nothing begins or ends there", p[0], p[1])
		}
	}
}

// about is the group that a reset speaks of.
func (t turn) about() group {
	var why struct{ LastEventID string }
	if json.Unmarshal([]byte(t.message), &why) == nil {
		if g, err := readID(why.LastEventID); err == nil {
			return g.group()
		}
	}
	return t.from.group()
}

// stretch compares what came between the turns from and to, of which only the
// first and the last break the sequence.
func (s *subscriber) stretch(v *verdict, tr *truth, from, to int, told map[group][]turn) {
	got, end := s.records[s.turns[from].records:], at{file: math.MaxUint32}
	if to < len(s.turns) {
		got, end = s.records[s.turns[from].records:s.turns[to].records], s.turns[to].from.at
		if len(got) > 0 {
			end = got[len(got)-1].at // what lies between is what the reset speaks of
			end.row++
		}
	}
	s.span(v, tr, s.turns[from].from, end, got, told)
	for _, l := range tr.losses {
		begun := at{file: l.at[0], pos: l.at[1]}
		if s.wants(l.table) && begun.compare(s.turns[from].from.at) >= 0 && begun.compare(end) < 0 && told[l.at] == nil {
			v.missed++
			v.note("no reset for %s at %d/%d", l.text, l.at[0], l.at[1])
		}
	}
}

func (s *subscriber) wants(table int) bool { return slices.Contains(s.streams, table) }

// excused: the group gave reason for a reset to one of the subscription's streams.
func (s *subscriber) excused(tr *truth, t turn, about group) bool {
	return slices.ContainsFunc(s.streams, func(i int) bool { return s.reason(tr, t, about, i) })
}

// reason: the group has something of the table that had to become a reset, or could.
func (s *subscriber) reason(tr *truth, t turn, about group, table int) bool {
	if tr.orphans[about] {
		return true // it changed what the binlog lacks, by the server's own doing
	}
	if tr.lost[place{about, table}] {
		return true
	}
	i := tr.firstOf(at{file: about[0], pos: about[1]})
	for ; i < len(tr.facts) && tr.facts[i].at.group() == about; i++ {
		f := &tr.facts[i]
		if int(f.table) != table {
			continue
		}
		if _, judged := s.expected(f); !judged || tr.outdated(table, about, t.when) {
			return true
		}
	}
	return tr.tables[table].copyOnly && tr.outdated(table, about, t.when)
}

// outdated: without full metadata, what a table was before an ALTER can't be known after it.
func (tr *truth) outdated(table int, about group, when time.Time) bool {
	return slices.ContainsFunc(tr.alters[table], func(a alteration) bool { return a.at.compare(about) > 0 && !a.when.After(when) })
}

// firstOf is the first fact at that place or after it.
func (tr *truth) firstOf(from at) int {
	return sort.Search(len(tr.facts), func(i int) bool { return tr.facts[i].at.compare(from) >= 0 })
}

// span compares the facts after a checkpoint, before end, with what came.
func (s *subscriber) span(v *verdict, tr *truth, from id, end at, got []record, told map[group][]turn) {
	k := 0
	for i := tr.firstOf(at{file: from.file, pos: from.pos}); i < len(tr.facts) && tr.facts[i].at.compare(end) < 0; i++ {
		f := &tr.facts[i]
		if !s.wants(int(f.table)) {
			continue
		}
		want, judged := s.expected(f)
		if !judged && told[f.at.group()] == nil {
			v.missed++
			v.note("no reset for %s, which can't be judged for %q", tr.describe(f), s.binds[int(f.table)])
		}
		if want == 0 {
			continue
		}
		// A reset said that this stream has lost something in the group.
		excused := slices.ContainsFunc(told[f.at.group()], func(t turn) bool { return s.reason(tr, t, f.at.group(), int(f.table)) })
		if k < len(got) && fits(f, got[k]) && got[k].table == int(f.table) && !(excused && got[k].hash != want) {
			if got[k].hash != want {
				v.wrong++
				v.note("%v of %s: not what the binlog says, which is %s", got[k].at, s.tables[f.table].full(), tr.describe(f))
			}
			k++
			continue
		}
		if k < len(got) && !tr.groups[got[k].at.group()] {
			v.wrong++
			v.note("%v: no group begins there", got[k].at)
			k++
			i--
			continue
		}
		if k < len(got) && got[k].at.compare(f.at) < 0 {
			s.surplus(v, got, k)
			k++
			i--
			continue
		}
		if excused { // of a statement, what came may be any of the rows that follow
			continue
		}
		v.lost++
		v.note("lost %s; next came %v", tr.describe(f), peek(got, k))
	}
	for ; k < len(got); k++ {
		s.surplus(v, got, k)
	}
}

// describe is for people.
func (tr *truth) describe(f *fact) string {
	return fmt.Sprintf("%s of %s at %v (event up to %d; where: %v, then %v)", opNames[f.op], tr.tables[f.table].full(), f.at, f.lastEvent, f.old, f.now)
}

func peek(got []record, k int) string {
	if k < len(got) {
		return fmt.Sprint(got[k].at)
	}
	return "nothing"
}

// fits: the id is that of the fact, as far as mysqlbinlog shows it.
func fits(f *fact, r record) bool {
	if r.at.file != f.at.file || r.at.pos != f.at.pos || r.at.event < f.at.event || r.at.event > f.lastEvent {
		return false
	}
	if f.at.event == f.lastEvent {
		return r.at.row == f.at.row
	}
	return r.at.row <= f.at.row
}

// surplus is an event that nothing in the truth accounts for at its place.
func (s *subscriber) surplus(v *verdict, got []record, k int) {
	if k > 0 && got[k].at.compare(got[k-1].at) <= 0 {
		if got[k].at == got[k-1].at {
			v.repeated++
			v.note("repeated %v", got[k].at)
			return
		}
		v.reordered++
		v.note("%v came after %v", got[k].at, got[k-1].at)
		return
	}
	v.repeated++
	v.note("%v has no change of its own in the binlog", got[k].at)
}

// TestJudgeAfterReset: a reset in the midst of a statement excuses rows that did not come.
// It excuses none that say something else, or come twice, or in another order.
func TestJudgeAfterReset(t *testing.T) {
	begins, of := group{1, 50}, group{1, 100}
	tr := &truth{schema: plainTables(), groups: map[group]bool{begins: true, of: true}, bounds: map[group]bool{begins: true},
		lineage: map[uint32]uint32{1: 7}, lost: map[place]bool{{of, 0}: true}}
	for row := range uint32(4) { // of one statement, in events 0 to 3
		tr.facts = append(tr.facts, fact{at: at{1, 100, 0, row}, lastEvent: 3, hash: [3]uint64{opInsert: uint64(row) + 1}})
	}
	for _, c := range []struct {
		came string
		rows []uint64
		told bool
		good bool
	}{
		{"all", []uint64{1, 2, 3, 4}, true, true},
		{"the last two, after a reset", []uint64{3, 4}, true, true},
		{"the second and the last, after a reset", []uint64{2, 4}, true, true},
		{"the last two, without a reset", []uint64{3, 4}, false, false},
		{"a row that is none, after a reset", []uint64{9, 4}, true, false},
		{"one row twice, after a reset", []uint64{3, 3}, true, false},
		{"two in another order, after a reset", []uint64{4, 3}, true, false},
	} {
		s := newSubscriber(tr.schema, c.came, nil, t.Errorf)
		s.streams, s.lineage = []int{0}, map[uint32]uint32{1: 7}
		s.turns = []turn{{from: id{at: at{file: 1, pos: 50}, lineage: 7}}}
		if c.told {
			s.turns = append(s.turns, turn{from: id{at: at{file: 1, pos: 100}, change: true, lineage: 7}, reason: "schema",
				message: `{"lastEventId":"binlog.000001/100~00000007"}`})
		}
		for n, hash := range c.rows {
			s.records = append(s.records, record{at: at{1, 100, 3, uint32(n)}, hash: hash})
		}
		if c.rows[0] == 1 {
			s.records[0].at.event = 0
		}
		if v := s.verify(tr, nil); v.bad() == c.good {
			t.Errorf("%s: %+v", c.came, v)
		}
	}
}
