package cdc

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/sqlname"
	"rowcast/cdc/row"
	"rowcast/internal/throwaway"
)

// TestRecords: whatever a column holds, a record is the same whether it comes from a
// SELECT or from the binlog, means what the binlog's image means, and its literal is
// equal to what the column holds.
func TestRecords(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f, "--binlog-row-metadata=FULL")
		columns := append(commonColumns(), recordColumns()...)
		if f == throwaway.MySQL {
			columns = append(columns, mysqlColumns()...)
		} else {
			columns = append(columns, mariadbColumns()...)
		}
		mustExec(t, s, "CREATE DATABASE d", "SET SESSION sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00'", createAll(columns, f))
		n := insertAll(t, s, columns)
		compareRecords(t, s, n, func(i int) string {
			if i == 0 {
				return "id"
			}
			return columns[i-1].typ
		})
	})
}

// recordColumns are types whose SELECT loses something, or says it in another way.
func recordColumns() []typed {
	return []typed{
		{"FLOAT(7,2)", float, []string{"1.239", "16777.21", "-0e0"}},
		{"DOUBLE(10,3)", double, []string{"1234567.891", "0.1e0", "-9999999.999"}},
		{"FLOAT", float, []string{"16777218", "0.3333333", "3.4028235e38", "-1.1754944e-38", "8388607.5"}},
		{"DOUBLE", double, []string{"-0e0", "0.1e0+0.2e0", "4.9406564584124654e-324"}},
		{"DECIMAL(7,2) ZEROFILL", decimal, []string{"1.5", "0", "99999.99"}},
		{"BIGINT ZEROFILL", number, []string{"18446744073709551615", "7"}},
		{"YEAR", number, []string{"0", "1901", "2155"}},
	}
}

// compareRecords compares the records of the rows 1 to n of d.t, which were inserted in this order.
func compareRecords(t *testing.T, s *throwaway.Server, n int, name func(i int) string) {
	t.Helper()
	var rows []loggedRow
	for _, r := range logged(t, s, "d", definer(t, s, "d")) {
		if r.op == Insert && r.table.Name == "t" {
			rows = append(rows, r)
		}
	}
	if len(rows) != n {
		t.Fatalf("%d rows of %d", len(rows), n)
	}
	table := rows[0].table
	var chosen []int
	for i := range table.Columns {
		if !table.Columns[i].Hidden {
			chosen = append(chosen, i)
		}
	}
	conn := textSession(t, s)
	selected := selectText(t, conn, "SELECT "+shapeOf(t, table, chosen).SelectList()+" FROM d.t ORDER BY id")
	for r := range rows {
		shape := shapeOf(t, rows[r].table, chosen) // each table map has a Table of its own here
		packed, err := shape.Pack([]byte("before"), selected[r])
		if err != nil {
			t.Errorf("row %d: %v", r, err)
			continue
		}
		copied, ok, err := shape.Copy([]byte("before"), rows[r].after)
		if err != nil || !ok {
			t.Errorf("row %d: %v, %v", r, ok, err)
			continue
		}
		same := bytes.Equal(packed, copied)
		var im, other Image
		for _, rec := range []struct {
			im     *Image
			record []byte
		}{{&im, packed}, {&other, copied}} {
			if err := shape.Read(rec.im, rec.record[len("before"):]); err != nil {
				t.Fatalf("row %d: %v", r, err)
			}
		}
		for _, i := range chosen {
			compareCell(t, name(i), i, rows[r].after, &im)
			compareCell(t, name(i), i, rows[r].after, &other)
			if !same && !bytes.Equal(im.Bytes(i), other.Bytes(i)) {
				t.Errorf("%s: packed % x, copied % x", name(i), im.Bytes(i), other.Bytes(i))
			}
		}
		if !same {
			t.Errorf("row %d: packed and copied differ", r)
		}
		again, ok, err := shape.Copy([]byte("before"), &im)
		if err != nil || !ok || !bytes.Equal(again, packed) {
			t.Errorf("row %d: a copy of the record is not the record: %v, %v", r, ok, err)
		}
		compareLiterals(t, conn, name, &im, chosen, r+1)
	}
}

