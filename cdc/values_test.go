package cdc

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// sort of value: how the server tells what it is, and what JSON it must be.
type sort struct {
	ask  string // SQL with %s for the column
	want func(said string) any
	text bool // AppendText must be what a plain SELECT says
}

func asIs(said string) any { return json.RawMessage(said) }

func fromHex(said string) []byte {
	b, err := hex.DecodeString(said)
	if err != nil {
		panic(err)
	}
	return b
}

var (
	number   = sort{"%s+0", asIs, false}
	decimal  = sort{"%s", func(s string) any { return s }, true}
	double   = sort{"%s", asIs, true}
	float    = sort{"%s+0e0", func(s string) any { v, _ := strconv.ParseFloat(s, 64); return float32(v) }, false}
	temporal = sort{"%s", func(s string) any { return strings.Replace(s, " ", "T", 1) }, true}
	instant  = sort{"%s", func(s string) any { return strings.Replace(s, " ", "T", 1) + "Z" }, true}
	text     = sort{"HEX(CONVERT(%s USING utf8mb4))", func(s string) any { return string(fromHex(s)) }, true}
	binaries = sort{"HEX(%s)", func(s string) any { return base64.StdEncoding.EncodeToString(fromHex(s)) }, true}
	labels   = sort{"HEX(CONVERT(%s USING utf8mb4))", func(s string) any {
		if s == "" {
			return []string{}
		}
		return strings.Split(string(fromHex(s)), ",")
	}, true}
	document = sort{"HEX(CONVERT(CONCAT(%s,'') USING utf8mb4))", func(s string) any { return compacted(fromHex(s)) }, true}
	shape    = sort{"CONCAT(ST_SRID(%[1]s), ' ', ST_AsGeoJSON(%[1]s))", func(s string) any {
		srid, object, _ := strings.Cut(s, " ")
		object = strings.Replace(object, `"geometries":]`, `"geometries":[]`, 1) // MariaDB 10.11.14 forgets the bracket
		if srid != "0" {
			object = strings.TrimSuffix(object, "}") + `, "srid": ` + srid + "}"
		}
		return json.RawMessage(object)
	}, false}
	floats = sort{"HEX(%s)", func(s string) any {
		v := []float32{}
		for b := fromHex(s); len(b) > 0; b = b[4:] {
			v = append(v, float32frombytes(b))
		}
		return v
	}, false}
	plainly = sort{"%s", func(s string) any { return s }, true}
)

func compacted(doc []byte) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, doc); err != nil {
		panic(fmt.Sprintf("%s: %v", doc, err))
	}
	return b.Bytes()
}

// typed is a column of the table of all types, and what is put there.
type typed struct {
	typ    string
	sort   sort
	values []string // SQL; row by row, then NULL
}

// TestValues stores extreme values of every type and compares with what the server says they are.
func TestValues(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f)
		columns := commonColumns()
		if f == throwaway.MySQL {
			columns = append(columns, mysqlColumns()...)
		} else {
			columns = append(columns, mariadbColumns()...)
		}
		mustExec(t, s, "CREATE DATABASE d", "SET SESSION sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00'", createAll(columns, f))
		for _, metadata := range []string{"FULL", map[throwaway.Flavor]string{throwaway.MySQL: "MINIMAL", throwaway.MariaDB: "NO_LOG"}[f]} {
			mustExec(t, s, "SET GLOBAL binlog_row_metadata="+metadata, "DELETE FROM d.t", "FLUSH BINARY LOGS")
			n := insertAll(t, s, columns)
			want := map[int][][]string{}
			for i, c := range columns {
				name := fmt.Sprintf("c%d", i)
				want[i] = mustQuery(t, s, "SELECT %s, %s FROM d.t ORDER BY id", fmt.Sprintf(c.sort.ask, name), name)
			}
			var rows []loggedRow
			for _, row := range logged(t, s, "d", definer(t, s, "d")) {
				if row.op == Insert {
					rows = append(rows, row)
				}
			}
			if rows = rows[len(rows)-n:]; len(rows) != n {
				t.Fatalf("%d rows of %d", len(rows), n)
			}
			def := definer(t, s, "d")("t")
			if got, want := def.Logged(), rows[0].table; !reflect.DeepEqual(got.Columns, want.Columns) || !reflect.DeepEqual(got.Key, want.Key) {
				for i := range want.Columns {
					if !reflect.DeepEqual(got.Columns[i], want.Columns[i]) {
						t.Errorf("%s: by the definition %+v, by the event %+v", def.Columns[i].FullType, got.Columns[i], want.Columns[i])
					}
				}
			}
			t.Run(metadata, func(t *testing.T) {
				for r, row := range rows {
					for i := range columns {
						compareValue(t, row.after, i+1, columns[i], want[i][r])
					}
				}
			})
		}
	})
}

