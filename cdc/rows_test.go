package cdc

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// rowText is a change in short: op, then name=value for each column that an image holds.
func rowText(r loggedRow) string {
	var b strings.Builder
	b.WriteString(r.op.String())
	for _, side := range []struct {
		mark string
		im   *Image
	}{{"-", r.before}, {"+", r.after}} {
		if side.im.Table() == nil {
			continue
		}
		b.WriteString(" " + side.mark)
		for i, c := range r.table.Columns {
			if side.im.Has(i) && !c.Hidden {
				fmt.Fprintf(&b, " %s=%s", c.Name, cellJSON(side.im, i))
			}
		}
	}
	return b.String()
}

func wantLogged(t *testing.T, rows []loggedRow, want ...string) {
	t.Helper()
	for i := range max(len(rows), len(want)) {
		switch {
		case i >= len(rows):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("too many: %s", rowText(rows[i]))
		case rowText(rows[i]) != want[i]:
			t.Errorf("row %d\n got %s\nwant %s", i, rowText(rows[i]), want[i])
		}
	}
}

// TestRowImages: what an image lacks is absent, not null.
func TestRowImages(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f, "--binlog-row-metadata=FULL")
		mustExec(t, s, "CREATE DATABASE d", "CREATE TABLE d.t (a INT, id INT PRIMARY KEY, b BLOB, c VARCHAR(9), e INT DEFAULT 5)",
			"INSERT INTO d.t VALUES (1, 1, 'x', NULL, 5)", "UPDATE d.t SET a = NULL",
			"SET SESSION binlog_row_image = 'MINIMAL'", "INSERT INTO d.t (id, c) VALUES (2, 'c')", "UPDATE d.t SET c = 'C' WHERE id = 2", "DELETE FROM d.t WHERE id = 2",
			"SET SESSION binlog_row_image = 'NOBLOB'", "UPDATE d.t SET a = 2", "UPDATE d.t SET b = 'y'", "DELETE FROM d.t")
		wantLogged(t, logged(t, s, "d", nil),
			`insert + a=1 id=1 b="eA==" c=null e=5`,
			`update - a=1 id=1 b="eA==" c=null e=5 + a=null id=1 b="eA==" c=null e=5`,
			`insert + id=2 c="c"`,
			`update - id=2 + c="C"`,
			`delete - id=2`,
			`update - a=null id=1 c=null e=5 + a=2 id=1 c=null e=5`,
			`update - a=2 id=1 c=null e=5 + a=2 id=1 b="eQ==" c=null e=5`,
			`delete - a=2 id=1 c=null e=5`)
	})
}

// TestEmptyImages: rows without any column have no bytes, so that their number is not known.
// MySQL refuses to log such rows; MariaDB logs the defaults.
func TestEmptyImages(t *testing.T) {
	body := fromHex("12000000000001000100")
	if _, err := parseRows(23, body); !errors.Is(err, ErrValue) || !strings.Contains(err.Error(), "binlog_row_image = FULL") {
		t.Errorf("%v", err)
	}
}

