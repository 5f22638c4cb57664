package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/internal/throwaway"
)

// rowsConfig publishes streams with rows, whose checkpoints come often.
func rowsConfig(s *throwaway.Server, streams ...string) string {
	text := "[stream]\nheartbeat = \"100ms\"\nretry = \"100ms\"\n"
	for _, stream := range streams {
		text += "[[table]]\non = [\"insert\", \"update\", \"delete\"]\n" + stream + "\n"
	}
	return configFor(s, text)
}

const (
	allPicks  = "name = \"draft.picks\"\nas = \"picks\"\nrows = \"all\""
	lastPicks = "name = \"draft.picks\"\nas = \"last\"\nrows = 20"
	someTeams = "name = \"draft.teams\"\nas = \"teams\"\nrows = 2"
)

// number is a column of a row, as a whole number.
func number(row, column string) int64 {
	var columns map[string]any
	decoder := json.NewDecoder(strings.NewReader(row))
	decoder.UseNumber()
	if decoder.Decode(&columns) != nil {
		return 0
	}
	value, _ := columns[column].(json.Number)
	n, _ := value.Int64()
	return n
}

// write has several connections write until stop is called: each statement that it
// gets from sql is a part of a transaction, one in ten of which is rolled back.
func write(t testing.TB, s *throwaway.Server, writers int, sql func(r *rand.Rand) string) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var wait sync.WaitGroup
	for w := range writers {
		conn, err := s.Conn()
		if err != nil {
			t.Fatal(err)
		}
		wait.Go(func() {
			defer conn.Close()
			r := rand.New(rand.NewPCG(uint64(w), 7))
			tick := time.NewTicker(3 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
				}
				statements := []string{"BEGIN"}
				for range 1 + r.IntN(4) {
					statements = append(statements, sql(r))
				}
				end := "COMMIT"
				if r.IntN(10) == 0 {
					end = "ROLLBACK"
				}
				for _, statement := range append(statements, end) {
					_, err := conn.Execute(statement)
					if err == nil {
						continue
					}
					said := new(mysql.MyError)
					if !errors.As(err, &said) || said.Code != mysql.ER_DUP_ENTRY && said.Code != mysql.ER_LOCK_DEADLOCK && said.Code != mysql.ER_LOCK_WAIT_TIMEOUT {
						t.Errorf("%s: %v", statement, err)
						return
					}
					if _, err := conn.Execute("ROLLBACK"); err != nil {
						t.Error(err)
						return
					}
					break
				}
			}
		})
	}
	var once sync.Once
	stop = func() { once.Do(func() { close(done); wait.Wait() }) }
	t.Cleanup(stop)
	return stop
}

// onPicks changes picks with keys up to n: inserts, updates of several rows, of
// keys, and deletes.
func onPicks(n int) func(r *rand.Rand) string {
	return func(r *rand.Rand) string {
		id := 1 + r.IntN(n)
		switch r.IntN(5) {
		case 0:
			return fmt.Sprintf("DELETE FROM draft.picks WHERE id = %d", id)
		case 1:
			return fmt.Sprintf("UPDATE draft.picks SET id = %d WHERE id = %d", 1+r.IntN(n), id)
		case 2:
			return fmt.Sprintf("UPDATE draft.picks SET round = round + 1 WHERE id BETWEEN %d AND %d", id, id+3)
		}
		return fmt.Sprintf("INSERT INTO draft.picks (id, round, team, player) VALUES (%d, %d, 'Oilers', 'p%d') ON DUPLICATE KEY UPDATE round = %[2]d",
			id, r.IntN(5), r.IntN(1000))
	}
}

// caughtUp waits until rowcast has read all that the database's binlog holds: rows are
// those of where it has come, and what is newer follows as changes.
func caughtUp(t testing.TB, s *throwaway.Server, i *instance) {
	t.Helper()
	sql := "SHOW MASTER STATUS"
	if s.Flavor() == throwaway.MySQL {
		sql = "SHOW BINARY LOG STATUS"
	}
	end, err := s.Query(sql)
	if err != nil {
		t.Fatal(err)
	}
	want := end[0][0] + "/" + end[0][1] + "~"
	poll(t, "rowcast to catch up with "+want, func() string {
		if _, text := get(t, i.url+"/readyz"); !strings.Contains(text, want) {
			return "it says: " + text
		}
		return ""
	})
}

