package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// slowpoke is a subscriber that comes back from far away and reads slowly for a
// time, then as fast as it can.
type slowpoke struct {
	*subscriber
	perSecond int
	until     time.Time
}

// hurried reads so many bytes a second until a time, then everything.
type hurried struct {
	throttled
	until time.Time
}

func (h *hurried) Read(b []byte) (int, error) {
	if time.Now().After(h.until) {
		return h.r.Read(b)
	}
	return h.throttled.Read(b)
}

// TestSlowOnLanes: clients with ids far back read more slowly than the lane that
// they share. It has ended, and lingered, while they still have megabytes to take;
// the live log has evicted what they lack; and the config's streams change places
// under them, with parameters and without.
func TestSlowOnLanes(t *testing.T) {
	t.Parallel() // with the other slow ones: all of them wait most of the time
	p := plan(t)
	// A reload makes every client of a lane begin again elsewhere, sooner than the
	// lane's end would: one of the two servers has none while lanes linger.
	reloaded := throwaway.Flavors[p.rng("reloads", 0).IntN(len(throwaway.Flavors))]
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		// With the usual history a lane runs 8 MiB ahead of its fastest reader.
		l := newLoneOf(t, p, fireTables(), flavor, "retry = \"100ms\"\n")
		rng := l.p.rng("slowpokes", 0)
		list := l.slowpokes(rng)
		for range either(5, 25) {
			l.fill(rng, 1<<20)
			l.until(list[0].subscriber) // one has an id of its own in each stretch
			list = append(list[1:], list[0])
		}
		l.i.kill()
		l.start()
		l.reload(true) // a live log that was made by two configs takes over nothing of a lane
		ctx, stop := context.WithCancel(l.ctx)
		var all sync.WaitGroup
		defer func() { stop(); all.Wait() }()
		slow := either(50*time.Second, 3*time.Minute) // lanes linger for 30 s
		for _, s := range list {
			s.perSecond = 50_000 + s.rng.IntN(either(60_000, 450_000))
			s.until = time.Now().Add(slow)
			all.Go(func() { s.run(ctx, l.i.http) })
		}
		over := time.Now().Add(slow)
		for turn := 0; time.Now().Before(over); turn++ {
			if turn%4 == 3 && flavor == reloaded {
				l.reload(turn%8 == 7)
			}
			l.fill(rng, either(64<<10, 1<<20))
			pause(ctx, between(rng, time.Second, 3*time.Second))
		}
		end := l.end()
		eventually(t, either(3*time.Minute, 5*time.Minute), "everybody to come to the end", func() string {
			for _, s := range list {
				if r := s.reached.Load(); r < end {
					return fmt.Sprintf("%s is at %d/%d", s.name, r>>32, uint32(r))
				}
			}
			return ""
		})
		stop()
		all.Wait()
		tr := l.truth()
		slowest, events := 0, 0
		for _, s := range list {
			l.exact(s.subscriber, tr)
			events += len(s.records)
			slowest = max(slowest, s.connects)
		}
		t.Logf("%d clients, %d events, %d connections at most for one", len(list), events, slowest)
	})
}

// reload turns the order of the streams round, and waits until it is in force.
func (l *lone) reload(extra bool) {
	l.t.Helper()
	l.i.configure(l.t, l.config(extra)+fmt.Sprintf("# %v\n", time.Now()))
	eventually(l.t, time.Minute, "the new config", func() string {
		_, text, err := httpGet(l.ctx, l.i.url()+"/streams")
		if err != nil {
			return err.Error()
		}
		if strings.Contains(text, `"extra"`) != extra {
			return text
		}
		return ""
	})
}

// slowpokes are subscribers of one or more streams, each with a first id.
func (l *lone) slowpokes(rng *rand.Rand) (list []*slowpoke) {
	streams := l.streamed()
	for n := range either(24, 240) {
		var of []int
		for _, k := range rng.Perm(len(streams))[:1+rng.IntN(len(streams))] {
			of = append(of, streams[k])
		}
		s := &slowpoke{subscriber: newSubscriber(l.schema, fmt.Sprintf("slow client %d", n), l.p.rng("slow client", n), l.t.Errorf, of...)}
		s.bindAny()
		l.first(s.subscriber)
		list = append(list, s)
	}
	return list
}

// first lets a subscriber come for its first id.
func (l *lone) first(s *subscriber) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.ctx, 20*time.Second)
	defer cancel()
	resp, err := s.open(ctx, l.i.http, "plain", "text/event-stream", "")
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	in := newSSE(resp.Body)
	var b block
	for s.lastID == "" && err == nil {
		if err = in.next(&b); err == nil {
			err = s.take(&b)
		}
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// fill writes about so many bytes of rows to all tables.
func (l *lone) fill(rng *rand.Rand, bytes int) {
	l.t.Helper()
	w := &writer{load: &load{schema: l.schema, s: l.s, maxID: 1 << 20}, rng: rng}
	for written := 0; written < bytes; {
		t := l.tables[rng.IntN(len(l.tables))]
		var rows []string
		for range 50 {
			rows = append(rows, w.values(t, rng.IntN(w.maxID)))
		}
		q := w.insert("REPLACE INTO", t, rows...)
		written += len(q)
		if err := l.s.Exec("USE soak", "SET SESSION sql_mode = 'STRICT_TRANS_TABLES'", q); err != nil {
			l.t.Fatal(err)
		}
	}
}

// run connects again and again, as slowly as it is, until ctx ends.
func (s *slowpoke) run(ctx context.Context, addr string) {
	for ctx.Err() == nil {
		s.connects++
		err := s.connect(ctx, addr)
		if errors.Is(err, errBroken) {
			s.fail("%s: %v; before that: %v", s.name, err, s.recent)
			return
		}
		pause(ctx, between(s.rng, s.retry/2, max(s.retry, 10*time.Millisecond)))
	}
}

func (s *slowpoke) connect(ctx context.Context, addr string) error {
	resp, err := s.open(ctx, addr, "far", "text/event-stream", "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := judgeResponse(resp, "text/event-stream"); err != nil {
		return err
	}
	return s.read(&hurried{throttled{ctx: ctx, r: resp.Body, perSecond: s.perSecond}, s.until})
}