// TestPartialJSON applies every change that the server logs of documents.
func TestPartialJSON(t *testing.T) {
	s := throwaway.Test(t, throwaway.MySQL, "--binlog-row-metadata=FULL", "--binlog-row-value-options=PARTIAL_JSON")
	pad := strings.Repeat("p", 500)
	mustExec(t, s, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, j JSON, n INT, k JSON)",
		`INSERT INTO d.t VALUES (1, '{"a": 1, "b": [1, 2, {"c": "x"}], "é \\"q\\".[0]": 0, "zz": {"y": 1}, "pad": "`+pad+`"}', 1, '[1, [2, 3], "`+pad+`"]')`)
	updates := []string{
		"j = JSON_REPLACE(j, '$.a', 2)",
		"j = JSON_SET(j, '$.a', 'longer', '$.b[2].c', 1.0, '$.new', JSON_ARRAY())",
		`j = JSON_REMOVE(j, '$.b[0]', '$.zz.y'), k = JSON_SET(k, '$[1][0]', NULL)`,
		`j = JSON_SET(j, '$."é \\"q\\".[0]"', TRUE, '$.b[1]."d e"', JSON_OBJECT('k', 1)), n = 2`,
		"k = JSON_SET(k, '$[5]', 'appended', '$[1][7]', 9), j = JSON_SET(j, '$.zz', CAST('12.50' AS DECIMAL(4,2)))",
		"j = JSON_REMOVE(j, '$.new')",
		"n = 3", // both documents unchanged
		"j = NULL, k = JSON_REPLACE(k, '$[0]', 77)",
		"j = '[1]', k = JSON_REMOVE(k, '$[0]', '$[0]')",
		"j = JSON_SET(j, '$[1]', CAST('00:00:01' AS TIME))",
	}
	want := [][]string{}
	for _, u := range updates {
		mustExec(t, s, "UPDATE d.t SET "+u)
		want = append(want, mustQuery(t, s, "SELECT CAST(j AS CHAR), CAST(k AS CHAR) FROM d.t")[0])
	}
	partial := 0
	for _, e := range readBinlogFile(t, s.DataDir()+"/binlog.000001") {
		if e.typ == 39 {
			partial++
		}
	}
	if partial < len(updates)-3 {
		t.Errorf("only %d of %d updates were logged as changes", partial, len(updates))
	}
	rows := logged(t, s, "d", nil)
	if len(rows) != 1+len(updates) {
		t.Fatalf("%d rows", len(rows))
	}
	for i, row := range rows[1:] {
		for c, column := range []int{1, 3} {
			got, err := row.after.AppendText(nil, column)
			if err != nil || string(got) != strings.Replace(want[i][c], "NULL", "", 1) && !strings.Contains(want[i][c], "[NULL") {
				t.Errorf("%s: %v\n got %s\nwant %s", updates[i], err, got, want[i][c])
			}
			text, err := row.after.AppendJSON(nil, column, &Format{})
			if err != nil || want[i][c] != "NULL" && !bytes.Equal(text, compacted([]byte(want[i][c]))) {
				t.Errorf("%s: %v\n got %s\nwant %s", updates[i], err, text, want[i][c])
			}
		}
	}
}

// TestPartialJSONWithoutBase: the changes alone do not tell the document.
func TestPartialJSONWithoutBase(t *testing.T) {
	s := throwaway.Test(t, throwaway.MySQL, "--binlog-row-metadata=FULL", "--binlog-row-value-options=PARTIAL_JSON", "--binlog-row-image=MINIMAL")
	mustExec(t, s, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, j JSON)",
		`INSERT INTO d.t VALUES (1, '{"a": 1, "pad": "`+strings.Repeat("p", 500)+`"}')`, "UPDATE d.t SET j = JSON_SET(j, '$.a', 2)")
	rows := logged(t, s, "d", nil)
	if _, err := rows[1].after.AppendJSON(nil, 1, &Format{}); !errors.Is(err, ErrValue) || !strings.Contains(err.Error(), "d.t: column j (JSON)") {
		t.Errorf("%v", err)
	}
}

// TestWideAndLong: 1,000 columns, and 16 MB in one value.
func TestWideAndLong(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f, "--binlog-row-metadata=FULL", "--max-allowed-packet=64M")
		create, want := "CREATE TABLE d.wide (", "insert +"
		names, values := "", ""
		for i := range 1000 {
			create += fmt.Sprintf("c%d SMALLINT, ", i)
			if i%3 == 0 {
				want += fmt.Sprintf(" c%d=null", i)
				continue
			}
			names += fmt.Sprintf(",c%d", i)
			values += fmt.Sprintf(",%d", -i)
			want += fmt.Sprintf(" c%d=%d", i, -i)
		}
		mustExec(t, s, "CREATE DATABASE d", create+"last VARCHAR(5) DEFAULT 'x')", "INSERT INTO d.wide ("+names[1:]+") VALUES ("+values[1:]+")",
			"CREATE TABLE d.big (id INT PRIMARY KEY, b LONGBLOB, t LONGTEXT CHARACTER SET utf8mb4)",
			"INSERT INTO d.big VALUES (1, REPEAT('b', 16777216), REPEAT(_utf8mb4 X'C3A90A', 4000000))")
		rows := logged(t, s, "d", nil)
		wantLogged(t, rows[:1], want+` last="x"`)
		im := rows[1].after
		if text, err := im.AppendText(nil, 1); err != nil || !bytes.Equal(text, bytes.Repeat([]byte("b"), 16777216)) {
			t.Errorf("%d bytes, %v", len(text), err)
		}
		if text, err := im.AppendJSON(nil, 2, &Format{}); err != nil || string(text) != `"`+strings.Repeat(`é\n`, 4000000)+`"` {
			t.Errorf("%d bytes, %v", len(text), err)
		}
	})
}

