package main

import (
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// An id that a person typed without its lineage gets it back with the first
// block; who comes while the database is away is sent away to come again, and
// who was there stays.
func TestTypedIDAndDatabaseAway(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, configFor(s, twoStreams)).ready(t)
		c := subscribe(t, i.url+"/events/picks", "").begun(t)
		insertPick(t, s, 1, "a")
		id := c.wait(t, 1)[0].id
		typed, _, _ := strings.Cut(id, "~")
		if got := subscribe(t, i.url+"/events/picks?lastEventId="+typed, "").begun(t).all()[0].id; got != id {
			t.Errorf("%s was answered with %s", typed, got)
		}

		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		poll(t, "rowcast to notice", func() string {
			status, body := get(t, i.url+"/readyz")
			if status == 503 {
				return ""
			}
			return body
		})
		away := subscribe(t, i.url+"/events/picks", id)
		away.until(t, "the end", func() bool { return away.ended })
		if away.status != 200 || away.retry == "" || len(away.all()) != 0 {
			t.Errorf("status %d, retry %q, events %v", away.status, away.retry, away.all())
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		insertPick(t, s, 1, "b")
		numbered := c.wait(t, 2)
		if c.ended || !strings.Contains(numbered[1].data, `"b"`) {
			t.Errorf("who was there got %v", numbered)
		}
	})
}