// fillPicks inserts picks 1 to n.
func fillPicks(t testing.TB, s *throwaway.Server, n int) {
	t.Helper()
	for from := 1; from <= n; from += 1000 {
		var rows []string
		for id := from; id < from+1000 && id <= n; id++ {
			rows = append(rows, fmt.Sprintf("(%d, %d, 'Flames', 'p%d')", id, id%5, id))
		}
		exec(t, s, "INSERT INTO draft.picks (id, round, team, player) VALUES "+strings.Join(rows, ", "))
	}
}

// lastPick ends a test: nothing is written after it. Streams of one round see it too.
const lastPick = `"player":"the last"`

func insertLastPick(t testing.TB, s *throwaway.Server, round int) {
	t.Helper()
	exec(t, s, fmt.Sprintf("INSERT INTO draft.picks (id, round, team, player) VALUES (10000000, %d, 'Oilers', 'the last')", round))
}

// wantShown compares what a page shows at the end with what SELECT does.
func wantShown(t testing.TB, s *throwaway.Server, v *visitor, sql string, columns ...string) {
	t.Helper()
	shown := contents{}
	for _, e := range v.blocks {
		switch m, err := e.message(); {
		case e.data == "" || e.event == "reset" || e.event == "ready":
		case e.event == "rows":
			shown = contents{}
		case err != nil:
			t.Fatal(err)
		default:
			if err := shown.apply(m); err != nil {
				t.Fatalf("%+v: %v", e, err)
			}
		}
	}
	got := map[string]int{}
	for k := range shown {
		var row map[string]any
		decoder := json.NewDecoder(strings.NewReader(shown[k]))
		decoder.UseNumber()
		if err := decoder.Decode(&row); err != nil {
			t.Fatal(err)
		}
		var fields []string
		for _, column := range columns {
			fields = append(fields, fmt.Sprint(row[column]))
		}
		got[strings.Join(fields, "|")]++
	}
	want, err := s.Query(sql)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range want {
		got[strings.Join(row, "|")]--
	}
	for row, n := range got {
		if n != 0 {
			t.Errorf("the page shows %s %d times more than %s", row, n, sql)
		}
	}
}