func shapeOf(t *testing.T, table *Table, columns []int) *row.Shape {
	t.Helper()
	shape, err := row.NewShape(table, columns)
	if err != nil {
		t.Fatal(err)
	}
	return shape
}

func compareCell(t *testing.T, name string, i int, want, got *Image) {
	t.Helper()
	if !got.Has(i) || got.IsNull(i) != want.IsNull(i) {
		t.Errorf("%s: present: %v, NULL: %v instead of %v", name, got.Has(i), got.IsNull(i), want.IsNull(i))
	}
	for _, f := range []*Format{{}, {BigintString: true, DecimalNumber: true}} {
		if a, b := jsonOf(want, i, f), jsonOf(got, i, f); a != b {
			t.Errorf("%s: %.200q, the binlog has %.200q", name, b, a)
		}
	}
	a, aerr := want.AppendText(nil, i)
	b, berr := got.AppendText(nil, i)
	if !bytes.Equal(a, b) || (aerr == nil) != (berr == nil) {
		t.Errorf("%s: as text %.200q, %v; the binlog has %.200q, %v", name, b, berr, a, aerr)
	}
}

func jsonOf(im *Image, i int, f *Format) string {
	b, err := im.AppendJSON(nil, i, f)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// compareLiterals asks the server whether each column is equal to its literal, and not
// greater or less.
func compareLiterals(t *testing.T, conn *client.Conn, name func(int) string, im *Image, chosen []int, id int) {
	t.Helper()
	var asked []int
	var sql []string
	for _, i := range chosen {
		literal, err := im.AppendLiteral(nil, i)
		if c := im.Table().Columns[i]; c.Type == mysql.MYSQL_TYPE_JSON || c.Type == mysql.MYSQL_TYPE_GEOMETRY || c.Type == mysql.MYSQL_TYPE_VECTOR || len(c.Labels) == 64 {
			if im.Table().Comparable(i) || err == nil && !im.IsNull(i) {
				t.Errorf("%s can be compared: %.100s", name(i), literal)
			}
			continue
		}
		if err != nil || !im.Table().Comparable(i) {
			t.Errorf("%s: %v, comparable: %v", name(i), err, im.Table().Comparable(i))
			continue
		}
		if string(literal) == "NULL" {
			continue
		}
		asked = append(asked, i)
		sql = append(sql, fmt.Sprintf("SELECT COUNT(*) FROM d.t WHERE id = %d AND %[2]s = %[3]s AND %[2]s <= %[3]s AND %[2]s >= %[3]s", id, sqlname.Quote(im.Table().Columns[i].Name), literal))
	}
	for n, i := range asked {
		r, err := conn.Execute(sql[n])
		if err != nil {
			t.Errorf("%s: %.300s: %v", name(i), sql[n], err)
			continue
		}
		if got, _ := r.GetString(0, 0); got != "1" {
			t.Errorf("%s: not found by %.300s", name(i), sql[n])
		}
		r.Close()
	}
}

// textSession is a connection with the session that Shape.Pack needs.
func textSession(t *testing.T, s *throwaway.Server) *client.Conn {
	t.Helper()
	c, err := s.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for _, q := range []string{"SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00', character_set_results = NULL"} {
		if _, err := c.Execute(q); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// selectText is what the text protocol says, byte for byte.
func selectText(t *testing.T, c *client.Conn, sql string) (rows [][][]byte) {
	t.Helper()
	r, err := c.Execute(sql)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range r.RowDatas {
		var values [][]byte
		for len(data) > 0 {
			v, null, n, err := mysql.LengthEncodedString(data)
			if err != nil {
				t.Fatal(err)
			}
			if v = append([]byte{}, v...); null { // an empty string is not NULL
				v = nil
			}
			values, data = append(values, v), data[n:]
		}
		rows = append(rows, values)
	}
	return rows
}

// TestRecordsOfOddColumns: columns that servers compute or hide, keys in another order
// than the columns, and JSON documents that are logged as changes.
func TestRecordsOfOddColumns(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f, "--binlog-row-metadata=FULL")
		mustExec(t, s, "CREATE DATABASE d", "CREATE TABLE d.t (b VARBINARY(9), id INT, v INT AS (id + 1) VIRTUAL, p VARCHAR(9) AS (id * 2) STORED, i INT DEFAULT 7 INVISIBLE, `a``b%s` FLOAT, c CHAR(3), PRIMARY KEY (id, c, b))",
			"INSERT INTO d.t (id, b, c, `a``b%s`) VALUES (1, x'00', 'x ', 0.1)", "INSERT INTO d.t (id, b, c) VALUES (2, '', '')")
		compareRecords(t, s, 2, func(i int) string { return fmt.Sprint("column ", i) })
		table := logged(t, s, "d", nil)[0].table
		key := shapeOf(t, table, table.Key)
		if want := "`id`, `c`, `b`"; key.SelectList() != want {
			t.Errorf("%s, want %s", key.SelectList(), want)
		}
		if f == throwaway.MySQL {
			partialDocuments(t, s)
		}
	})
}

