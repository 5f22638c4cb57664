package cdc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rowcast/cdc/row"
	"rowcast/internal/throwaway"
)

// picked is a Select of some columns by name; rows become "1,a".
func picked(schema, table, where, order string, limit int, columns ...string) (sel Selection, rows *[]string) {
	var shape *row.Shape
	rows = &[]string{}
	sel = Selection{Schema: schema, Table: table,
		Plan: func(t *Table) (SelectPlan, error) {
			var chosen []int
			for _, name := range columns {
				chosen = append(chosen, t.Find(name))
			}
			var err error
			shape, err = row.NewShape(t, chosen)
			return SelectPlan{Shape: shape, Where: where, Order: order, Limit: limit}, err
		},
		Row: func(record []byte) error {
			var im Image
			if err := shape.Read(&im, record); err != nil {
				return err
			}
			var cells []string
			for _, i := range shape.Columns() {
				cells = append(cells, cellJSON(&im, i))
			}
			*rows = append(*rows, strings.Join(cells, ","))
			return nil
		}}
	return sel, rows
}

// TestSelect: which rows, in which order, and that a table is the one that changes have.
func TestSelect(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		for _, metadata := range []string{"FULL", map[throwaway.Flavor]string{throwaway.MySQL: "MINIMAL", throwaway.MariaDB: "NO_LOG"}[f]} {
			t.Run(metadata, func(t *testing.T) {
				s := throwaway.Test(t, f, "--binlog-row-metadata="+metadata)
				exec(t, s, "CREATE DATABASE draft", "CREATE TABLE draft.picks (id INT PRIMARY KEY, `e``%s` ENUM('x','y'), t TIMESTAMP(3) NULL, v INT AS (id * 2) VIRTUAL, i INT DEFAULT 7 INVISIBLE)")
				src := source(t, s)
				t.Cleanup(src.Close)
				var table atomic.Pointer[Table]
				rec := newRecorder()
				rec.stopAt = func(c *Change) error { table.Store(c.Table); return nil }
				rd := read(t, src, Position{}, rec)
				first, rows := picked("draft", "picks", "", "", 0, "id")
				got, err := src.Select(t.Context(), first)
				if err != nil || len(*rows) != 0 {
					t.Fatalf("%v, %v", *rows, err)
				}
				exec(t, s, "SET time_zone = '+03:00'", "INSERT INTO draft.picks (id, `e``%s`, t) VALUES (1, 'x', NULL), (2, 2, '2026-11-21 04:13:15.817'), (3, 'y', NULL)")
				low := rd.upTo(t)
				if got.Table != table.Load() {
					t.Errorf("another Table than that of changes: %+v\n%+v", got.Table, table.Load())
				}
				for _, c := range []struct {
					where, order string
					limit        int
					want         []string
				}{
					{"", "id DESC", 0, []string{`"y",3,null,6,7`, `"y",2,"2026-11-21T01:13:15.817Z",4,7`, `"x",1,null,2,7`}},
					{"`e``%s` = 2 AND t IS NULL", "", 9, []string{`"y",3,null,6,7`}},
					{"", "`e``%s`, id DESC", 2, []string{`"x",1,null,2,7`, `"y",3,null,6,7`}},
				} {
					sel, rows := picked("draft", "picks", c.where, c.order, c.limit, "e`%s", "id", "t", "v", "i")
					sel.Low = low
					again, err := src.Select(t.Context(), sel)
					if err != nil {
						t.Fatal(err)
					}
					same(t, c.where+c.order, *rows, c.want)
					if again.Table != got.Table || again.Version != got.Version || again.At.Compare(low) < 0 {
						t.Errorf("%+v after %+v", again, got)
					}
				}
			})
		}
	})
}