// The blocks as the docs show them, and what ?rows= may say.
func TestRowsThenChanges(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		fillPicks(t, s, 5)
		i := launch(t, rowsConfig(s, "name = \"draft.picks\"\nas = \"three\"\nrows = 3", allPicks,
			"name = \"draft.picks\"\nas = \"rounds\"\nrows = 2\norder = \"round, team DESC\"",
			"name = \"draft.teams\"\nas = \"teams\"")).ready(t)

		c := subscribe(t, i.url+"/events/three", "")
		got := c.wait(t, 5)
		pick := func(op string, id int) string {
			return fmt.Sprintf(`{"op":%q,"table":"draft.picks","key":{"id":%d},"row":{"id":%[2]d,"round":%d,"team":"Flames","player":"p%[2]d"}`, op, id, id%5)
		}
		for n, want := range []sseEvent{
			{event: "rows", data: `{"stream":"three","reason":"start"}`},
			{data: pick("row", 3) + "}"}, {data: pick("row", 4) + "}"}, {data: pick("row", 5) + "}"},
			{event: "ready", data: `{"stream":"three","rows":3,"more":true}`},
		} {
			if got[n].event != want.event || got[n].data != want.data {
				t.Errorf("block %d is %+v, want %+v", n, got[n], want)
			}
		}
		if got[0].id != "" || !strings.Contains(got[1].id, "!") || strings.Contains(got[4].id, "!") || c.retry != "100" {
			t.Errorf("ids: %+v", got)
		}
		exec(t, s, "UPDATE draft.picks SET player = 'x' WHERE id = 1", "INSERT INTO draft.picks VALUES (6, 1, 'Flames', 'p6')")
		got = c.wait(t, 7)
		if got[5].row(t).Op != "update" || got[5].row(t).Row["id"] != 1. || !strings.HasPrefix(got[6].data, pick("insert", 6)+`,"ts":`) {
			t.Errorf("then %+v", got[5:])
		}

		for path, want := range map[string][]int64{
			"three":          {4, 5, 6},
			"three?rows=1":   {6},
			"three?rows=3":   {4, 5, 6},
			"picks":          {1, 2, 3, 4, 5, 6},
			"picks?rows=all": {1, 2, 3, 4, 5, 6},
			"picks?rows=2":   {5, 6},
			"rounds":         {5, 6}, // the key follows the direction of team: 6 before 1
		} {
			v := visit(t, i, "/events/"+path)
			ready := v.untilReady(t)
			var ids []int64
			for _, e := range v.rows() {
				m, err := e.message()
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, number(string(m.Row), "id"))
			}
			m, _ := ready.message()
			if fmt.Sprint(ids) != fmt.Sprint(want) || m.Rows != len(want) || m.More != (len(want) < 6) {
				t.Errorf("%s: %v, %+v, want %v", path, ids, m, want)
			}
			// With the ready's id nothing comes again.
			again := subscribe(t, i.url+"/events/"+path, ready.id).begun(t)
			exec(t, s, "UPDATE draft.picks SET player = CONCAT(player, 'x') WHERE id = 6")
			if first := again.wait(t, 1)[0]; first.event != "" || first.row(t).Op != "update" {
				t.Errorf("%s after the ready: %+v", path, first)
			}
			again.close()
			v.cut()
		}
		for n, path := range []string{"three?rows=0", "picks?rows=0", "teams", "teams?rows=0"} {
			c := subscribe(t, i.url+"/events/"+path, "").begun(t)
			exec(t, s, "UPDATE draft.picks SET player = CONCAT(player, 'y') WHERE id = 6", fmt.Sprintf("REPLACE INTO draft.teams VALUES (1, 'x%d')", n))
			if first := c.wait(t, 1)[0]; first.event != "" || first.row(t).Op == "row" {
				t.Errorf("%s begins with %+v", path, first)
			}
			c.close()
		}
		for _, path := range []string{"three?rows=4", "three?rows=all", "three?rows=-1", "three?rows=x", "three?rows=1.5", "three?rows=1&rows=1",
			"teams?rows=1", "teams?rows=all", "picks?rows=99999999999999999999"} {
			c := subscribe(t, i.url+"/events/"+path, "")
			if c.status != http.StatusBadRequest || c.header.Get("Content-Type") != "application/problem+json" || !strings.Contains(c.body, "rows") {
				t.Errorf("%s: %d %s %s", path, c.status, c.header.Get("Content-Type"), c.body)
			}
		}
		_, text := get(t, i.url+"/streams")
		for _, want := range []string{`"rows":"3"`, `"rows":"all"`, `"order":"round, team DESC"`} {
			if !strings.Contains(text, want) {
				t.Errorf("/streams lacks %s: %s", want, text)
			}
		}
	})
}

// Visitors of a small table begin, are cut anywhere and go on elsewhere, while rows
// come, change, move and go. At each ready, and from there on, they have the table.
func TestRowsExactUnderWriters(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		odd := "name = \"draft.picks\"\nas = \"round\"\nrows = \"all\"\nwhere = \"round = :round\"\nparams = { round = \"\" }"
		config := rowsConfig(s, allPicks, lastPicks, odd)
		instances := []*instance{launch(t, config).ready(t), launch(t, config).ready(t)}
		truths := []*truth{
			witness(t, instances[0], "picks", "draft.picks", ""),
			witness(t, instances[0], "last", "draft.picks", ""),
			witness(t, instances[0], "round", "draft.picks", "&round=3"),
		}
		truths[1].limit = 20
		fillPicks(t, s, 100)
		stop := write(t, s, 3, onPicks(150))
		r := rand.New(rand.NewPCG(1, 1))
		visitors := make([][]*visitor, len(truths)) // by truth
		for range 25 {
			for n, path := range []string{"/events/picks", "/events/last", "/events/round?round=3"} {
				v := visit(t, instances[r.IntN(2)], path)
				for range r.IntN(4) {
					for range r.IntN(120) {
						v.next(t)
					}
					v.cut()
					v.connect(t, instances[r.IntN(2)])
				}
				visitors[n] = append(visitors[n], v)
			}
		}
		stop()
		insertLastPick(t, s, 3)
		for n, o := range truths {
			o.order = "id"
			o.close(t, lastPick)
			for _, v := range visitors[n] {
				v.untilMark(t, lastPick)
				if err := o.verify(v.blocks); err != nil {
					t.Error(err)
				}
			}
		}
		for _, v := range visitors[0] {
			wantShown(t, s, v, "SELECT id, round, team, player FROM draft.picks", "id", "round", "team", "player")
		}
		wantShown(t, s, visitors[2][0], "SELECT id, round, team, player FROM draft.picks WHERE round = 3", "id", "round", "team", "player")
	})
}

