package cdc

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rowcast/cdc/internal/charset"
	"rowcast/internal/throwaway"
)

// TestHiddenColumns: MariaDB logs columns that information_schema does not list.
func TestHiddenColumns(t *testing.T) {
	for _, metadata := range []string{"FULL", "NO_LOG"} {
		s := throwaway.Test(t, throwaway.MariaDB, "--binlog-row-metadata="+metadata)
		mustExec(t, s, "CREATE DATABASE d", "SET SESSION timestamp = 1700000000",
			"CREATE TABLE d.h (id INT PRIMARY KEY, b BLOB, c TEXT CHARACTER SET latin1, UNIQUE (b), UNIQUE (c, id))", "INSERT INTO d.h VALUES (1, 'x', 'y')", "UPDATE d.h SET c = 'z'",
			"CREATE TABLE d.v (id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING", "INSERT INTO d.v VALUES (1, 2)", "UPDATE d.v SET x = 3",
			"CREATE TABLE d.w (id INT PRIMARY KEY, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME(s, e)) WITH SYSTEM VERSIONING",
			"INSERT INTO d.w (id) VALUES (1)")
		rows := logged(t, s, "d", definer(t, s, "d"))
		start := `s="2023-11-14T22:13:20.000000Z" e="2038-01-19T03:14:07.999999Z"`
		wantLogged(t, rows, `insert + id=1 b="eA==" c="y"`, `update - id=1 b="eA==" c="y" + id=1 b="eA==" c="z"`,
			`insert + id=1 x=2`, `update - id=1 x=2 + id=1 x=3`, `insert + id=1 `+start)
		for i, want := range []int{5, 5, 4, 4, 3} {
			if n := len(rows[i].table.Columns); n != want || len(rows[i].table.Key) != 1 || rows[i].table.Key[0] != 0 {
				t.Errorf("%s: %d columns, key %v", rows[i].table, n, rows[i].table.Key)
			}
		}
	}
}

// TestCompressedEvents: log_bin_compress.
func TestCompressedEvents(t *testing.T) {
	s := throwaway.Test(t, throwaway.MariaDB, "--binlog-row-metadata=FULL", "--log-bin-compress=ON", "--log-bin-compress-min-len=10")
	long := strings.Repeat("long ", 100000)
	mustExec(t, s, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, c LONGTEXT CHARACTER SET utf8mb4)",
		"INSERT INTO d.t VALUES (1, REPEAT('a', 300)), (2, 'b')", "UPDATE d.t SET c = REPEAT('long ', 100000) WHERE id = 2", "DELETE FROM d.t")
	seen := map[byte]int{}
	events := readBinlogFile(t, s.DataDir()+"/binlog.000001")
	for _, e := range events {
		seen[e.typ]++
	}
	if seen[166] == 0 || seen[167] == 0 || seen[168] == 0 {
		t.Errorf("event types %v", seen)
	}
	as := strings.Repeat("a", 300)
	wantLogged(t, logged(t, s, "d", nil), `insert + id=1 c="`+as+`"`, `insert + id=2 c="b"`,
		`update - id=2 c="b" + id=2 c="`+long+`"`, `delete - id=1 c="`+as+`"`, `delete - id=2 c="`+long+`"`)

	// One inflater for all, as the reader has it.
	var z inflater
	for _, e := range events {
		r, err := parseRows(e.typ, e.body)
		if err != nil || !r.compressed {
			continue
		}
		if _, err := z.inflate(r.rows); err != nil {
			t.Error(err)
		}
		cut := r.rows[:len(r.rows)-5]
		if _, err := z.inflate(cut); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut short: %v", err)
		}
		forged := append([]byte{0x84, 0x3f, 0xff, 0xff, 0xff}, r.rows[1+r.rows[0]&7:]...)
		if _, err := z.inflate(forged); !errors.Is(err, ErrCorrupt) || cap(z.out) > 4<<20 {
			t.Errorf("forged length: %v, a buffer of %d bytes", err, cap(z.out))
		}
	}
}