// TestSelectErrors: what can't be read, and what the caller says.
func TestSelectErrors(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f)
		draft(t, s)
		exec(t, s, "CREATE VIEW draft.seen AS SELECT * FROM draft.picks", "CREATE TABLE draft.mem (id INT PRIMARY KEY) ENGINE=MEMORY", "INSERT INTO draft.picks (player) VALUES ('a'), ('b'), ('c')",
			"CREATE TABLE draft.csv (id INT NOT NULL) ENGINE=CSV", "CREATE TABLE draft.`z``z` (id INT NOT NULL) ENGINE=MyISAM")
		src := source(t, s)
		defer src.Close()
		for table, c := range map[string]struct {
			want error
			says string
		}{
			"gone": {ErrNoTable, "draft.gone"}, "seen": {ErrNoTable, "draft.seen"}, "plain": {ErrNoView, "its engine is MyISAM; ALTER TABLE `draft`.`plain` ENGINE = InnoDB"},
			"mem": {ErrNoView, "MEMORY"}, "csv": {ErrNoView, "CSV"}, "z`z": {ErrNoView, "`z``z`"},
		} {
			sel, _ := picked("draft", table, "", "", 0, "id")
			if _, err := src.Select(t.Context(), sel); !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("%s: %v", table, err)
			}
		}
		refused := errors.New("no more")
		for range 3 { // the connection is of no more use then, and another is opened
			sel, _ := picked("draft", "picks", "", "", 0, "id")
			n := 0
			sel.Row = func([]byte) error { n++; return map[bool]error{true: refused}[n == 2] }
			if _, err := src.Select(t.Context(), sel); err != refused || n != 2 {
				t.Errorf("after %d rows: %v", n, err)
			}
			sel.Plan = func(*Table) (SelectPlan, error) { return SelectPlan{}, refused }
			if _, err := src.Select(t.Context(), sel); err != refused {
				t.Errorf("%v", err)
			}
			sel, rows := picked("draft", "picks", "nonsense ORDER", "", 0, "id")
			if _, err := src.Select(t.Context(), sel); err == nil || !strings.Contains(err.Error(), "read the rows of draft.picks: ERROR 1064 (42000): You have an error in your SQL syntax") {
				t.Errorf("%v, %v", *rows, err)
			}
			sel, rows = picked("draft", "picks", "", "id", 0, "player")
			if _, err := src.Select(t.Context(), sel); err != nil || !slices.Equal(*rows, []string{`"a"`, `"b"`, `"c"`}) {
				t.Errorf("%v, %v", *rows, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		sel, _ := picked("draft", "picks", "SLEEP(100) = 0", "", 0, "id")
		go func() {
			poll(t, "the query", func() bool {
				return len(mustQuery(t, s, "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT %%SLEEP(100)%%' AND USER = 'rowcast'")) > 0
			})
			cancel()
		}()
		if _, err := src.Select(ctx, sel); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		poll(t, "the query's end", func() bool {
			return len(mustQuery(t, s, "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT %%SLEEP(100)%%' AND USER = 'rowcast'")) == 0
		})
	})
}

// TestSelectConnections: kept for a while, and replaced when the server has ended them.
func TestSelectConnections(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f)
		draft(t, s)
		exec(t, s, "INSERT INTO draft.teams VALUES (1, 'a')")
		src := source(t, s)
		rd := read(t, src, Position{}, newRecorder())
		low := rd.upTo(t)
		ask := func() {
			t.Helper()
			sel, rows := picked("draft", "teams", "", "", 50, "id", "name")
			sel.Low = low
			if _, err := src.Select(t.Context(), sel); err != nil || !slices.Equal(*rows, []string{`1,"a"`}) {
				t.Fatalf("%v, %v", *rows, err)
			}
		}
		count := func(status string) string {
			return mustQuery(t, s, "SHOW GLOBAL STATUS LIKE '%s'", status)[0][1]
		}
		ask()
		connections := count("Connections")
		for range 5 {
			ask()
		}
		if now := count("Connections"); now != connections {
			t.Errorf("%s connections were opened, %s before", now, connections)
		}
		killed := mustQuery(t, s, "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'rowcast' AND COMMAND = 'Sleep'")
		if len(killed) != 1 {
			t.Errorf("%v are kept", killed)
		}
		for _, k := range killed {
			exec(t, s, "KILL "+k[0])
		}
		ask()
		src.Close()
		poll(t, "the end of connections", func() bool {
			return len(mustQuery(t, s, "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'rowcast' AND COMMAND = 'Sleep'")) == 0
		})
		ask() // though nothing is kept then
	})
}

