package soak

import (
	"fmt"
	"strings"
	"time"
)

// leaks: what is quiet again has what it had at first.
func (f *fire) leaks() {
	for n, i := range f.faults.instances {
		var goroutines, files int
		hinders := within(f.ctx, time.Minute, func() string {
			var err error
			if goroutines, files, err = i.footprint(f.ctx); err != nil {
				return err.Error()
			}
			if goroutines > f.baseGoroutines[n]+4 || files > f.baseFiles[n]+3 {
				return fmt.Sprintf("%d goroutines, %d files; at the start %d, %d", goroutines, files, f.baseGoroutines[n], f.baseFiles[n])
			}
			return ""
		})
		if hinders != "" {
			f.t.Errorf("%s leaks: %s\n%s", i.name, hinders, i.goroutines())
		}
		f.report.goroutines += goroutines
		f.report.baseline += f.baseGoroutines[n]
		f.report.files += files
		i.mu.Lock()
		i.sample()
		i.mu.Unlock()
		f.report.peak = max(f.report.peak, i.peak.Load())
	}
	hinders := within(f.ctx, time.Minute, func() string {
		if open := len(dumpThreads(f.s)); open != len(f.faults.instances) {
			return fmt.Sprintf("%d dump connections for %d instances", open, len(f.faults.instances))
		}
		return ""
	})
	if hinders != "" {
		f.t.Error(hinders)
	}
	if limit := int64(256 << 20); f.report.peak > limit && !raceEnabled {
		f.t.Errorf("rowcast's memory rose to %d MiB", f.report.peak>>20)
	}
}

// judge compares everybody's sequence, and the copies, with the truth.
func (f *fire) judge() {
	tr, err := readTruth(f.ctx, f.s, f.schema, f.known)
	if err != nil {
		f.t.Fatal(err)
	}
	if len(tr.facts) == 0 || tr.xaGroups == 0 && len(f.load.xaOf) > 0 {
		f.t.Fatalf("the truth holds %d changes, %d XA transactions", len(tr.facts), tr.xaGroups)
	}
	r := f.report
	r.changes, r.configured, r.xa = tr.changes, len(tr.facts), tr.xaGroups
	r.losses = len(tr.losses)
	for _, list := range tr.alters {
		r.alters += len(list)
	}
	for _, s := range f.subs {
		if s.gaveUp.Load() {
			continue // it has said why
		}
		if s.rows != nil {
			f.judgeRows(s, tr)
			continue
		}
		v := s.verify(tr, nil)
		r.verdict.add(v)
		r.disconnects += s.disconnects
		if v.bad() {
			f.t.Errorf("%s (streams %v, %v): %d events, %d lost, %d repeated, %d reordered, %d wrong, %d resets, %d of them unexpected, %d missed: %s", s.name, f.names(s.streams), s.binds,
				v.events, v.lost, v.repeated, v.reordered, v.wrong, v.resets, v.unexpected, v.missed, strings.Join(v.notes, "; "))
		}
		f.t.Logf("%s: %d events, %d resets, %d connections %v, sent away %d times", s.name, v.events, v.resets, s.connects, s.kinds, s.sentAway)
	}
	for _, s := range f.subs[:f.mirrors] {
		if !s.gaveUp.Load() {
			f.judgeCopy(s, tr)
		}
	}
	f.judgePredicates()
	r.faults = f.faults.counts
	for n := range f.faults.instances {
		for _, p := range []*proxy{f.faults.databases[n], f.faults.fronts[n]} {
			for name, count := range p.tricks {
				r.faults["proxy: "+name] += count
			}
		}
	}
}

func (f *fire) names(tables []int) (list []string) {
	for _, i := range tables {
		list = append(list, f.tables[i].full())
	}
	return list
}

// judgeCopy: what a page would show was what SELECT said, but where a reset had
// told it otherwise.
func (f *fire) judgeCopy(s *subscriber, tr *truth) {
	m := s.mirror
	f.report.copies += m.checked
	if m.next < f.quiet.count() || m.checked == 0 {
		f.t.Errorf("the copy of %s was compared at %d of %d places, %d tables in all", s.name, m.next, f.quiet.count(), m.checked)
	}
	shown := 0
	for _, d := range m.diffs {
		excused := false
		for n := max(1, d.from); n < d.upTo; n++ {
			t := s.turns[n]
			excused = excused || s.reason(tr, t, t.about(), d.table)
		}
		if excused {
			continue
		}
		f.report.verdict.differ++
		if shown++; shown <= 4 {
			f.t.Errorf("%s: the copy of %s is not the table at %d/%d, and no reset said so: %s", s.name, f.tables[d.table].full(), d.at.file, d.at.pos, d.text)
		}
	}
}

// judgePredicates: the judge's reading of each where is the server's.
func (f *fire) judgePredicates() {
	last := f.quiet.nth(f.quiet.count() - 1)
	for i, t := range f.tables {
		if t.where == nil || t.where == unsigned { // for some rows the SELECT would fail
			continue
		}
		for _, bind := range t.where.binds {
			rows, err := f.selectRows(t, " WHERE "+strings.ReplaceAll(t.where.text, ":"+t.where.param, "'"+bind+"'"))
			if err != nil {
				f.t.Fatal(err)
			}
			mine, _ := t.published(f.final[i], bind)
			servers := map[string]string{}
			for _, r := range rows {
				servers[r.pairs(t.key)] = r.pairs(t.send)
			}
			if diff := difference(mine, servers); diff != "" {
				f.t.Errorf("%s, %s = %s at %d/%d: the judge is not the server: %s", t.full(), t.where.param, bind, last.at.file, last.at.pos, diff)
			}
		}
	}
}
