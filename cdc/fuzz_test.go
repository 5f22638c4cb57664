package cdc

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rowcast/cdc/row"
)

// seedEvents calls add for each table map and the rows event after it in the
// recorded binlogs.
func seedEvents(f *testing.F, add func(maria bool, tableMap []byte, typ byte, rows []byte)) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.binlog")
	if err != nil {
		f.Fatal(err)
	}
	seen := map[string]bool{}
	for _, path := range files {
		if info, err := os.Stat(path); err != nil || info.Size() > 1<<20 {
			continue
		}
		var tableMap []byte
		for _, e := range readBinlogFile(f, path) {
			if isTableMap(e.typ) {
				tableMap = e.body
			}
			if key := string(tableMap) + string(e.typ); isRows(e.typ) && tableMap != nil && !seen[key] && len(e.body) < 4096 {
				seen[key] = true
				add(strings.Contains(path, "mariadb"), tableMap, e.typ, e.body)
			}
		}
	}
}

func flavorOf(maria bool) Flavor {
	if maria {
		return MariaDB
	}
	return MySQL
}

// exact has no room after its bytes, so that reading past them panics.
func exact(b []byte) []byte { return append(make([]byte, 0, len(b)), b...)[:len(b):len(b)] }

// FuzzTableMap: whatever the bytes, a table map or an error.
func FuzzTableMap(f *testing.F) {
	seedEvents(f, func(maria bool, tableMap []byte, _ byte, _ []byte) { f.Add(maria, tableMap) })
	f.Fuzz(func(t *testing.T, maria bool, body []byte) {
		body = exact(body)
		tm, err := parseTableMap(body, flavorOf(maria))
		if err != nil {
			if tm != nil {
				t.Error("a table map and an error")
			}
			return
		}
		if id, schema, name, err := tableMapName(body); err != nil || id != tm.id || string(schema) != tm.schema || string(name) != tm.name {
			t.Errorf("%d %q %q %v, but %d %q %q", id, schema, name, err, tm.id, tm.schema, tm.name)
		}
		table, err := tm.table(nil)
		if err != nil {
			return
		}
		if len(table.Columns) != len(tm.columns) {
			t.Errorf("%d columns of %d", len(table.Columns), len(tm.columns))
		}
		for _, k := range table.Key {
			_ = table.Columns[k].TypeName()
		}
	})
}

// FuzzRows: whatever the bytes, rows whose values are JSON, or an error.
func FuzzRows(f *testing.F) {
	seedEvents(f, func(maria bool, tableMap []byte, typ byte, rows []byte) { f.Add(maria, tableMap, typ, rows) })
	f.Fuzz(func(t *testing.T, maria bool, tableMap []byte, typ byte, body []byte) {
		tm, err := parseTableMap(tableMap, flavorOf(maria))
		if err != nil {
			return
		}
		table := row.New(&Table{Schema: tm.schema, Name: tm.name, Columns: tm.columns, Key: tm.key})
		r, err := parseRows(typ, exact(body))
		if err != nil || r.bind(table, nil) != nil {
			return
		}
		var before, after Image
		left := len(r.rows)
		for {
			ok, err := r.next(&before, &after)
			if err != nil || !ok {
				return
			}
			if len(r.rows) >= left {
				t.Fatal("a row of no bytes")
			}
			left = len(r.rows)
			if r.op != Insert {
				checkImage(t, &before)
			}
			if r.op != Delete {
				checkImage(t, &after)
			}
		}
	})
}

func checkImage(t *testing.T, im *Image) {
	t.Helper()
	for i := range im.Table().Columns {
		for _, f := range []*Format{{}, {BigintString: true, DecimalNumber: true}} {
			out, err := im.AppendJSON([]byte("x"), i, f)
			if err != nil {
				if string(out) != "x" {
					t.Errorf("%s after an error: %q", im.Table().Columns[i].TypeName(), out)
				}
				continue
			}
			if !json.Valid(out[1:]) || bytes.ContainsAny(out, "\r\n") {
				t.Errorf("%s: %q is no JSON of one line", im.Table().Columns[i].TypeName(), out[1:])
			}
		}
		if out, err := im.AppendText([]byte("x"), i); err != nil && string(out) != "x" {
			t.Errorf("%s after an error: %q", im.Table().Columns[i].TypeName(), out)
		}
	}
}
