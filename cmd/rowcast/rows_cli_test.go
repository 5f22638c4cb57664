package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// tail --rows prints what a browser gets, and can be resumed after each line.
func TestTailRows(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		fillPicks(t, s, 30)
		exec(t, s, "INSERT INTO draft.teams VALUES (1, 'a'), (2, 'b'), (3, 'c')")
		config := rowsConfig(s, allPicks, someTeams, "name = \"draft.picks\"\nas = \"none\"")
		i := launch(t, config).ready(t)
		caughtUp(t, s, i)
		file := writeConfig(t, config)

		v := visit(t, i, "/events?table=picks&table=teams")
		v.until(t, func(e sseEvent) bool { return e.event == "ready" && !strings.Contains(e.id, "!") })
		var want []sseEvent
		for _, e := range v.blocks {
			if !e.checkpoint() {
				want = append(want, e)
			}
		}
		code, out, stderr := command(t, "tail", "--config", file, "--rows", "--until", "now", "picks", "teams")
		got := blocks(out)
		if code != 0 || stderr != "" || !sameEvents(got, want) {
			t.Fatalf("exit %d, %s\n got %v\nwant %v", code, stderr, got, want)
		}
		if strings.Contains(out, "retry") {
			t.Errorf("it prints what is for the connection: %s", out)
		}
		rowsOf := func(events []sseEvent) (list []string) {
			for _, e := range events {
				if strings.Contains(e.data, `"op":"row"`) {
					list = append(list, e.data)
				}
			}
			return list
		}
		for _, n := range []int{1, 7, 29, 30, 31, 32} { // within the rows of picks, after the last of them, and before the first of teams
			code, out, stderr := command(t, "tail", "--config", file, "--after", got[n].id, "--until", "now", "picks", "teams")
			rest := blocks(out)
			if code != 0 || stderr != "" || !slices.Equal(rowsOf(rest), rowsOf(got[n+1:])) || rest[len(rest)-1] != got[len(got)-1] {
				t.Errorf("after %s: exit %d, %s\n got %v\nwant %v", got[n].id, code, stderr, rest, got[n+1:])
			}
		}
		code, out, _ = command(t, "tail", "--config", file, "--rows", "--until", "now", "--format", "json", "teams")
		lines := strings.Split(strings.TrimSpace(out), "\n")
		var row struct {
			Data struct {
				Op  string
				Row struct{ Name string }
			}
		}
		if code != 0 || len(lines) != 4 || json.Unmarshal([]byte(lines[1]), &row) != nil || row.Data.Op != "row" || row.Data.Row.Name != "b" {
			t.Errorf("exit %d, %s", code, out)
		}
		// Mistakes.
		code, _, stderr = command(t, "tail", "--config", file, "--rows", "none")
		if code != 2 || !strings.Contains(stderr, "none") || !strings.Contains(stderr, "rows") {
			t.Errorf("without rows: exit %d, %s", code, stderr)
		}
		oneLineEach(t, stderr, 1)
		if code, _, stderr = command(t, "tail", "--config", file, "--rows", "--after", got[1].id, "picks"); code != 2 {
			t.Errorf("--rows and --after: exit %d, %s", code, stderr)
		}
		code, out, stderr = command(t, "tail", "--config", file, "--after", "binlog.000099/4!AAAA", "--until", "now", "picks")
		if code != 1 || !strings.Contains(out, "event: reset\ndata: {\"reason\":\"ahead\"") || strings.Contains(out, `"op":"row"`) {
			t.Errorf("exit %d, %s", code, out)
		}
		oneLineEach(t, stderr, 1)
	})
}

// tail --rows --until now beside writers is what SELECT says at its end.
func TestTailRowsExact(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		config := rowsConfig(s, allPicks)
		i := launch(t, config).ready(t)
		o := witness(t, i, "picks", "draft.picks", "")
		o.order = "id"
		fillPicks(t, s, 100)
		file := writeConfig(t, config)
		stop := write(t, s, 2, onPicks(150))
		var tails [][]sseEvent
		for range 5 {
			code, out, stderr := command(t, "tail", "--config", file, "--rows", "--until", "now", "picks")
			if code != 0 || stderr != "" {
				t.Fatalf("exit %d, %s", code, stderr)
			}
			tails = append(tails, blocks(out))
		}
		stop()
		insertLastPick(t, s, 1)
		o.close(t, lastPick)
		for _, got := range tails {
			last, err := position(got[len(got)-1].id)
			if err != nil {
				t.Fatal(err)
			}
			upTo := *o // what came up to its end
			for upTo.at[len(upTo.at)-1].Compare(last) > 0 {
				upTo.at, upTo.changes = upTo.at[:len(upTo.at)-1], upTo.changes[:len(upTo.at)-1]
			}
			if err := upTo.verify(got); err != nil {
				t.Error(err)
			}
		}
	})
}

