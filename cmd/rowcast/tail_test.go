package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

func TestTail(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		config := configFor(s, twoStreams)
		file := writeConfig(t, config)
		i := launch(t, config).ready(t)
		c := subscribe(t, i.url+"/events?table=picks&table=teams", "").begun(t)
		start := c.lastID()
		for k := range 10 {
			insertPick(t, s, k, fmt.Sprintf("p%d", k))
			exec(t, s, fmt.Sprintf("INSERT INTO draft.teams VALUES (%d, 'x')", k))
		}
		want := c.wait(t, 20)

		// What it prints is what a browser got, and can be resumed after each line.
		code, out, stderr := command(t, "tail", "--config", file, "--after", start, "--until", "now", "picks", "teams")
		if got := blocks(out); code != 0 || stderr != "" || !sameEvents(got, want) {
			t.Fatalf("exit %d, %s\n got %v\nwant %v", code, stderr, got, want)
		}
		code, out, stderr = command(t, "tail", "--config", file, "--after", want[6].id, "--until", want[11].id, "picks", "teams")
		if got := blocks(out); code != 0 || !sameEvents(got, want[7:12]) {
			t.Errorf("exit %d, %s\n got %v\nwant %v", code, stderr, got, want[7:12])
		}
		code, out, stderr = command(t, "tail", "--config", file, "--after", start, "--until", "now", "--format", "json", "picks")
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if code != 0 || len(lines) != 10 {
			t.Fatalf("exit %d, %s\n%s", code, stderr, out)
		}
		var line struct {
			ID, Event string
			Data      struct{ Row struct{ Player string } }
		}
		if err := json.Unmarshal([]byte(lines[3]), &line); err != nil || line.ID != want[6].id || line.Event != "message" || line.Data.Row.Player != "p3" {
			t.Errorf("%s: %+v, %v", lines[3], line, err)
		}

		// An id that can't be served.
		code, out, stderr = command(t, "tail", "--config", file, "--after", "binlog.000099/4", "--until", "now", "picks")
		if code != 1 || !strings.Contains(out, "event: reset\ndata: {\"reason\":\"ahead\"") {
			t.Errorf("exit %d, %s", code, out)
		}
		oneLineEach(t, stderr, 1)
	})
}

func TestTailFollows(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		file := writeConfig(t, configFor(s, strings.Replace(twoStreams, `as = "picks"`, "as = \"picks\"\nwhere = \"round >= :round\"\nparams = { round = \"\" }", 1)))
		if code, _, stderr := command(t, "tail", "--config", file, "picks"); code != 2 || !strings.Contains(stderr, "--param") {
			t.Errorf("without the parameter: exit %d, %s", code, stderr)
		}
		ctx, cancel := context.WithCancel(t.Context())
		out, errs, done := &syncBuffer{}, &bytes.Buffer{}, make(chan int, 1) // so that its end never waits
		go func() {
			done <- run(ctx, []string{"tail", "--config", file, "--param", "round=5", "picks"}, out, errs, nil)
		}()
		poll(t, "an event", func() string {
			insertPick(t, s, 1, "low")
			insertPick(t, s, 9, "high")
			if out.String() == "" {
				return "nothing yet"
			}
			return ""
		})
		cancel()
		if code := <-done; code != 0 || errs.Len() > 0 || strings.Contains(out.String(), "low") || !strings.Contains(out.String(), "high") {
			t.Errorf("exit %d, %s, %s", code, errs, out)
		}
	})
}

// blocks takes tail's output apart.
func blocks(out string) (events []sseEvent) {
	for _, block := range strings.Split(strings.TrimSuffix(out, "\n\n"), "\n\n") {
		var e sseEvent
		for _, line := range strings.Split(block, "\n") {
			switch name, value, _ := strings.Cut(line, ": "); name {
			case "id":
				e.id = value
			case "event":
				e.event = value
			case "data":
				e.data += value
			}
		}
		events = append(events, e)
	}
	return events
}

