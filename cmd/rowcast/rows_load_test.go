package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// metric is a number on [admin] /metrics.
func metric(t testing.TB, i *instance, name string) float64 {
	t.Helper()
	_, text := get(t, i.admin+"/metrics")
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("there is no metric %s:\n%s", name, text)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// selects counts the SELECTs of rows from draft.picks that the server has logged;
// those with LIMIT 0 hold its definition still.
func selects(t testing.TB, s *throwaway.Server) int {
	t.Helper()
	rows, err := s.Query("SELECT COUNT(*) FROM mysql.general_log WHERE user_host LIKE 'rowcast%' AND REPLACE(CONVERT(argument USING utf8mb4), '`', '') REGEXP 'SELECT.* FROM draft\\\\.picks' AND argument NOT LIKE '%LIMIT 0'")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(rows[0][0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// logQueries has the server keep every statement in mysql.general_log.
func logQueries(t testing.TB, s *throwaway.Server) {
	t.Helper()
	exec(t, s, "SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = ON")
}

// First visitors by the hundred cost the database one query, later ones none, and
// rows that are held follow the binlog.
func TestRowsCostOneQuery(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		fillPicks(t, s, 200)
		i := launch(t, rowsConfig(s, lastPicks)).ready(t)
		logQueries(t, s)
		const first, later = 500, 50
		open := func(n int) (list []*visitor) {
			// At once: each connection is made before the first has all of its rows.
			made := make(chan *sseClient, n) // one each
			for range n {
				go func() {
					c, err := openClient(i.url+"/events/last", "")
					if err != nil {
						t.Error(err)
					}
					made <- c
				}()
			}
			for range n {
				if c := <-made; c != nil {
					t.Cleanup(c.close)
					list = append(list, &visitor{path: "/events/last", on: i, conn: c})
				}
			}
			return list
		}
		wait := func(list []*visitor, newest string) {
			for _, v := range list {
				ready := v.untilReady(t)
				rows := v.rows()
				if len(rows) != 20 || !strings.Contains(rows[19].data, newest) || ready.id == "" {
					t.Fatalf("%d rows, the newest %+v", len(rows), rows[max(0, len(rows)-1):])
				}
			}
		}
		all := open(first)
		wait(all, `"p200"`)
		if n, m := selects(t, s), metric(t, i, "rowcast_rows_queries_total"); n != 1 || m != 1 {
			t.Errorf("%d visitors cost %d queries; the metric says %v", first, n, m)
		}
		more := open(later)
		wait(more, `"p200"`)
		insertPick(t, s, 1, "held")
		for _, v := range all {
			v.until(t, func(e sseEvent) bool { return strings.Contains(e.data, `"held"`) })
		}
		wait(open(later), `"held"`)
		// A deleted row of the held ones: the one before them must come from somewhere.
		exec(t, s, "DELETE FROM draft.picks WHERE player = 'held'")
		all[0].until(t, func(e sseEvent) bool { return strings.Contains(e.data, `"delete"`) })
		before := selects(t, s)
		wait(open(later), `"p200"`)
		if n := selects(t, s); before != 1 || n > 2 {
			t.Errorf("%d and then %d queries in all", before, n)
		}
		if sent, hits, held := metric(t, i, "rowcast_rows_sent_total"), metric(t, i, "rowcast_rows_hits_total"), metric(t, i, "rowcast_rows_held_bytes"); sent != 20*(first+3*later) || hits < first || held <= 0 || held > 64<<20 {
			t.Errorf("metrics: sent %v, hits %v, held %v", sent, hits, held)
		}
		if seconds := metric(t, i, "rowcast_rows_query_seconds_total"); seconds <= 0 || seconds > 60 {
			t.Errorf("queries took %v s", seconds)
		}
	})
}

// Each value of a parameter has rows of its own, and those who share one share a query.
func TestRowsByParameter(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		fillPicks(t, s, 100)
		exec(t, s, "UPDATE draft.picks SET team = CONCAT('t', id % 10)")
		i := launch(t, rowsConfig(s, "name = \"draft.picks\"\nas = \"team\"\nrows = 50\nwhere = \"team = :team AND round < 4\"\nparams = { team = \"t1\" }")).ready(t)
		logQueries(t, s)
		for range 2 {
			for n := range 10 {
				v := visit(t, i, fmt.Sprintf("/events/team?team=t%d", n))
				v.untilReady(t)
				want, err := s.Query(fmt.Sprintf("SELECT id FROM draft.picks WHERE team = 't%d' AND round < 4 ORDER BY id", n))
				if err != nil {
					t.Fatal(err)
				}
				rows := v.rows()
				if len(rows) != len(want) {
					t.Fatalf("team t%d: %d rows, want %d", n, len(rows), len(want))
				}
				for k, e := range rows {
					if fmt.Sprint(e.row(t).Row["id"]) != want[k][0] {
						t.Errorf("team t%d: row %d is %s", n, k, e.data)
					}
				}
			}
		}
		if n := selects(t, s); n != 10 {
			t.Errorf("%d queries for 10 teams", n)
		}
		// A value that would end the literal, were it put into SQL as it is.
		for _, team := range []string{"'", "\\", "' OR 1=1 -- ", "\\' OR 1=1 -- ", "x'; DROP TABLE draft.picks; --", "t1' COLLATE utf8mb4_bin OR '1"} {
			v := visit(t, i, "/events/team?team="+url.QueryEscape(team))
			v.untilReady(t)
			if len(v.rows()) != 0 {
				t.Errorf("team %q: %+v", team, v.rows())
			}
		}
		if c := subscribe(t, i.url+"/events/team?team=%BF%27", ""); c.status != http.StatusBadRequest {
			t.Errorf("bytes that are not UTF-8: %d %s", c.status, c.body)
		}
		visit(t, i, "/events/team?team=t2").untilReady(t)
	})
}