// explain --key: why a row is among the rows, or is not.
func TestExplainRow(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		fillPicks(t, s, 30)
		exec(t, s, "CREATE TABLE draft.tags (name VARCHAR(20), bytes VARBINARY(9), at TIMESTAMP(3), kind ENUM('a', 'b'), big BIGINT UNSIGNED, d DECIMAL(9,2), note VARCHAR(9), PRIMARY KEY (name, bytes, at, kind, big, d))",
			"SET time_zone = '+00:00'", "INSERT INTO draft.tags VALUES ('o''b', x'00ff', '2026-01-02 03:04:05.678', 'b', 18446744073709551615, 1.50, 'it')")
		file := writeConfig(t, rowsConfig(s, allPicks, "name = \"draft.picks\"\nas = \"newest\"\nrows = 5\ncolumns = [\"id\", \"round\"]\nwhere = \"round >= :round AND player <> 'x'\"\nparams = { round = \"1\" }",
			"name = \"draft.tags\"\nas = \"tags\"\nrows = \"all\"", "name = \"draft.teams\"\nas = \"teams\""))
		explain := func(key string, more ...string) (int, string, string) {
			return command(t, append([]string{"explain", "--config", file, "--key", key}, more...)...)
		}
		for _, tc := range []struct {
			key    string
			args   []string
			code   int
			out    []string // each is in standard output
			stderr string
		}{
			{`{"id":7}`, []string{"picks"}, 0, []string{"row of draft.picks at binlog.", "picks: among the rows\n" + `{"op":"row","table":"draft.picks","key":{"id":7},"row":{"id":7,`}, ""},
			{`{"id":29}`, []string{"newest"}, 0, []string{"true; round is 4", "player is not shown", "newest: among the rows\n" + `{"op":"row","table":"draft.picks","key":{"id":29},"row":{"id":29,"round":4}}`}, ""},
			{`{"id":30}`, []string{"newest"}, 0, []string{"false; round is 0", "newest: not among the rows, since where does not match\n"}, ""},
			{`{"id":30}`, []string{"--param", "round=0", "newest"}, 0, []string{"newest: among the rows\n"}, ""},
			{`{"id":23}`, []string{"newest"}, 0, []string{"newest: not among the rows: 5 others come before it in the order `id` DESC\n"}, ""},
			{`{"id":24}`, []string{"newest"}, 0, []string{"newest: among the rows\n"}, ""},
			{`{"id":99}`, []string{"picks"}, 1, nil, "there is no row with the key {\"id\":99} in draft.picks"},
			{`{"n":1}`, []string{"picks"}, 1, nil, "n is not a column of the primary key of draft.picks (id)"},
			{`7`, []string{"picks"}, 1, nil, `as {"id":…}`},
			{`{"name":"o'b","bytes":"AP8=","at":"2026-01-02T03:04:05.678Z","kind":"b","big":18446744073709551615,"d":"1.50"}`, []string{"tags"}, 0, []string{"tags: among the rows\n", `"note":"it"`}, ""},
			{`{"name":"o'b"}`, []string{"tags"}, 1, nil, `as {"name":…,"bytes":…`},
			{`{"id":7}`, []string{"teams"}, 2, nil, "stream teams has no rows; set rows in its [[table]]"},
		} {
			code, out, stderr := explain(tc.key, tc.args...)
			for _, want := range tc.out {
				if !strings.Contains(out, want) {
					t.Errorf("%s %v lacks %q: %s", tc.key, tc.args, want, out)
				}
			}
			if code != tc.code || !strings.Contains(stderr, tc.stderr) || tc.stderr == "" && stderr != "" {
				t.Errorf("%s %v: exit %d, %s%s", tc.key, tc.args, code, out, stderr)
			}
		}
	})
}

// The names of this test's checks: what makes rows costly, or impossible, and its fix.
func TestCheckRows(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		exec(t, s, "CREATE TABLE draft.log (n INT, text VARCHAR(20))", "CREATE TABLE draft.old (id INT PRIMARY KEY) ENGINE = MyISAM")
		check := func(streams ...string) (int, string) {
			code, out, stderr := command(t, "check", "--config", writeConfig(t, rowsConfig(s, streams...)))
			if stderr != "" {
				t.Errorf("stderr: %s", stderr)
			}
			return code, out
		}
		code, out := check(allPicks, lastPicks, "name = \"draft.picks\"\nas = \"by-round\"\nrows = 5\norder = \"round\"",
			"name = \"draft.log\"\nas = \"log\"\nrows = \"all\"", "name = \"draft.picks\"\nas = \"of-team\"\nrows = 5\nwhere = \"team = 'Oilers'\"")
		for _, want := range []string{
			"warn  stream by-round: rows of draft.picks are sorted by `round`",
			"ALTER TABLE `draft`.`picks` ADD INDEX (`round`)",
			"warn  stream log: draft.log has no primary key",
			"warn  stream of-team: no index of draft.picks begins with a column that where names",
			"ok    stream picks: insert, update, delete of draft.picks",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("lacks %q", want)
			}
		}
		if code != 0 || strings.Contains(out, "warn  stream picks") || strings.Contains(out, "warn  stream last") {
			t.Errorf("exit %d\n%s", code, out)
		}
		// What can't have rows at all; serve does not start either.
		mistake := "name = \"draft.old\"\nas = \"old\"\nrows = \"all\""
		want := "table.rows: "
		if code, out = check(mistake); code != 1 || !strings.Contains(out, want) || !strings.Contains(out, "MyISAM") || !strings.Contains(out, "ALTER TABLE `draft`.`old` ENGINE = InnoDB") {
			t.Errorf("exit %d\n%s", code, out)
		}
		if code, _, stderr := command(t, "serve", "--config", writeConfig(t, rowsConfig(s, mistake))); code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("serve: exit %d, %s", code, stderr)
		}
		exec(t, s, "ALTER TABLE draft.picks ADD INDEX (round)", "ALTER TABLE draft.picks ADD INDEX (team)")
		if code, out = check("name = \"draft.picks\"\nas = \"by-round\"\nrows = 5\norder = \"round\"", "name = \"draft.picks\"\nas = \"of-team\"\nrows = 5\nwhere = \"team = 'Oilers'\""); code != 0 || strings.Contains(out, "warn  stream") {
			t.Errorf("with indexes: exit %d\n%s", code, out)
		}
	})
}
