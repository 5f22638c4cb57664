package soak

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// What the database no longer has can't be had exactly: one reset, with its
// reason, and exact again from there.

// resets fails unless the subscriber was told these reasons, one after the other.
func (l *lone) resets(s *subscriber, reasons ...string) {
	l.t.Helper()
	var got []string
	for _, turn := range s.turns[1:] {
		got = append(got, turn.reason)
	}
	if fmt.Sprint(got) != fmt.Sprint(reasons) {
		l.t.Errorf("%s: resets %v, want %v", s.name, got, reasons)
	}
}

// since compares what came after the last turn with the truth.
func (l *lone) since(s *subscriber, tr *truth) {
	l.t.Helper()
	last := s.turns[len(s.turns)-1]
	after := &subscriber{schema: s.schema, name: s.name, streams: s.streams, lineage: s.lineage, records: s.records[last.records:], turns: []turn{{from: last.from}}}
	l.exact(after, tr)
}

func (l *lone) purge() {
	l.t.Helper()
	file, _, err := binlogEnd(l.s)
	if err == nil {
		err = l.s.Exec("PURGE BINARY LOGS TO '" + file + "'")
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lone) flush() {
	l.t.Helper()
	if err := l.s.Exec("FLUSH BINARY LOGS"); err != nil {
		l.t.Fatal(err)
	}
}

// TestPurgedWhileAway: the binlog after an id was purged while its client was
// away and rowcast, restarted, holds nothing either.
func TestPurgedWhileAway(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		l := newLone(t, flavor, "")
		away, kept := l.subscriber("away", 0), l.subscriber("kept", 1)
		l.until(away)
		l.insert(20)
		l.flush()
		l.until(l.subscriber("witness", 2)) // rowcast has read it all: who comes now begins after it
		l.until(kept)
		l.insert(20)
		l.i.kill()
		l.purge()
		l.start()
		l.until(away)
		l.until(kept)
		l.insert(20)
		l.until(away)
		l.until(kept)
		l.resets(away, "purged")
		l.resets(kept)
		tr := l.truth()
		l.since(away, tr)
		l.exact(kept, tr)
	})
}

// TestPurgedUnderReplay: the files that a slow replay reads are purged meanwhile.
// It may go on, or end in a reset; it may not skip.
func TestPurgedUnderReplay(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		l := newLone(t, flavor, "history = \"64KiB\"\n")
		slow := l.subscriber("slow", 0)
		l.until(slow)
		for range 12 {
			for range 20 {
				l.insert(10)
			}
			l.flush()
		}
		before := l.truth()
		ctx, stop := context.WithCancel(l.ctx)
		var wg sync.WaitGroup
		wg.Go(func() {
			if resp, err := slow.open(ctx, l.i.http, "slow", "text/event-stream", ""); err == nil {
				_ = slow.read(&throttled{ctx: ctx, r: resp.Body, perSecond: 100_000})
				resp.Body.Close()
			}
		})
		eventually(t, time.Minute, "the replay", func() string {
			if slow.events.Load() < 300 {
				return "too few events"
			}
			return ""
		})
		l.purge()
		pause(ctx, 500*time.Millisecond)
		l.db.cutAll() // the server lets go of files that it had open
		pause(ctx, either(2*time.Second, 5*time.Second))
		stop()
		wg.Wait()
		l.insert(5)
		l.until(slow)
		after := l.truth()
		for _, f := range after.facts {
			if f.at.compare(before.facts[len(before.facts)-1].at) > 0 {
				before.facts = append(before.facts, f)
			}
		}
		maps.Copy(before.lineage, after.lineage)
		maps.Copy(before.groups, after.groups)
		maps.Copy(before.bounds, after.bounds)
		v := slow.verify(before, map[string]bool{"purged": true, "slow": true})
		if v.bad() || v.resets > 1 {
			t.Errorf("%d events, %d lost, %d resets: %v", v.events, v.lost, v.resets, v.notes)
		}
		t.Logf("%d of %d events, %d resets", v.events, len(before.facts), v.resets)
	})
}

// TestReset: RESET begins another binlog under the same names.
func TestReset(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		l := newLone(t, flavor, "")
		away, there := l.subscriber("away", 0), l.subscriber("there", 1)
		l.until(away)
		ctx, stop := context.WithCancel(l.ctx)
		storm, over := context.WithCancel(l.ctx)
		over()
		var wg sync.WaitGroup
		wg.Go(func() { there.run(ctx, storm, []string{l.i.http}) })
		defer func() { stop(); wg.Wait() }()
		eventually(t, time.Minute, "a subscriber", func() string {
			if there.reached.Load() == 0 {
				return "not there"
			}
			return ""
		})
		l.insert(20)
		l.until(away)
		pause(ctx, 1100*time.Millisecond) // a lineage is a time in seconds
		_, old, err := binlogEnd(l.s)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Minute, "the other to have all as well", func() string {
			if r := there.reached.Load(); uint32(r) != old {
				return fmt.Sprintf("at %d", uint32(r))
			}
			return ""
		})
		if err := l.s.ResetBinlog(); err != nil {
			t.Fatal(err)
		}
		// Neither server ends a dump at RESET: it stands still until the new file
		// is longer than the old one was, or until it connects anew.
		l.db.cutAll()
		eventually(t, time.Minute, "the reset of a client that is connected", func() string {
			if r := there.reached.Load(); uint32(r) >= old {
				return fmt.Sprintf("at %d/%d", r>>32, uint32(r))
			}
			return ""
		})
		l.insert(3)
		l.until(away)
		l.insert(20)
		l.until(away)
		stop()
		wg.Wait()
		l.until(there)
		l.resets(away, "foreign")
		l.resets(there, "foreign")
		l.since(away, l.truth())
		l.since(there, l.truth())
	})
}

// TestLostTail: the server forgets its newest transactions in a crash, as an
// unsynced binlog does, and goes on without them.
func TestLostTail(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		l := newLone(t, flavor, "")
		s := l.subscriber("reader", 0)
		l.until(s)
		l.insert(20)
		file, pos, err := binlogEnd(l.s)
		if err != nil {
			t.Fatal(err)
		}
		l.insert(20)
		l.until(s)
		if err := l.s.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(l.s.DataDir(), file), int64(pos)); err != nil {
			t.Fatal(err)
		}
		if err := l.s.Restart(l.ctx); err != nil {
			t.Fatal(err)
		}
		l.n += 100
		l.insert(20)
		if hinders := l.i.ready(l.ctx, time.Minute); hinders != "" {
			t.Fatal(hinders)
		}
		l.until(s)
		l.resets(s, "ahead")
		l.insert(5)
		l.until(s)
		l.since(s, l.truth())
	})
}