// A client is cut off after each single block of the rows, and goes on at another
// instance: no row comes again.
func TestRowsResumeAfterEachRow(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		config := rowsConfig(s, allPicks)
		first, second := launch(t, config).ready(t), launch(t, config).ready(t)
		o := witness(t, first, "picks", "draft.picks", "")
		o.order = "id"
		const rows = 60
		fillPicks(t, s, rows)
		stop := write(t, s, 2, onPicks(2*rows))
		var visitors []*visitor
		for k := range rows + 2 {
			v := visit(t, first, "/events/picks")
			for range k {
				v.next(t)
			}
			v.cut()
			v.connect(t, second)
			v.untilReady(t)
			if n := v.begins(); k > 1 && n != 1 {
				t.Errorf("cut after %d blocks: the rows began %d times: %+v", k, n, v.blocks)
			}
			visitors = append(visitors, v)
		}
		stop()
		insertLastPick(t, s, 1)
		o.close(t, lastPick)
		for k, v := range visitors {
			v.untilMark(t, lastPick)
			if err := o.verify(v.blocks); err != nil {
				t.Errorf("cut after %d blocks: %v", k, err)
			}
		}
	})
}

// A table that is sent in many pieces, between which its sent rows change, to
// clients that are cut off now and then.
func TestRowsInChunks(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		exec(t, s, "ALTER TABLE draft.picks MODIFY player VARCHAR(3000) NOT NULL")
		config := rowsConfig(s, allPicks)
		instances := []*instance{launch(t, config).ready(t), launch(t, config).ready(t)}
		o := witness(t, instances[0], "picks", "draft.picks", "")
		o.order = "id"
		const rows = 20_000
		fillPicks(t, s, rows)
		exec(t, s, "UPDATE draft.picks SET player = CONCAT(player, REPEAT('x', 1000)) WHERE id % 3 = 0")
		stop := write(t, s, 3, onPicks(rows+rows/2))
		r := rand.New(rand.NewPCG(2, 2))
		var visitors []*visitor
		changes := 0 // that came between rows
		for range 4 {
			v := visit(t, instances[r.IntN(2)], "/events/picks")
			ready := false
			for n := 1; !ready; n++ {
				e := v.next(t)
				ready = e.event == "ready"
				if strings.Contains(e.id, "!") && strings.Contains(e.data, `"op":`) && !strings.Contains(e.data, `"op":"row"`) {
					changes++
				}
				if n%7000 == 0 && !ready {
					v.cut()
					v.connect(t, instances[r.IntN(2)])
				}
			}
			if n := v.begins(); n != 1 {
				t.Errorf("the rows began %d times", n)
			}
			visitors = append(visitors, v)
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
		if changes == 0 {
			t.Error("no change came between rows: this tests nothing")
		}
		wantShown(t, s, visitors[0], "SELECT id, round, team, player FROM draft.picks", "id", "round", "team", "player")
	})
}

