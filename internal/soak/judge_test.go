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

// judge compares everybody's sequence, and the copy, with the truth.
func (f *fire) judge() {
	tr, err := readTruth(f.ctx, f.s)
	if err != nil {
		f.t.Fatal(err)
	}
	if len(tr.facts) == 0 || tr.xaGroups == 0 {
		f.t.Fatalf("the truth holds %d changes, %d XA transactions", len(tr.facts), tr.xaGroups)
	}
	r := f.report
	r.changes, r.configured, r.xa = tr.changes, len(tr.facts), tr.xaGroups
	for _, s := range f.subs {
		v := s.verify(tr, nil)
		r.verdict.add(v)
		r.disconnects += s.disconnects
		if v.bad() {
			f.t.Errorf("%s (streams %v, g %d): %d events, %d lost, %d repeated, %d reordered, %d wrong, %d resets: %s", s.name, s.streams, s.g,
				v.events, v.lost, v.repeated, v.reordered, v.wrong, v.resets, strings.Join(v.notes, "; "))
		}
		f.t.Logf("%s: %d events, %d connections %v, sent away %d times", s.name, v.events, s.connects, s.kinds, s.sentAway)
	}
	f.compareCopy(f.subs[0])
	r.faults = f.faults.counts
	for n := range f.faults.instances {
		for _, p := range []*proxy{f.faults.databases[n], f.faults.fronts[n]} {
			for name, count := range p.tricks {
				r.faults["proxy: "+name] += count
			}
		}
	}
}

// compareCopy: what a page would show is what SELECT says.
func (f *fire) compareCopy(s *subscriber) {
	if s.mirror.lost {
		return // judge has said whether there was a reason
	}
	for _, i := range s.streams {
		t := tables[i]
		if t.more != "" && f.faults.crash {
			continue // MyISAM loses rows in a crash that its binlog has
		}
		var exprs []string
		for _, c := range columns { // the text NULL is no NULL
			exprs = append(exprs, fmt.Sprintf("IF(%s IS NULL, 'null', CONCAT('=', %s))", c, c))
		}
		q := "SELECT " + strings.Join(exprs, ", ") + " FROM soak." + t.name
		if t.where {
			q += fmt.Sprintf(" WHERE g = %d", s.g)
		}
		result, err := f.s.Query(q)
		if err != nil {
			f.t.Fatal(err)
		}
		var rows []row
		for _, values := range result {
			r := make(row, len(values))
			for c, v := range values {
				if r[c] = v; v != "null" {
					r[c] = textValue(c, v[1:])
				}
			}
			rows = append(rows, r)
		}
		if diff := s.mirror.differs(t, rows); diff != "" {
			f.t.Errorf("the copy of %s is not the table: %s", t.name, diff)
		}
	}
}
