package soak

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
)

// verdict counts what a subscriber's sequence has wrong.
type verdict struct {
	events, lost, repeated, reordered, wrong int
	resets, unexpected                       int
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
}

func (v *verdict) bad() bool {
	return v.lost+v.repeated+v.reordered+v.wrong+v.unexpected > 0
}

// expected is what the subscription must be told of a fact; 0: nothing.
func (s *subscriber) expected(f *fact) uint64 {
	t := tables[f.table]
	op := int(f.op)
	if t.where {
		old, now := op != opInsert && f.gOld == s.g, op != opDelete && f.gNew == s.g
		switch {
		case old && now:
		case now:
			op = opInsert
		case old:
			op = opDelete
		default:
			return 0
		}
	}
	if !t.ops[op] {
		return 0
	}
	return f.hash[op]
}

// verify compares what the subscriber got with the truth from its start up to
// end. allowed are reasons of resets that had to come.
func (s *subscriber) verify(tr *truth, allowed map[string]bool) (v verdict) {
	v.events = len(s.records)
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
	wants := map[uint8]bool{}
	for _, i := range s.streams {
		wants[uint8(i)] = true
	}
	for n, from := range s.turns {
		if n > 0 {
			v.resets++
			if _, ok := tr.hidden(from); !ok && !allowed[from.reason] {
				v.unexpected++
				v.note("reset %s", from.message)
			}
		}
		got := s.records[from.records:]
		end := at{file: math.MaxUint32}
		if n+1 < len(s.turns) {
			next := s.turns[n+1]
			got, end = s.records[from.records:next.records], next.from.at
			if len(got) > 0 {
				end = got[len(got)-1].at // what lies between is what the reset speaks of
				end.row++
			}
			if group, ok := tr.hidden(next); ok {
				end = group // what was before it has to have come
			}
		}
		s.span(&v, tr, wants, from.from, end, got)
	}
	return v
}

// hidden is the group that a reset speaks of, where that changed what the binlog
// lacks by the server's own doing.
func (tr *truth) hidden(t turn) (group at, ok bool) {
	var why struct{ LastEventID string }
	if json.Unmarshal([]byte(t.message), &why) != nil || t.reason != "schema" {
		return group, false
	}
	g, err := readID(why.LastEventID)
	return at{file: g.file, pos: g.pos}, err == nil && tr.orphans[[2]uint32{g.file, g.pos}]
}

// span compares the facts behind a checkpoint, before end, with what came.
func (s *subscriber) span(v *verdict, tr *truth, wants map[uint8]bool, from id, end at, got []record) {
	i := sort.Search(len(tr.facts), func(i int) bool { return tr.facts[i].at.compare(at{file: from.file, pos: from.pos}) >= 0 })
	k := 0
	for ; i < len(tr.facts) && tr.facts[i].at.compare(end) < 0; i++ {
		f := &tr.facts[i]
		if !wants[f.table] {
			continue
		}
		want := s.expected(f)
		if want == 0 {
			continue
		}
		if k < len(got) && fits(f, got[k]) {
			if got[k].hash != want {
				v.wrong++
				v.note("%v of %s: not what the binlog says, which is %s", got[k].at, tables[f.table].name, f)
			}
			k++
			continue
		}
		if k < len(got) && !tr.groups[[2]uint32{got[k].at.file, got[k].at.pos}] {
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
		v.lost++
		v.note("lost %s; next came %v", f, peek(got, k))
	}
	for ; k < len(got); k++ {
		s.surplus(v, got, k)
	}
}

// String is for people.
func (f *fact) String() string {
	return fmt.Sprintf("%s of %s at %v (event up to %d, g from %d to %d)", opNames[f.op], tables[f.table].name, f.at, f.lastEvent, f.gOld, f.gNew)
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
		v.note("%v came behind %v", got[k].at, got[k-1].at)
		return
	}
	v.repeated++
	v.note("%v has no change of its own in the binlog", got[k].at)
}