// TestGeneratedAndInvisible: columns that servers compute, hide or added in an instant.
func TestGeneratedAndInvisible(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		for _, metadata := range []string{"FULL", "MINIMAL"} {
			s := throwaway.Test(t, f, "--binlog-row-metadata="+metadata)
			define := definer(t, s, "d")
			mustExec(t, s, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v INT AS (id + 1) VIRTUAL, p INT AS (id * 2) STORED, i INT DEFAULT 7 INVISIBLE)",
				"INSERT INTO d.t (id) VALUES (1)", "ALTER TABLE d.t ADD COLUMN n VARCHAR(5) DEFAULT 'new'")
			if metadata == "FULL" {
				mustExec(t, s, "UPDATE d.t SET i = 8")
				wantLogged(t, logged(t, s, "d", define), `insert + id=1 v=2 p=2 i=7`, `update - id=1 v=2 p=2 i=7 n="new" + id=1 v=2 p=2 i=8 n="new"`)
			} else {
				_, err := decodeRows(readBinlogFile(t, s.DataDir()+"/binlog.000001"), Flavor(f), "d", define)
				if !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "d.t") || !strings.Contains(err.Error(), "SET GLOBAL binlog_row_metadata = FULL") {
					t.Errorf("%v", err)
				}
				mustExec(t, s, "FLUSH BINARY LOGS", "UPDATE d.t SET i = 8")
				rows, err := decodeRows(readBinlogFile(t, s.DataDir()+"/binlog.000002"), Flavor(f), "d", define)
				if err != nil {
					t.Fatal(err)
				}
				wantLogged(t, rows, `update - id=1 v=2 p=2 i=7 n="new" + id=1 v=2 p=2 i=8 n="new"`)
			}
		}
	})
}

// TestServerMadeColumns: keys that servers make, hidden columns of indexes, and partitions.
func TestServerMadeColumns(t *testing.T) {
	for _, metadata := range []string{"FULL", "MINIMAL"} {
		s := throwaway.Test(t, throwaway.MySQL, "--binlog-row-metadata="+metadata)
		mustExec(t, s, "CREATE DATABASE d", "CREATE TABLE d.f (id INT PRIMARY KEY, j JSON, INDEX ((id + 5)), INDEX ((CAST(j AS UNSIGNED ARRAY))), INDEX ((CONCAT('x', id))))",
			"INSERT INTO d.f VALUES (1, '[1, 2]')", "UPDATE d.f SET j = '[3]'",
			"SET SESSION sql_generate_invisible_primary_key = ON", "CREATE TABLE d.g (a INT)", "INSERT INTO d.g VALUES (7)",
			"CREATE TABLE d.p (id INT PRIMARY KEY, a INT) PARTITION BY HASH (id) PARTITIONS 3", "INSERT INTO d.p VALUES (1, 1), (2, 2)", "UPDATE d.p SET id = id + 2 WHERE id = 2", "DELETE FROM d.p")
		rows := logged(t, s, "d", definer(t, s, "d"))
		wantLogged(t, rows, `insert + id=1 j=[1,2]`, `update - id=1 j=[1,2] + id=1 j=[3]`, `insert + my_row_id=1 a=7`,
			`insert + id=1 a=1`, `insert + id=2 a=2`, `update - id=2 a=2 + id=4 a=2`, `delete - id=1 a=1`, `delete - id=4 a=2`)
		for _, row := range rows {
			if len(row.table.Key) != 1 || row.table.Key[0] != 0 {
				t.Errorf("%s: key %v", row.table, row.table.Key)
			}
		}
	}
}
