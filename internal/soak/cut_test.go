package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// lone is a server, a proxy before it and one rowcast, for tests of one failure.
type lone struct {
	*schema
	t   *testing.T
	ctx context.Context
	s   *throwaway.Server
	db  *proxy
	i   *instance
	n   int // rows written

	config func(extra bool) string
	p      *planner
}

func newLone(t *testing.T, flavor throwaway.Flavor, more string, args ...string) *lone {
	return newLoneOf(t, plan(t), plainTables(), flavor, more, args...)
}

func newLoneOf(t *testing.T, p *planner, tables *schema, flavor throwaway.Flavor, more string, args ...string) *lone {
	program(t)
	s := throwaway.Test(t, flavor, append([]string{"--binlog-row-metadata=FULL"}, args...)...)
	if err := s.Exec(tables.sql()...); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(more, "retry") {
		more += "retry = \"50ms\"\n"
	}
	l := &lone{schema: tables, t: t, ctx: t.Context(), s: s, p: p, db: newProxy(t, s.Addr(), nil)}
	l.config = func(extra bool) string {
		return fmt.Sprintf("[source]\naddr = %q\nuser = %q\npassword = %q\ntls = \"off\"\n[stream]\nheartbeat = \"200ms\"\n%s%s",
			l.db.addr(), s.User(), s.Password(), more, tables.config(extra))
	}
	l.i = newInstance(t, "lone-"+string(flavor), l.config(false))
	l.start()
	return l
}

func (l *lone) start() {
	l.t.Helper()
	if err := l.i.start(); err != nil {
		l.t.Fatal(err)
	}
	if hinders := l.i.ready(l.ctx, time.Minute); hinders != "" {
		l.t.Fatal(hinders)
	}
}

// subscriber of a and b.
func (l *lone) subscriber(name string, n int) *subscriber {
	return newSubscriber(l.schema, name, l.p.rng(name, n), l.t.Errorf, 0, 1)
}

// insert writes a transaction of rows of a, b and an unconfigured table.
func (l *lone) insert(rows int) {
	l.t.Helper()
	sql := []string{"BEGIN"}
	for range rows {
		l.n++
		for _, name := range []string{"soak.a", "soak.x", "soak.b"} {
			sql = append(sql, fmt.Sprintf("INSERT INTO %s (id, g, v) VALUES (%d, 1, 'row %d')", name, l.n, l.n))
		}
	}
	if err := l.s.Exec(append(sql, "COMMIT")...); err != nil {
		l.t.Fatal(err)
	}
}

// until lets a subscriber read, calmly, until it has come to the binlog's end.
func (l *lone) until(s *subscriber) {
	l.t.Helper()
	end := l.end()
	ctx, stop := context.WithCancel(l.ctx)
	storm, over := context.WithCancel(l.ctx)
	over()
	var wg sync.WaitGroup
	wg.Go(func() { s.run(ctx, storm, []string{l.i.http}) })
	hinders := within(l.ctx, time.Minute, func() string {
		if r := s.reached.Load(); r != end {
			return fmt.Sprintf("%s is at %d/%d, the binlog ends at %d/%d", s.name, r>>32, uint32(r), end>>32, uint32(end))
		}
		return ""
	})
	stop()
	wg.Wait()
	if hinders != "" {
		l.t.Fatal(hinders)
	}
}

// end is where the binlog ends, as subscribers' reached has it.
func (l *lone) end() uint64 {
	l.t.Helper()
	file, pos, err := binlogEnd(l.s)
	if err != nil {
		l.t.Fatal(err)
	}
	var number uint64
	if _, err := fmt.Sscanf(file, "binlog.%d", &number); err != nil {
		l.t.Fatal(err)
	}
	return number<<32 | uint64(pos)
}

func (l *lone) truth() *truth {
	l.t.Helper()
	tr, err := readTruth(l.ctx, l.s, l.schema, &statements{})
	if err != nil {
		l.t.Fatal(err)
	}
	return tr
}

func (l *lone) exact(s *subscriber, tr *truth) {
	l.t.Helper()
	if v := s.verify(tr, nil); v.bad() || v.events == 0 {
		l.t.Errorf("%s: %d events, %d lost, %d repeated, %d reordered, %d wrong, %d resets, %d missed: %v", s.name, v.events, v.lost, v.repeated, v.reordered, v.wrong, v.resets, v.missed, v.notes)
	}
}

// TestCutAtEveryPacket: the connection to the database ends after each packet in
// turn, and within each.
func TestCutAtEveryPacket(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		l := newLone(t, flavor, "", "--binlog-row-event-max-size=256")
		s := l.subscriber("reader", 0)
		l.until(s)
		most := either(16, 150)
		l.db.mu.Lock()
		l.db.cuts = func(dump int) (int, bool) {
			// Every other dump gets further, so that none waits for long.
			if dump -= 2; dump%2 == 1 {
				return 64, false
			}
			if k := dump/2 + 2; k/2 <= most {
				return k / 2, k%2 == 1
			}
			return 0, false
		}
		l.db.mu.Unlock()
		l.db.cutAll()
		ctx, stop := context.WithCancel(l.ctx)
		storm, over := context.WithCancel(l.ctx)
		over()
		var wg sync.WaitGroup
		wg.Go(func() { s.run(ctx, storm, []string{l.i.http}) })
		deadline := time.Now().Add(5 * time.Minute)
		for int(l.db.dumps.Load()) < 4*most && time.Now().Before(deadline) {
			l.insert(1 + l.n%4)
			pause(l.ctx, 5*time.Millisecond)
		}
		stop()
		wg.Wait()
		t.Logf("%d dumps were cut, %d rows written", l.db.dumps.Load(), l.n)
		if l.db.dumps.Load() < int64(4*most) {
			t.Error("not every cut was made in time")
		}
		l.until(s)
		l.exact(s, l.truth())
	})
}

// TestCutAtEveryByte: the connection to the client ends after each byte in turn.
func TestCutAtEveryByte(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		l := newLone(t, flavor, "history = \"64KiB\"\n")
		s := l.subscriber("reader", 0)
		l.until(s)
		most := either(300, 3000)
		for l.n < most*most/200 { // so that there is always more to come than is read
			l.insert(5)
		}
		for n := range int64(most) {
			ctx, cancel := context.WithTimeout(l.ctx, 20*time.Second)
			resp, err := s.open(ctx, l.i.http, "plain", "text/event-stream", "")
			if err == nil {
				err = s.read(io.MultiReader(io.LimitReader(resp.Body, n), failing{}))
				resp.Body.Close()
			}
			cancel()
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("cut after %d bytes: %v", n, err)
			}
		}
		l.until(s)
		l.exact(s, l.truth())
	})
}
