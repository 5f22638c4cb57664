package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

func insertPick(t testing.TB, s *throwaway.Server, round int, player string) {
	t.Helper()
	exec(t, s, fmt.Sprintf("INSERT INTO draft.picks (round, team, player) VALUES (%d, 'Oilers', '%s')", round, player))
}

// players are the names in the events' rows.
func players(t testing.TB, events []sseEvent) (names []string) {
	t.Helper()
	for _, e := range events {
		if e.event == "reset" {
			t.Fatalf("reset: %s", e.data)
		}
		names = append(names, e.row(t).Row["player"].(string))
	}
	return names
}

// numbered fails unless the players are p0, p1, … p(n-1).
func numbered(t testing.TB, got []string, n int) {
	t.Helper()
	for i := range max(n, len(got)) {
		if i >= len(got) || i >= n || got[i] != fmt.Sprintf("p%d", i) {
			t.Fatalf("event %d is wrong; want p0 to p%d, got %v", i, n-1, got)
		}
	}
}

func TestInsertUpdateDelete(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, configFor(s, twoStreams)).ready(t)
		c := subscribe(t, i.url+"/events/picks", "").begun(t)
		before := time.Now().Add(-2 * time.Second)
		insertPick(t, s, 1, "Jori \"Jo\" Lahtinen")
		exec(t, s, "UPDATE draft.picks SET round = 2", "DELETE FROM draft.picks")
		events := c.wait(t, 3)
		for n, want := range []string{
			`{"op":"insert","table":"draft.picks","key":{"id":1},"row":{"id":1,"round":1,"team":"Oilers","player":"Jori \"Jo\" Lahtinen"},"ts":`,
			`{"op":"update","table":"draft.picks","key":{"id":1},"row":{"id":1,"round":2,"team":"Oilers","player":"Jori \"Jo\" Lahtinen"},"ts":`,
			`{"op":"delete","table":"draft.picks","key":{"id":1},"ts":`,
		} {
			if !strings.HasPrefix(events[n].data, want) || events[n].event != "" || events[n].id == "" {
				t.Errorf("event %d: %+v\nwant data %s", n, events[n], want)
			}
			if ts := time.UnixMilli(events[n].row(t).TS); ts.Before(before) || ts.After(time.Now().Add(2*time.Second)) {
				t.Errorf("ts is %s", ts)
			}
		}
		if c.retry != "2000" || c.header.Get("Cache-Control") != "no-store, no-transform" {
			t.Errorf("retry %s, header %v", c.retry, c.header)
		}
		if code, text := get(t, i.admin+"/metrics"); code != 200 || !strings.Contains(text, "rowcast_") {
			t.Errorf("metrics: %d %s", code, text)
		}
	})
}

// A transaction of 300 changes is resumed after each of its ids.
func TestResumeAtEachID(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, configFor(s, twoStreams)).ready(t)
		c := subscribe(t, i.url+"/events/picks", "").begun(t)
		start := c.lastID()
		const n = 300
		sql := []string{"BEGIN"}
		for k := 0; k < n; k += 3 {
			sql = append(sql, fmt.Sprintf("INSERT INTO draft.picks (round, team, player) VALUES (1, 'a', 'p%d'), (1, 'a', 'p%d')", k, k+1),
				fmt.Sprintf("INSERT INTO draft.teams VALUES (%d, 'x')", k),
				fmt.Sprintf("INSERT INTO draft.picks (round, team, player) VALUES (1, 'a', 'p%d')", k+2))
		}
		exec(t, s, append(sql, "COMMIT")...)
		all := c.wait(t, n)
		numbered(t, players(t, all), n)
		for k, e := range append([]sseEvent{{id: start}}, all[:n-1]...) {
			r := subscribe(t, i.url+"/events/picks", e.id)
			rest := r.wait(t, n-k)
			if len(rest) != n-k || rest[0] != all[k] || rest[n-k-1] != all[n-1] {
				t.Fatalf("after %s: %d events from %v, want %d from %v", e.id, len(rest), rest[0], n-k, all[k])
			}
			r.close()
		}
		// Without the header, and with both: the header wins.
		q := "?lastEventId=" + url.QueryEscape(all[10].id)
		if rest := subscribe(t, i.url+"/events/picks"+q, "").wait(t, n-11); rest[0] != all[11] {
			t.Errorf("lastEventId resumes at %v", rest[0])
		}
		if rest := subscribe(t, i.url+"/events/picks"+q, all[20].id).wait(t, n-21); rest[0] != all[21] {
			t.Errorf("the header does not win: %v", rest[0])
		}
	})
}