// While the table can't be read, visitors wait, or are sent away to come back; once it
// can, all of them get the rows, and hundreds of them cost few queries.
func TestRowsOfLockedTable(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		fillPicks(t, s, 10)
		i := launch(t, rowsConfig(s, lastPicks, someTeams, allPicks)).ready(t)
		conn, err := s.Conn()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Execute("LOCK TABLES draft.picks WRITE"); err != nil {
			t.Fatal(err)
		}
		var visitors []*visitor
		for n := range 20 {
			visitors = append(visitors, visit(t, i, []string{"/events/last", "/events/picks"}[n%2]))
		}
		// Those without rows, and those of other tables, notice nothing.
		none, other := subscribe(t, i.url+"/events/picks?rows=0", "").begun(t), visit(t, i, "/events/teams")
		exec(t, s, "INSERT INTO draft.teams VALUES (1, 'Oilers')")
		if code, text := get(t, i.url+"/readyz"); code != 200 {
			t.Errorf("readyz: %d %s", code, text)
		}
		if _, err := conn.Execute("INSERT INTO draft.picks VALUES (11, 1, 'a', 'b')"); err != nil {
			t.Fatal(err)
		}
		none.wait(t, 1)
		if _, err := conn.Execute("UNLOCK TABLES"); err != nil {
			t.Fatal(err)
		}
		for _, v := range append(visitors, other) {
			v.untilReady(t)
		}
		for _, v := range visitors {
			if rows := v.rows(); len(rows) != 11 && len(rows) != 10 { // and then an insert
				t.Errorf("%d rows", len(rows))
			}
		}
	})
}

