package stream

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// TestGroupBegunAgain: the source connects anew in the middle of a group. What
// could not be rendered before is told at its end, and a config that came in
// between waits for that.
func TestGroupBegunAgain(t *testing.T) {
	var got []string
	e := frame.NewEncoder(frame.NewCatalog(fakeRenderer{tables: []string{"picks"}}, nil), frame.Output{Frame: func(f *frame.Frame) error {
		m, _ := frame.Parse(f.Block)
		if f.Kind == frame.Reset {
			got = append(got, "reset "+m.ID)
		} else {
			got = append(got, m.Data)
		}
		return nil
	}})
	start, end := at(1, 4, fakeLineage), at(1, 500, fakeLineage)
	put := func(n int, value string) error {
		return e.Change(&cdc.Change{Pos: change(start, n, 0), Op: cdc.Insert, Table: &cdc.Table{Schema: "db", Name: "picks\x00" + value}})
	}
	err := errors.Join(e.Begin(start), put(0, "a"), put(1, "!no"))
	e.Swap(frame.NewCatalog(fakeRenderer{tables: []string{"picks"}, prefix: "new "}, nil))
	err = errors.Join(err, e.Checkpoint(start, time.Time{}), e.Begin(start), put(2, "b"), e.Checkpoint(end, time.Time{}),
		e.Begin(end), e.Change(&cdc.Change{Pos: change(end, 0, 0), Op: cdc.Insert, Table: &cdc.Table{Schema: "db", Name: "picks\x00c"}}))
	if err != nil {
		t.Fatal(err)
	}
	if list, want := strings.Join(got, ", "), "a, b, reset "+end.String()+", new c"; list != want {
		t.Errorf("%s, want %s", list, want)
	}
}

// TestResetsLogged: a table that fails for every row does not flood the log, and
// does not hide another stream's reset either.
func TestResetsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		e := frame.NewEncoder(frame.NewCatalog(fakeRenderer{tables: []string{"picks", "teams"}}, slog.New(slog.NewTextHandler(&log, nil))), frame.Output{Frame: func(*frame.Frame) error { return nil }})
		next := 4
		fails := func(table string) {
			pos := at(1, next, fakeLineage)
			next += 100
			if err := errors.Join(e.Begin(pos), e.Notice(cdc.Notice{At: pos, Schema: "db", Table: table, Message: "it is gone"})); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			fails("picks")
		}
		fails("teams")
		<-time.After(time.Second)
		fails("picks")
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "stream=picks") || !strings.Contains(lines[1], "stream=teams") || !strings.HasSuffix(lines[2], "resets=3") {
			t.Errorf("%s", log.String())
		}
	})
}