// TestCompressedColumns can't be decoded, and it is said which column.
func TestCompressedColumns(t *testing.T) {
	for _, metadata := range []string{"FULL", "NO_LOG"} {
		s := throwaway.Test(t, throwaway.MariaDB, "--binlog-row-metadata="+metadata)
		mustExec(t, s, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, b BLOB COMPRESSED, c VARCHAR(300) COMPRESSED, e TEXT COMPRESSED, z INT)",
			"INSERT INTO d.t VALUES (1, REPEAT('x', 500), REPEAT('y', 200), 'e', 9)")
		im := logged(t, s, "d", definer(t, s, "d"))[0].after
		if got := cellJSON(im, 0) + " " + cellJSON(im, 4); got != "1 9" {
			t.Errorf("%s: beside compressed columns: %s", metadata, got)
		}
		for i := 1; i <= 3; i++ {
			if _, err := im.AppendJSON(nil, i, &Format{}); !errors.Is(err, ErrValue) || !strings.Contains(err.Error(), "COMPRESSED") {
				t.Errorf("%s: %v", metadata, err)
			}
		}
	}
}

// TestOldTemporalFormat: with mysql56_temporal_format=OFF MariaDB does not log how wide a column with a fraction is.
func TestOldTemporalFormat(t *testing.T) {
	for _, metadata := range []string{"FULL", "NO_LOG"} {
		s := throwaway.Test(t, throwaway.MariaDB, "--binlog-row-metadata="+metadata, "--mysql56-temporal-format=OFF")
		mustExec(t, s, "CREATE DATABASE d", "SET SESSION time_zone = '+00:00'", "CREATE TABLE d.t (a TIME, b DATETIME, c TIMESTAMP NULL, z INT)",
			"INSERT INTO d.t VALUES ('-12:34:56', '2026-11-21 01:02:03', '2026-11-21 01:02:03', 1), ('838:59:59', '0000-00-00', 0, 2)")
		define := definer(t, s, "d")
		wantLogged(t, logged(t, s, "d", define), `insert + a="-12:34:56" b="2026-11-21T01:02:03" c="2026-11-21T01:02:03Z" z=1`,
			`insert + a="838:59:59" b="0000-00-00T00:00:00" c="0000-00-00T00:00:00Z" z=2`)
		_, err := decodeRows(readBinlogFile(t, s.DataDir()+"/binlog.000001"), MariaDB, "d", nil)
		if want := map[string]error{"FULL": ErrValue, "NO_LOG": ErrSchema}[metadata]; !errors.Is(err, want) {
			t.Errorf("%s, without a definition: %v", metadata, err)
		}
		mustExec(t, s, "FLUSH BINARY LOGS", "CREATE TABLE d.f (a TIME(3), b DATETIME(2))", "INSERT INTO d.f VALUES ('1:2:3.456', '2026-11-21 01:02:03.5')")
		_, err = decodeRows(readBinlogFile(t, s.DataDir()+"/binlog.000002"), MariaDB, "d", define)
		if !errors.Is(err, ErrValue) || !strings.Contains(err.Error(), "mysql56_temporal_format") {
			t.Errorf("%s: %v", metadata, err)
		}
	}
}

// TestCollationNumbers: every number that either server knows leads to its character set.
func TestCollationNumbers(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f)
		from := "information_schema.COLLATIONS"
		if f == throwaway.MariaDB {
			from = "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
		}
		rows := mustQuery(t, s, "SELECT ID, CHARACTER_SET_NAME FROM %s WHERE ID IS NOT NULL", from)
		if len(rows) < 250 {
			t.Errorf("%d collations", len(rows))
		}
		for _, row := range rows {
			var id uint64
			if _, err := fmt.Sscan(row[0], &id); err != nil {
				t.Fatal(err)
			}
			if got := charset.Name(id); got != row[1] {
				t.Errorf("collation %d: %q, the server says %s", id, got, row[1])
			}
		}
	})
}

// TestUndecodableInPlace: of rows that can't be decoded there is a notice before any
// change that follows them, one for each event.
func TestUndecodableInPlace(t *testing.T) {
	s := throwaway.Test(t, throwaway.MariaDB, "--mysql56-temporal-format=OFF")
	exec(t, s, "CREATE DATABASE draft", "CREATE TABLE draft.a (t TIME(3))", "CREATE TABLE draft.b (t TIME(3))", "CREATE TABLE draft.c (id INT)")
	rd := read(t, source(t, s), Position{}, newRecorder())
	session(t, s, "BEGIN", "INSERT INTO draft.a VALUES ('1:2:3')", "INSERT INTO draft.b VALUES ('1:2:3')", "INSERT INTO draft.a VALUES ('1:2:3')",
		"INSERT INTO draft.c VALUES (1)", "INSERT INTO draft.b VALUES ('1:2:3')", "COMMIT")
	rd.upTo(t)
	same(t, "one group", rd.texts(), []string{"notice draft.a", "notice draft.b", "notice draft.a", "insert c 1", "notice draft.b"})
}