func partialDocuments(t *testing.T, s *throwaway.Server) {
	mustExec(t, s, "CREATE TABLE d.j (id INT PRIMARY KEY, j JSON)", "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'",
		`INSERT INTO d.j VALUES (1, '{"a": 1.0, "pad": "`+strings.Repeat("p", 500)+`"}')`, "UPDATE d.j SET j = JSON_SET(j, '$.a', 100.0)")
	rows := logged(t, s, "d", nil)
	last := rows[len(rows)-1]
	shape := shapeOf(t, last.table, []int{1, 0})
	conn := textSession(t, s)
	packed, err := shape.Pack(nil, selectText(t, conn, "SELECT "+shape.SelectList()+" FROM d.j")[0])
	if err != nil {
		t.Fatal(err)
	}
	if copied, ok, err := shape.Copy(nil, last.after, last.before); err != nil || !ok || !bytes.Equal(copied, packed) {
		t.Errorf("%v, %v\n got %s\nwant %s", ok, err, copied, packed)
	}
}

// TestRecordsOfPartialImages: a column comes from the first image that has it.
func TestRecordsOfPartialImages(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f, "--binlog-row-metadata=FULL", "--binlog-row-image=MINIMAL")
		mustExec(t, s, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, a INT, b INT)", "INSERT INTO d.t VALUES (7, 1, 2)", "UPDATE d.t SET a = NULL")
		rows := logged(t, s, "d", nil)
		update := rows[1]
		both := shapeOf(t, update.table, []int{0, 1})
		record, ok, err := both.Copy(nil, update.after, update.before)
		if err != nil || !ok || !bytes.Equal(record, []byte{2, 7, 0, 0, 0}) {
			t.Errorf("% x, %v, %v", record, ok, err)
		}
		all := shapeOf(t, update.table, []int{0, 1, 2})
		if record, ok, err := all.Copy([]byte("x"), update.after, update.before); err != nil || ok || string(record) != "x" {
			t.Errorf("%q, %v, %v", record, ok, err)
		}
		var im Image
		if err := both.Read(&im, record); err != nil || im.Has(2) || !im.IsNull(1) || im.Int64(0) != 7 {
			t.Errorf("%v", err)
		}
		if _, err := im.AppendLiteral(nil, 2); !errors.Is(err, ErrValue) {
			t.Errorf("%v", err)
		}
		if _, ok, err := all.Copy(nil, &im); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
	})
}