// One client goes from instance to instance, each of which was started or
// stopped meanwhile, while rows come in all the time.
func TestRestartsAndInstancesExact(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		config := configFor(s, twoStreams)
		first := launch(t, config).ready(t)
		c := subscribe(t, first.url+"/events/picks", "").begun(t)
		last := c.lastID()
		c.close()

		const rounds, perRound = 6, 40
		var got []sseEvent
		instances := []*instance{first, launch(t, config)}
		for round := range rounds {
			written := make(chan error, 1) // so that the writer never waits
			go func() {
				for k := range perRound {
					sql := fmt.Sprintf("INSERT INTO draft.picks (round, team, player) VALUES (1, 'a', 'p%d')", round*perRound+k)
					if err := s.Exec(sql); err != nil {
						written <- err
						return
					}
				}
				written <- nil
			}()
			i := instances[round%2].ready(t)
			c := subscribe(t, i.url+"/events/picks", last)
			c.wait(t, perRound/2)
			if round%2 == 0 {
				c.close()
				i.cancel()
			} else if code := i.stop(); code != 0 {
				t.Errorf("exit %d", code)
			}
			events := c.data()
			got = append(got, events...)
			last = events[len(events)-1].id
			instances[round%2] = launch(t, config)
			if err := <-written; err != nil {
				t.Fatal(err)
			}
		}
		c = subscribe(t, instances[0].ready(t).url+"/events/picks", last)
		got = append(got, c.wait(t, rounds*perRound-len(got))...)
		numbered(t, players(t, got), rounds*perRound)
	})
}

func TestStreamsInOneOrder(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, configFor(s, twoStreams)).ready(t)
		c := subscribe(t, i.url+"/events?table=picks&table=teams", "").begun(t)
		var want []string
		for k := range 20 {
			exec(t, s, "BEGIN", fmt.Sprintf("INSERT INTO draft.teams VALUES (%d, 'x')", k),
				fmt.Sprintf("INSERT INTO draft.picks (round, team, player) VALUES (%d, 'a', 'b')", k), "COMMIT")
			want = append(want, "draft.teams", "draft.picks")
		}
		events := c.wait(t, len(want))
		for k, e := range events {
			if e.row(t).Table != want[k] {
				t.Fatalf("event %d is of %s", k, e.row(t).Table)
			}
		}
		rest := subscribe(t, i.url+"/events?table=teams&table=picks", events[6].id).wait(t, len(want)-7)
		if rest[0] != events[7] {
			t.Errorf("resumed at %v, want %v", rest[0], events[7])
		}
		if c := subscribe(t, i.url+"/events?table=picks&table=picks", ""); c.status != http.StatusBadRequest ||
			!strings.Contains(c.header.Get("Content-Type"), "application/problem+json") || !strings.Contains(c.body, "once is enough") {
			t.Errorf("a stream that is named twice: %d %s", c.status, c.body)
		}
		if c := subscribe(t, i.url+"/events/pick", ""); c.status != http.StatusNotFound || !strings.Contains(c.body, "picks") {
			t.Errorf("unknown stream: %d %s", c.status, c.body)
		}
	})
}

// The database stops, and is killed, while a client is connected.
func TestDatabaseRestarts(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, configFor(s, twoStreams)).ready(t)
		c := subscribe(t, i.url+"/events/picks", "").begun(t)
		n := 0
		for _, kill := range []bool{false, true} {
			for range 5 {
				insertPick(t, s, 1, fmt.Sprintf("p%d", n))
				n++
			}
			c.wait(t, n)
			if kill {
				if err := s.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			insertPick(t, s, 1, fmt.Sprintf("p%d", n))
			n++
		}
		events := c.wait(t, n)
		numbered(t, players(t, events), n)
		again := subscribe(t, i.ready(t).url+"/events/picks", events[0].id).wait(t, n-1)
		numbered(t, append([]string{"p0"}, players(t, again)...), n)
	})
}