// ALTER TABLE while visitors begin: what they get is the table, as one definition has it.
func TestRowsBesideAlter(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		config := rowsConfig(s, allPicks+"\ncolumns = [\"id\", \"round\", \"team\", \"player\"]")
		instances := []*instance{launch(t, config).ready(t), launch(t, config).ready(t)}
		o := witness(t, instances[0], "picks", "draft.picks", "")
		o.order = "id"
		fillPicks(t, s, 100)
		stop := write(t, s, 2, onPicks(150))
		alters := make(chan error, 1) // its end never waits for us
		done := make(chan struct{})
		go func() {
			tick := time.NewTicker(500 * time.Millisecond) // time enough to read the rows
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-done:
					alters <- nil
					return
				case <-tick.C:
				}
				sql := "ALTER TABLE draft.picks ADD COLUMN x INT NOT NULL DEFAULT 1 FIRST"
				if n%2 == 1 {
					sql = "ALTER TABLE draft.picks DROP COLUMN x"
				}
				if err := s.Exec(sql); err != nil {
					alters <- err
					return
				}
			}
		}()
		var visitors []*visitor
		for n := range 30 {
			v := visit(t, instances[n%2], "/events/picks")
			v.untilReady(t)
			visitors = append(visitors, v)
		}
		close(done)
		if err := <-alters; err != nil {
			t.Fatal(err)
		}
		stop()
		insertLastPick(t, s, 1)
		o.close(t, lastPick)
		for _, v := range visitors {
			v.untilMark(t, lastPick)
			if err := o.verify(v.blocks); err != nil {
				t.Error(err)
			}
		}
	})
}

// A large table: a client that stops reading in the midst of it holds no transaction
// open in the database, nor much memory, and gets all of it in the end.
func TestRowsOfLargeTable(t *testing.T) {
	bin := build(t)
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		const rows = 300_000
		s := draft(t, f)
		exec(t, s, "INSERT INTO draft.picks (round, team, player) VALUES (1, 'Oilers', REPEAT('x', 50))")
		for n := 1; n < rows; n *= 2 {
			exec(t, s, fmt.Sprintf("INSERT INTO draft.picks (round, team, player) SELECT round, team, player FROM draft.picks LIMIT %d", min(n, rows-n)))
		}
		p := spawnProgram(t, bin, rowsConfig(s, allPicks))
		before := peakMemory(t, p.PID())
		// What sockets hold is a tenth of it.
		body := bufio.NewReader(openStream(t, p.url+"/events/picks", "").Body)
		if _, err := body.ReadString('}'); err != nil { // the rows have begun
			t.Fatal(err)
		}
		poll(t, "the end of the transaction", func() string {
			open, err := s.Query("SELECT trx_started, trx_query FROM information_schema.innodb_trx")
			if err != nil {
				t.Fatal(err)
			}
			if len(open) > 0 {
				return fmt.Sprint(open)
			}
			return ""
		})
		write(t, s, 1, func(r *rand.Rand) string {
			return fmt.Sprintf("UPDATE draft.picks SET round = round + 1 WHERE id = %d", 1+r.IntN(rows))
		})
		got, changes, id := 0, 0, ""
		lines := bufio.NewScanner(body)
		for lines.Scan() && lines.Text() != "event: ready" {
			switch {
			case strings.HasPrefix(lines.Text(), "id: "):
				id = lines.Text()
			case strings.Contains(lines.Text(), `"op":"row"`):
				got++
			case strings.HasPrefix(lines.Text(), "data: "):
				changes++
			}
		}
		if got+1 < rows || got > rows || lines.Err() != nil { // of the first one the beginning is gone
			t.Errorf("%d rows of %d, and %d changes, up to %s: %v", got, rows, changes, id, lines.Err())
		}
		peak := peakMemory(t, p.PID())
		t.Logf("peak memory %d MiB, before %d MiB; %d changes came between rows", peak>>20, before>>20, changes)
		if peak > maxRowsPeak {
			t.Errorf("peak memory of %d MiB; at most %d", peak>>20, maxRowsPeak>>20)
		}
	})
}

// maxRowsPeak is half again what was measured; the rows are some 50 MB of blocks.
const maxRowsPeak = 64 << 20