func createAll(columns []typed, f throwaway.Flavor) string {
	sql := "CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY"
	for i, c := range columns {
		sql += fmt.Sprintf(", c%d %s NULL", i, c.typ)
	}
	if f == throwaway.MariaDB {
		return sql + ") CHARACTER SET utf8mb4 ENGINE=MyISAM" // a row is too long for its InnoDB
	}
	return sql + ") CHARACTER SET utf8mb4"
}

func insertAll(t *testing.T, s *throwaway.Server, columns []typed) int {
	rows := 0
	for _, c := range columns {
		rows = max(rows, len(c.values)+1)
	}
	for r := range rows {
		names, values := "id", "NULL"
		for i, c := range columns {
			if r < len(c.values) {
				names += fmt.Sprintf(",c%d", i)
				values += "," + c.values[r]
			}
		}
		mustExec(t, s, "INSERT INTO d.t ("+names+") VALUES ("+values+")")
	}
	return rows
}

func compareValue(t *testing.T, im *Image, i int, c typed, said []string) {
	t.Helper()
	got, err := im.AppendJSON(nil, i, &Format{})
	if err != nil {
		t.Errorf("%s: %v; the server says %q", c.typ, err, said)
		return
	}
	if bytes.ContainsAny(got, "\r\n") {
		t.Errorf("%s: a raw line break in %q", c.typ, got)
	}
	if said[0] == "NULL" || im.IsNull(i) {
		if said[0] != "NULL" || string(got) != "null" || !im.IsNull(i) {
			t.Errorf("%s: %s, the server says %q", c.typ, got, said[0])
		}
		return
	}
	want := c.sort.want(said[0])
	if !sameJSON(got, want) {
		t.Errorf("%s: %s, want %s", c.typ, got, want)
	}
	if raw, ok := want.(json.RawMessage); ok && c.sort.text && string(raw) != string(compacted(got)) {
		t.Errorf("%s: %s, want exactly %s", c.typ, got, raw)
	}
	gotText, err := im.AppendText(nil, i)
	if err != nil {
		t.Errorf("%s: %v", c.typ, err)
	}
	wantText := said[1]
	if strings.HasPrefix(c.sort.ask, "HEX(CONVERT(") {
		wantText = string(fromHex(said[0]))
	}
	if c.sort.text && string(gotText) != wantText {
		t.Errorf("%s: as text %q, the server says %q", c.typ, gotText, wantText)
	}
}

// sameJSON compares got with what want is as JSON, numbers by their digits where
// want is JSON already and by value where it is a Go value.
func sameJSON(got []byte, want any) bool {
	if raw, ok := want.(json.RawMessage); ok {
		return reflect.DeepEqual(parsed(got), parsed(raw))
	}
	back := reflect.New(reflect.TypeOf(want))
	if err := json.Unmarshal(got, back.Interface()); err != nil {
		return false
	}
	return reflect.DeepEqual(back.Elem().Interface(), want)
}

func parsed(b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	return byValue(v)
}

// byValue makes numbers with a point or exponent float64, the others stay digits.
func byValue(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err == nil && f > -1<<53 && f < 1<<53 {
			return f
		}
		if err == nil && strings.ContainsAny(v.String(), ".e") {
			return f
		}
	case []any:
		for i := range v {
			v[i] = byValue(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = byValue(v[k])
		}
	}
	return v
}