// TestSelectAltered: a definition that is kept is not trusted when the table may be another.
func TestSelectAltered(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f)
		draft(t, s)
		exec(t, s, "CREATE TABLE draft.other (id INT)", "INSERT INTO draft.teams VALUES (1, 'a')")
		src := source(t, s)
		rd := read(t, src, Position{}, newRecorder())
		t.Cleanup(src.Close)
		sel, rows := picked("draft", "teams", "", "", 0, "id", "name")
		before, err := src.Select(t.Context(), sel)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			sql   string
			moves bool
		}{
			{"INSERT INTO draft.teams VALUES (2, 'b')", false}, {"ALTER TABLE draft.other ADD COLUMN n INT", false},
			{"ALTER TABLE draft.teams ADD COLUMN city VARCHAR(5)", true}, {"CREATE INDEX n ON draft.teams (name)", true}, {"TRUNCATE draft.teams", true}, {"INSERT INTO draft.teams VALUES (1, 'a', 'c')", false},
			{"RENAME TABLE draft.teams TO draft.was, draft.other TO draft.teams", true}, {"DROP TABLE draft.teams", true}, {"RENAME TABLE draft.was TO draft.teams", true},
		} {
			was := src.Version("draft", "teams")
			exec(t, s, step.sql)
			rd.upTo(t)
			if moved := src.Version("draft", "teams") != was; moved != step.moves {
				t.Errorf("%s: moved: %v", step.sql, moved)
			}
		}
		*rows = nil
		after, err := src.Select(t.Context(), sel)
		if err != nil || after.Version == before.Version || after.Table == before.Table || len(after.Table.Columns) != 3 || !slices.Equal(*rows, []string{`1,"a"`}) {
			t.Errorf("%v, %v, %+v", *rows, err, after)
		}
		rd.stop()
		<-rd.done // from here on the Source does not hear of statements
		exec(t, s, "ALTER TABLE draft.teams MODIFY name VARBINARY(200)")
		*rows = nil
		if _, err := src.Select(t.Context(), sel); err != nil || !slices.Equal(*rows, []string{`1,"YQ=="`}) {
			t.Errorf("%v, %v", *rows, err)
		}
		was := src.Version("draft", "teams")
		read(t, src, Position{}, newRecorder())
		if src.Version("draft", "teams") == was {
			t.Error("a reading that begins from now has not seen what came before")
		}
	})
}

// held is a Handler that takes no group while it is closed.
type held struct {
	*recorder
	ctx  context.Context
	gate atomic.Pointer[chan struct{}] // nil: it is open
}

func (h *held) Begin(p Position) error {
	if gate := h.gate.Load(); gate != nil {
		select {
		case <-*gate:
		case <-h.ctx.Done():
		}
	}
	return h.recorder.Begin(p)
}

// TestSelectBeforeAlter: the live reading has not come to a statement that the server has
// run already. What is read by the older definition is seen to be worth nothing when it has.
func TestSelectBeforeAlter(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f)
		draft(t, s)
		exec(t, s, "INSERT INTO draft.teams VALUES (1, 'a')")
		src := source(t, s)
		t.Cleanup(src.Close)
		ctx, cancel := context.WithCancel(t.Context())
		rec := &held{recorder: newRecorder(), ctx: ctx}
		rd := &following{recorder: rec.recorder, src: src, done: make(chan struct{})}
		go func() { defer close(rd.done); rd.err = src.Read(ctx, Position{}, rec) }()
		t.Cleanup(func() { cancel(); <-rd.done })
		rd.wait(t, func() bool { return rd.groups > 0 })
		sel, rows := picked("draft", "teams", "", "", 0, "id", "name")
		was, err := src.Select(t.Context(), sel)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct{ sql, row string }{
			{"ALTER TABLE draft.teams MODIFY name VARBINARY(200)", `1,"a"`},                  // as it was, by a definition that is not
			{"ALTER TABLE draft.teams CHANGE id i INT, ADD COLUMN id BIGINT", `null,"YQ=="`}, // read again: the names are others
		} {
			gate := make(chan struct{})
			rec.gate.Store(&gate)
			exec(t, s, step.sql)
			*rows = nil
			got, err := src.Select(t.Context(), sel)
			if err != nil || !slices.Equal(*rows, []string{step.row}) {
				t.Fatalf("%s: %v, %v", step.sql, *rows, err)
			}
			if src.Version("draft", "teams") != got.Version || got.Version != was.Version {
				t.Error("the version moved before the reading came to the statement")
			}
			rec.gate.Store(nil)
			close(gate)
			rd.wait(t, func() bool { return rd.at.Compare(got.At) >= 0 })
			if src.Version("draft", "teams") == got.Version {
				t.Errorf("%s: the version has not moved at %s", step.sql, rd.at)
			}
			*rows = nil
			if was, err = src.Select(t.Context(), sel); err != nil || len(*rows) != 1 || src.Version("draft", "teams") != was.Version {
				t.Errorf("%v, %v, %+v", *rows, err, was)
			}
		}
	})
}

