package cdc

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/schema"
	"rowcast/internal/throwaway"
)

// loggedRow is one change as the decoder read it.
type loggedRow struct {
	table         *Table
	op            Op
	before, after *Image
}

// rawEvent is one event of a binlog file, without header and checksum.
type rawEvent struct {
	typ  byte
	body []byte
}

// readBinlogFile cuts a binlog file, whose events have checksums, into events.
func readBinlogFile(t testing.TB, path string) []rawEvent {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []rawEvent
	for b = b[4:]; len(b) >= 19; {
		n := int(binary.LittleEndian.Uint32(b[9:]))
		if n < 23 || n > len(b) {
			t.Fatalf("%s: an event of %d bytes", path, n)
		}
		events = append(events, rawEvent{typ: b[4], body: b[19 : n-4]})
		b = b[n:]
	}
	return events
}

func isTableMap(typ byte) bool { return typ == byte(replication.TABLE_MAP_EVENT) }

func isRows(typ byte) bool {
	return classes[typ].kind == rowsOfTable
}

// decodeRows decodes all rows of a schema. define gives the definition for a
// table map that needs one; nil: none.
func decodeRows(events []rawEvent, flavor Flavor, database string, define func(name string) *schema.Table) ([]loggedRow, error) {
	tables := map[uint64]*Table{}
	var rows []loggedRow
	for _, e := range events {
		switch {
		case isTableMap(e.typ):
			tm, err := parseTableMap(e.body, flavor)
			if err != nil {
				return rows, err
			}
			delete(tables, tm.id)
			if tm.schema != database {
				continue
			}
			var def *schema.Table
			if tm.needsDef() && define != nil {
				def = define(tm.name)
			}
			if tables[tm.id], err = tm.table(def); err != nil {
				return rows, err
			}
		case isRows(e.typ):
			r, err := parseRows(e.typ, e.body)
			if err != nil {
				return rows, err
			}
			table := tables[tableID(e.body)]
			if table == nil {
				continue
			}
			if err := r.bind(table, nil); err != nil {
				return rows, err
			}
			for {
				row := loggedRow{table: table, op: r.op, before: &Image{}, after: &Image{}}
				ok, err := r.next(row.before, row.after)
				if err != nil {
					return rows, err
				}
				if !ok {
					break
				}
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

// logged decodes what the server has logged for a schema, and fails the test if it can't.
func logged(t testing.TB, s *throwaway.Server, database string, define func(name string) *schema.Table) []loggedRow {
	t.Helper()
	var rows []loggedRow
	files, err := filepath.Glob(filepath.Join(s.DataDir(), "binlog.0*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no binlog: %v", err)
	}
	for _, file := range files {
		more, err := decodeRows(readBinlogFile(t, file), Flavor(s.Flavor()), database, define)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, more...)
	}
	return rows
}

// definer asks the server for definitions, as the catalog does.
func definer(t testing.TB, s *throwaway.Server, database string) func(name string) *schema.Table {
	conn, err := s.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func(name string) *schema.Table {
		def, err := schema.Load(conn, database, name)
		if err != nil {
			t.Fatal(err)
		}
		return def
	}
}

// cellJSON renders one value, or says why not.
func cellJSON(im *Image, i int) string {
	b, err := im.AppendJSON(nil, i, &Format{})
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// must fails the test at the first error.
func mustExec(t testing.TB, s *throwaway.Server, sql ...string) {
	t.Helper()
	if err := s.Exec(sql...); err != nil {
		t.Fatal(err)
	}
}

func mustQuery(t testing.TB, s *throwaway.Server, format string, args ...any) [][]string {
	t.Helper()
	rows, err := s.Query(fmt.Sprintf(format, args...))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
