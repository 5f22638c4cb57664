package main

import (
	"slices"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

const unjudgedStreams = `
[[table]]
name = "draft.stock"
as = "month"
data = "row"
columns = ["id"]
where = "MONTH(d) = :m"
params = { m = "" }

[[table]]
name = "draft.stock"
as = "stock"
data = "row"
columns = ["id"]
where = "stock - reserved > :min"
params = { min = "" }

[[table]]
name = "draft.stock"
as = "more"
data = "row"
columns = ["id"]
where = "r > :r"
params = { r = "" }

[[table]]
name = "draft.stock"
as = "same"
data = "row"
columns = ["id"]
where = "r = :r"
params = { r = "" }
`

// TestUnjudgedParameters: a change that a clause with a parameter can't be judged
// for is a reset for that subscription, once for each transaction: live, from
// another rowcast's replay, and printed by tail. explain says so.
func TestUnjudgedParameters(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		exec(t, s, "SET SESSION sql_mode = ''", "CREATE TABLE draft.stock (id INT PRIMARY KEY, d DATE, stock BIGINT UNSIGNED, reserved BIGINT UNSIGNED, r VARCHAR(10))")
		config := configFor(s, unjudgedStreams)
		file := writeConfig(t, config)
		i := launch(t, config).ready(t)
		queries := []string{"month?m=0", "month?m=1", "stock?min=0", "more?r=abc", "same?r=abc"}
		var live []*sseClient
		for _, q := range queries {
			live = append(live, subscribe(t, i.url+"/events/"+q, "").begun(t))
		}
		start := live[0].lastID()
		exec(t, s, "INSERT INTO draft.stock VALUES (1, '2026-01-10', 5, 3, 'abc')",
			"BEGIN", "INSERT INTO draft.stock VALUES (2, '2026-00-10', 5, 3, 'abd')", "INSERT INTO draft.stock VALUES (3, '2026-00-11', 5, 3, 'abd')", "COMMIT",
			"UPDATE draft.stock SET reserved = 9 WHERE id = 1",
			"ALTER TABLE draft.stock MODIFY r INT",
			"INSERT INTO draft.stock VALUES (4, NULL, NULL, NULL, 0)")
		want := [][]string{
			{"reset"},
			{`{"id":1}`, "reset", `{"id":1}`},
			{`{"id":1}`, `{"id":2}`, `{"id":3}`, "reset"},
			{`{"id":2}`, `{"id":3}`, "reset"},
			{`{"id":1}`, `{"id":1}`, "reset"},
		}
		got := make([][]sseEvent, len(queries))
		for n, c := range live {
			got[n] = c.wait(t, len(want[n]))
			check(t, "live "+queries[n], got[n], want[n])
			for _, e := range got[n] {
				if e.event == "reset" && (!strings.Contains(e.data, `"reason":"schema"`) || !strings.Contains(e.data, "where can't be judged") || strings.Contains(e.data, "abc")) {
					t.Errorf("%s: %s", queries[n], e.data)
				}
			}
		}
		// SELECT has the rows that were not sent.
		for _, where := range []string{"MONTH(d) = 0", "r = 'abc'"} {
			if rows, err := s.Query("SELECT id FROM draft.stock WHERE " + where); err != nil || len(rows) == 0 {
				t.Errorf("%s: %v, %v", where, rows, err)
			}
		}
		i.stop()

		for n, q := range queries[:3] { // the others' parameter no longer fits the column: a request for them is refused
			i := launch(t, config).ready(t)
			again := subscribe(t, i.url+"/events/"+q, start).wait(t, len(want[n]))
			if !sameEvents(again, got[n]) {
				t.Errorf("%s from a replay: got %v, want %v", q, again, got[n])
			}
			i.stop()
			name, param, _ := strings.Cut(q, "?")
			code, out, stderr := command(t, "tail", "--config", file, "--after", start, "--until", "now", "--param", param, name)
			if code != 0 || !sameEvents(blocks(out), got[n]) {
				t.Errorf("tail %s: exit %d, %s\ngot %v, want %v", q, code, stderr, blocks(out), got[n])
			}
			code, out, stderr = command(t, "explain", "--config", file, "--at", got[n][slices.Index(want[n], "reset")].id, "--param", param, name)
			if code != 0 || !strings.Contains(out, "can't be judged: ") || !strings.Contains(out, name+": reset, since ") {
				t.Errorf("explain %s: exit %d, %s\n%s", q, code, stderr, out)
			}
			code, out, stderr = command(t, "explain", "--config", file, "--since", "1h", "--param", param, name)
			if code != 0 || !strings.Contains(out, "reset, since they can't be sent exactly") {
				t.Errorf("explain %s: exit %d, %s\n%s", q, code, stderr, out)
			}
		}
	})
}

// check compares events with what they should be: their data, or "reset".
func check(t testing.TB, what string, events []sseEvent, want []string) {
	t.Helper()
	var got []string
	for _, e := range events {
		if e.event == "reset" {
			got = append(got, "reset")
			continue
		}
		got = append(got, e.data)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