// TestSelectWithoutKey: where only a row can tell what is visible, it needs a key.
func TestSelectWithoutKey(t *testing.T) {
	for name, c := range map[string]struct {
		flavor throwaway.Flavor
		args   []string
		says   string // "": it can be read
	}{
		"mysql":             {throwaway.MySQL, nil, ""},
		"mysql-no-gtids":    {throwaway.MySQL, []string{"--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"}, "primary key"},
		"mysql-unsorted":    {throwaway.MySQL, []string{"--gtid-mode=OFF", "--enforce-gtid-consistency=OFF", "--binlog-order-commits=OFF"}, "binlog_order_commits"},
		"mariadb":           {throwaway.MariaDB, nil, ""},
		"mariadb-no-thread": {throwaway.MariaDB, []string{"--binlog-optimize-thread-scheduling=0"}, "primary key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := throwaway.Test(t, c.flavor, c.args...)
			draft(t, s)
			exec(t, s, "CREATE TABLE draft.bare (id INT)", "INSERT INTO draft.bare VALUES (1)")
			src := source(t, s)
			t.Cleanup(src.Close)
			rd := read(t, src, Position{}, newRecorder())
			sel, rows := picked("draft", "bare", "", "", 0, "id")
			sel.Low = rd.upTo(t)
			_, err := src.Select(t.Context(), sel)
			if c.says == "" && (err != nil || len(*rows) != 1) || c.says != "" && (!errors.Is(err, ErrNoView) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, %v", *rows, err)
			}
		})
	}
}

// TestSelectLarge: rows of more than one packet, of which the first byte is that of an end.
func TestSelectLarge(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f, "--max-allowed-packet=256M")
		exec(t, s, "CREATE DATABASE d", "CREATE TABLE d.t (b LONGBLOB, id INT PRIMARY KEY)")
		for i, n := range []int{17 << 20, 1<<24 - 1 - 9 - 2, 0, 1 << 16} { // the second makes a packet of exactly 16 MiB less one byte
			exec(t, s, fmt.Sprintf("INSERT INTO d.t VALUES (REPEAT('%d', %d), %[1]d)", i, n))
		}
		src := source(t, s)
		t.Cleanup(src.Close)
		var shape *row.Shape
		var got []string
		_, err := src.Select(t.Context(), Selection{Schema: "d", Table: "t",
			Plan: func(t *Table) (_ SelectPlan, err error) {
				shape, err = row.NewShape(t, []int{0, 1})
				return SelectPlan{Shape: shape, Order: "id"}, err
			},
			Row: func(record []byte) error {
				var im Image
				if err := shape.Read(&im, record); err != nil {
					return err
				}
				b, id := im.Bytes(0), im.Int64(1)
				if strings.Trim(string(b), fmt.Sprint(id)) != "" {
					return fmt.Errorf("row %d is damaged", id)
				}
				got = append(got, fmt.Sprintf("%d: %d bytes", id, len(b)))
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "rows", got, []string{"0: 17825792 bytes", "1: 16777204 bytes", "2: 0 bytes", "3: 65536 bytes"})
	})
}

// TestSelectOddTables: the Table is that of changes also where events show more than the
// definition does, or in another way, and the rows are those of the changes.
func TestSelectOddTables(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		tables := []string{"(a INT, b VARCHAR(9), n INT, PRIMARY KEY (b, a)) PARTITION BY HASH (a) PARTITIONS 3", "(a INT, b TEXT, n INT, c CHAR(3) CHARACTER SET utf16 DEFAULT 'x', PRIMARY KEY (a))"}
		if f == throwaway.MySQL {
			tables = append(tables, "(a INT PRIMARY KEY, b JSON, n INT, INDEX ((a + 5)), INDEX ((CAST(b AS UNSIGNED ARRAY))))", "(a INT, b VARCHAR(3), n INT)")
		} else {
			tables = append(tables, "(a INT PRIMARY KEY, b TEXT, n INT, UNIQUE (b))", "(a INT, b VARCHAR(9), n INT, PRIMARY KEY (a)) WITH SYSTEM VERSIONING",
				"(a INT, b TEXT, n INT, UNIQUE (b), s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME(s, e), PRIMARY KEY (a)) WITH SYSTEM VERSIONING",
				"(a INT PRIMARY KEY, b JSON, n INT, t TIMESTAMP NULL DEFAULT '2026-11-21 01:02:03', d DATETIME DEFAULT '2026-11-21 01:02:03', z TIME DEFAULT '-12:13:14')", "(a INT PRIMARY KEY, b UUID, n INT, i INET6 DEFAULT '::')")
		}
		for _, metadata := range []string{"FULL", map[throwaway.Flavor]string{throwaway.MySQL: "MINIMAL", throwaway.MariaDB: "NO_LOG"}[f]} {
			s := throwaway.Test(t, f, "--binlog-row-metadata="+metadata)
			exec(t, s, "CREATE DATABASE draft")
			for i, columns := range tables {
				t.Run(fmt.Sprint(metadata, i), func(t *testing.T) { selectOddTable(t, s, columns) })
			}
		}
	})
}