// Streams on one connection: the rows of each in turn; those that are ready go on.
func TestRowsOfSeveralStreams(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		exec(t, s, "CREATE TABLE draft.players (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL)")
		config := rowsConfig(s, allPicks, someTeams, "name = \"draft.players\"\nas = \"players\"")
		first, second := launch(t, config).ready(t), launch(t, config).ready(t)
		picks, teams := witness(t, first, "picks", "draft.picks", ""), witness(t, first, "teams", "draft.teams", "")
		picks.order, teams.order, teams.limit = "id", "id", 2
		fillPicks(t, s, 30)
		exec(t, s, "INSERT INTO draft.teams VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')")
		onPick := onPicks(60)
		stop := write(t, s, 2, func(r *rand.Rand) string {
			switch r.IntN(3) {
			case 0:
				return fmt.Sprintf("INSERT INTO draft.teams VALUES (%d, 'x%d') ON DUPLICATE KEY UPDATE name = CONCAT('y', id + %[2]d)", r.IntN(9), r.IntN(100))
			case 1:
				return fmt.Sprintf("REPLACE INTO draft.players VALUES (%d, 'x%d')", r.IntN(9), r.IntN(100))
			}
			return onPick(r)
		})
		var visitors []*visitor
		for k := range 40 {
			v := visit(t, first, "/events?table=picks&table=teams&table=players")
			for range k {
				v.next(t)
			}
			v.cut()
			v.connect(t, second)
			visitors = append(visitors, v)
		}
		stop()
		exec(t, s, "DELETE FROM draft.teams WHERE id = 99", "REPLACE INTO draft.teams VALUES (99, 'the last')")
		insertLastPick(t, s, 1)
		picks.close(t, lastPick)
		teams.close(t, `"name":"the last"`)
		for k, v := range visitors {
			v.untilMark(t, lastPick)
			readies := map[string]bool{}
			for _, e := range v.blocks {
				if m, err := e.message(); err == nil && e.event == "ready" {
					readies[m.Stream] = true
				}
			}
			for !readies["picks"] || !readies["teams"] {
				m, err := v.untilReady(t).message()
				if err != nil {
					t.Fatal(err)
				}
				readies[m.Stream] = true
			}
			for _, o := range []*truth{picks, teams} {
				if err := o.verify(v.blocks); err != nil {
					t.Errorf("cut after %d blocks: %v", k, err)
				}
			}
			if readies["players"] {
				t.Error("a stream without rows has a ready")
			}
		}
	})
}

// After a reset the rows come again by themselves, also to a client that was cut off
// right after it, or that came with an id that can't be served.
func TestRowsAfterReset(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		fillPicks(t, s, 5)
		i := launch(t, rowsConfig(s, allPicks, someTeams)).ready(t)
		isReset := func(e sseEvent) bool { return e.event == "reset" }
		stays, leaves, none := visit(t, i, "/events/picks"), visit(t, i, "/events/picks"), visit(t, i, "/events/picks?rows=0")
		other := visit(t, i, "/events?table=picks&table=teams")
		for _, v := range []*visitor{stays, leaves, other} {
			v.untilReady(t)
		}
		none.next(t)
		exec(t, s, "TRUNCATE draft.picks")
		fillPicks(t, s, 3)
		leaves.until(t, isReset)
		leaves.cut()
		leaves.connect(t, i)
		garbage := &visitor{path: "/events/picks", id: "garbage"}
		garbage.connect(t, i)
		foreign := &visitor{path: "/events/picks", id: "binlog.000001/4~1!AAAA"}
		foreign.connect(t, i)
		for name, v := range map[string]*visitor{"stays": stays, "leaves": leaves, "garbage": garbage, "foreign": foreign, "several": other} {
			if name != "leaves" { // its reset came before the cut
				v.until(t, isReset)
			}
			ready := v.until(t, func(e sseEvent) bool { return e.event == "ready" && !strings.Contains(e.id, "!") }) // of the last stream
			resumed := &visitor{path: v.path, id: ready.id}
			resumed.connect(t, i)
			m, err := ready.message()
			if err != nil {
				t.Fatal(err)
			}
			if m.Stream == "picks" && (m.Rows != 3 || len(v.rows()) != 3) {
				t.Errorf("%s: %+v", name, v.blocks)
			}
			exec(t, s, "UPDATE draft.picks SET round = round + 1")
			v.until(t, func(e sseEvent) bool { return strings.Contains(e.data, `"op":"update"`) })
			resumed.until(t, func(e sseEvent) bool { return strings.Contains(e.data, `"op":"update"`) })
			if resumed.begins() != 0 {
				t.Errorf("%s: the rows come again after the ready: %+v", name, resumed.blocks)
			}
		}
		none.until(t, isReset)
		none.until(t, func(e sseEvent) bool { return strings.Contains(e.data, `"op":"update"`) })
		if none.begins() != 0 {
			t.Errorf("?rows=0 gets rows: %+v", none.blocks)
		}
	})
}