func sameEvents(a, b []sseEvent) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestExplain(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		i := launch(t, configFor(s, twoStreams)).ready(t)
		c := subscribe(t, i.url+"/events/picks", "").begun(t)
		insertPick(t, s, 1, "low")
		insertPick(t, s, 9, "high")
		exec(t, s, "UPDATE draft.picks SET round = 0 WHERE player = 'high'", "DELETE FROM draft.picks WHERE player = 'low'")
		ids := c.wait(t, 4)
		file := writeConfig(t, configFor(s, "[[table]]\nname = \"draft.picks\"\nas = \"picks\"\n"+
			"columns = [\"id\", \"round\"]\nwhere = \"round >= 5 AND player <> 'x'\"\n"))

		code, out, stderr := command(t, "explain", "--config", file, "--at", ids[0].id, "picks")
		if code != 0 || !strings.Contains(out, "insert of draft.picks at "+ids[0].id) || !strings.Contains(out, "false; round is 1") ||
			!strings.Contains(out, "picks: not sent, since where does not match\n") || strings.Contains(out, "low") {
			t.Errorf("exit %d, %s%s", code, out, stderr)
		}
		code, out, stderr = command(t, "explain", "--config", file, "--at", ids[1].id, "picks")
		if code != 0 || !strings.Contains(out, "picks: sent as insert\n{\"op\":\"insert\"") || strings.Contains(out, "high") {
			t.Errorf("exit %d, %s%s", code, out, stderr)
		}
		code, out, stderr = command(t, "explain", "--config", file, "--at", ids[2].id, "picks")
		if code != 0 || !strings.Contains(out, "true before, false after; round was 9 and is 0") ||
			!strings.Contains(out, "picks: not sent; to this stream it is a delete, and on has insert, update\n") {
			t.Errorf("exit %d, %s%s", code, out, stderr)
		}
		code, out, stderr = command(t, "explain", "--config", file, "--since", "1h", "picks")
		if code != 0 || !strings.Contains(out, "4 changes of draft.picks\n  1 sent as insert\n  1 not sent: to this stream a delete, and on has insert, update\n") || strings.Contains(out, "high") {
			t.Errorf("exit %d, %s%s", code, out, stderr)
		}
		code, out, stderr = command(t, "explain", "--config", file, "--at", strings.Replace(ids[0].id, "/0.0", "/7.7", 1), "picks")
		if code != 1 || out != "" || !strings.Contains(stderr, "there is no change") {
			t.Errorf("exit %d, %s%s", code, out, stderr)
		}
		oneLineEach(t, stderr, 1)
	})
}

// TestTailResets: a reset that belongs to the last group, or to what --after
// leaves out of its group, is printed as a browser would get it.
func TestTailResets(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		exec(t, s, "CREATE TABLE draft.days (id INT PRIMARY KEY, day DATE)")
		file := writeConfig(t, configFor(s, twoStreams+"\n[[table]]\nname = \"draft.days\"\nas = \"days\"\nwhere = \"YEAR(day) > 1990\"\n"))
		begin := func() string {
			i := launch(t, configFor(s, twoStreams)).ready(t)
			if _, text := get(t, i.url+"/streams"); !strings.Contains(text, `"player"`) {
				t.Errorf("the columns of a stream that sends all of them are not listed: %s", text)
			}
			return subscribe(t, i.url+"/events/picks", "").begun(t).lastID()
		}
		tail := func(stream, after string) []sseEvent {
			code, out, stderr := command(t, "tail", "--config", file, "--after", after, "--until", "now", stream)
			if code != 0 {
				t.Errorf("exit %d, %s", code, stderr)
			}
			return blocks(out)
		}
		start := begin()
		insertPick(t, s, 1, "a")
		exec(t, s, "TRUNCATE draft.picks")
		if got := tail("picks", start); len(got) != 2 || got[1].event != "reset" || !strings.Contains(got[1].data, "TRUNCATE") {
			t.Errorf("up to the TRUNCATE came %v", got)
		}
		start = begin()
		exec(t, s, "SET SESSION sql_mode = ''", "BEGIN", "INSERT INTO draft.days VALUES (1, '2026-01-01')", "INSERT INTO draft.days VALUES (2, '2026-00-00')",
			"INSERT INTO draft.days VALUES (3, '2026-01-03')", "INSERT INTO draft.days VALUES (4, '2026-01-04')", "COMMIT")
		all := tail("days", start)
		if len(all) != 4 || all[3].event != "reset" {
			t.Fatalf("of the transaction came %v", all)
		}
		if got := tail("days", all[1].id); !sameEvents(got, all[2:]) {
			t.Errorf("after its third row came %v, want %v", got, all[2:])
		}
		if got := tail("days", all[3].id); got[0].id != "" {
			t.Errorf("after the reset came %v", got)
		}
	})
}