func selectOddTable(t *testing.T, s *throwaway.Server, columns string) {
	old := strings.Contains(columns, "DATETIME")
	if old {
		exec(t, s, "SET GLOBAL mysql56_temporal_format = OFF")
	}
	exec(t, s, "CREATE TABLE draft.t "+columns)
	defer exec(t, s, "DROP TABLE draft.t")
	if old {
		exec(t, s, "SET GLOBAL mysql56_temporal_format = ON")
	}
	var all *row.Shape
	choose := func(t *Table) (plan SelectPlan, err error) {
		var shown []int
		for i := range t.Columns {
			if !t.Columns[i].Hidden {
				shown = append(shown, i)
			}
		}
		all, err = row.NewShape(t, shown)
		return SelectPlan{Shape: all}, err
	}
	var table *Table
	var changed []byte // the row after its last change
	rec := newRecorder()
	rec.stopAt = func(c *Change) (err error) {
		if c.Op == Update {
			if _, err = choose(c.Table); err == nil {
				changed, _, err = all.Copy(nil, c.After)
			}
		}
		rec.mu.Lock()
		defer rec.mu.Unlock()
		table = c.Table
		return err
	}
	src := source(t, s)
	t.Cleanup(src.Close)
	rd := read(t, src, Position{}, rec)
	b := []string{"'2'", "'3'"}
	if strings.Contains(columns, "UUID") {
		b = []string{"'123e4567-e89b-12d3-a456-426655440000'", "NULL"}
	}
	exec(t, s, "INSERT INTO draft.t (a, b, n) VALUES (1, "+b[0]+", 3), (2, "+b[1]+", 5)", "UPDATE draft.t SET n = n + 1 WHERE a = 1", "DELETE FROM draft.t WHERE a = 2")
	rd.upTo(t)
	var rows [][]byte
	got, err := src.Select(t.Context(), Selection{Schema: "draft", Table: "t", Plan: choose, Row: func(record []byte) error {
		rows = append(rows, slices.Clone(record))
		return nil
	}})
	if err != nil || len(rows) != 1 || !slices.Equal(rows[0], changed) {
		t.Errorf("%s: %v\n% x, the change has\n% x", columns, err, rows, changed)
	}
	if got.Table != table {
		t.Errorf("%s: another Table than that of changes:\n%+v\n%+v", columns, got.Table, table)
	}
}

// TestSelectBesideNamedGTID: a transaction whose session has named its GTID owns it long
// before it is in the binlog. Nobody waits for that.
func TestSelectBesideNamedGTID(t *testing.T) {
	s := throwaway.Test(t, throwaway.MySQL)
	draft(t, s)
	exec(t, s, "CREATE TABLE draft.bare (id INT)", "INSERT INTO draft.teams VALUES (1, 'a')")
	src := source(t, s)
	t.Cleanup(src.Close)
	rd := read(t, src, Position{}, newRecorder())
	c, err := s.Conn()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, q := range []string{"SET gtid_next = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:7'", "BEGIN", "INSERT INTO draft.teams VALUES (2, 'b')"} {
		if _, err := c.Execute(q); err != nil {
			t.Fatal(err)
		}
	}
	src.unseen = 300 * time.Millisecond
	sel, rows := picked("draft", "teams", "", "", 50, "id")
	sel.Low = rd.upTo(t)
	if _, err := src.Select(t.Context(), sel); err != nil || !slices.Equal(*rows, []string{"1"}) {
		t.Errorf("%v, %v", *rows, err)
	}
	sel, _ = picked("draft", "bare", "", "", 50, "id") // of whose rows none can be asked for
	sel.Low = rd.upTo(t)
	if _, err := src.Select(t.Context(), sel); !errors.Is(err, ErrUnseen) {
		t.Errorf("%v", err)
	}
}