// A client is cut off in the midst of its rows, and comes back to an instance with
// another config: its id says how far it has come with rows that are others there.
func TestRowsUnderAnotherConfig(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		fillPicks(t, s, 30)
		exec(t, s, "INSERT INTO draft.teams VALUES (1, 'a'), (2, 'b'), (3, 'c')")
		const teams = "name = \"draft.teams\"\nas = \"teams\"\nrows = \"all\""
		first := launch(t, rowsConfig(s, allPicks, teams)).ready(t)
		for name, c := range map[string]struct {
			config string
			path   string
			cut    int            // after so many blocks
			want   map[string]int // rows of each table at the end
		}{
			"streams in another order": {rowsConfig(s, teams, allPicks), "/events?table=picks&table=teams", 10, map[string]int{"draft.picks": 30, "draft.teams": 3}},
			"between two streams":      {rowsConfig(s, teams, allPicks), "/events?table=picks&table=teams", 34, map[string]int{"draft.picks": 30, "draft.teams": 3}},
			"another where":            {rowsConfig(s, allPicks+"\nwhere = \"id > 12\"", teams), "/events/picks", 10, map[string]int{"draft.picks": 18}},
			"the same":                 {rowsConfig(s, allPicks, teams), "/events?table=picks&table=teams", 10, map[string]int{"draft.picks": 30, "draft.teams": 3}},
		} {
			second := launch(t, c.config).ready(t)
			v := visit(t, first, c.path)
			for range c.cut {
				v.next(t)
			}
			if !strings.Contains(v.id, "!") {
				t.Fatalf("%s: %s is not within the rows", name, v.id)
			}
			v.cut()
			v.connect(t, second)
			v.until(t, func(e sseEvent) bool { return e.event == "ready" && !strings.Contains(e.id, "!") })
			shown, again := map[string]contents{}, 0
			for _, e := range v.blocks {
				if e.checkpoint() || e.event == cutHere {
					continue
				}
				m, err := e.message()
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case e.event == "rows":
					shown["draft."+m.Stream] = contents{}
					if m.Reason == "config" {
						again++
					}
				case m.Op != "":
					if err := shown[m.Table].apply(m); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
			for table, n := range c.want {
				if len(shown[table]) != n {
					t.Errorf("%s: %d rows of %s, not %d", name, len(shown[table]), table, n)
				}
			}
			if again == 0 != (name == "the same") {
				t.Errorf("%s: %d streams were begun again for the config", name, again)
			}
		}
	})
}

// A TRUNCATE comes in the midst of the rows, again and again.
func TestRowsBesideResets(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		config := rowsConfig(s, allPicks, lastPicks)
		instances := []*instance{launch(t, config).ready(t), launch(t, config).ready(t)}
		stop := write(t, s, 2, func(r *rand.Rand) string {
			if r.IntN(100) == 0 {
				return "TRUNCATE draft.picks"
			}
			return onPicks(100)(r)
		})
		r := rand.New(rand.NewPCG(3, 3))
		var visitors []*visitor
		for range 30 {
			v := visit(t, instances[r.IntN(2)], "/events/picks")
			for range r.IntN(3) {
				for range r.IntN(80) {
					v.next(t)
				}
				v.cut()
				v.connect(t, instances[r.IntN(2)])
			}
			visitors = append(visitors, v)
		}
		stop()
		insertLastPick(t, s, 1)
		for _, v := range visitors {
			v.untilMark(t, lastPick)
			wantShown(t, s, v, "SELECT id, round, team, player FROM draft.picks", "id", "round", "team", "player")
		}
	})
}
