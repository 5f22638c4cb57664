package filters

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowcast/cdc"
	"rowcast/cdc/row"
	"rowcast/internal/throwaway"
)

// kept is a copy of a row as rows are kept: out of the binlog, with some of its columns.
func kept(t *testing.T, im *cdc.Image, columns []int) *cdc.Image {
	t.Helper()
	shape, err := row.NewShape(im.Table(), columns)
	must(t, err)
	record, ok, err := shape.Copy(nil, im)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	var out cdc.Image
	must(t, shape.Read(&out, record))
	return &out
}

// evil is what a client may send for a parameter.
var evil = []string{
	"", "'", "''", `\'`, `\`, "x' OR '1'='1", "x\" OR \"\"=\"", "7 OR 1=1", "7; DROP TABLE inject.t", "7/*", "*/", "-- ", "#", "%", "_", `\%`, "x'00'", "0x61", "_utf8mb4 x'61'",
	"`", "a`b", ":v", "?", "@@version", "1e999", "-99999999999999999999999999", "99999999999999999999", strings.Repeat("9", 1000), "0007", "+7", " 7 ", "7.0", "7.5", "1e0", "NULL", "TRUE", "日本", "\u00a0", "é", "\n", "\t", "a\r\nb", "$.a", `"`, `{"a":1}`, "2026-11-21", "2026-11-21T01:13:15", " 2026-11-21 ", "0000-00-00", "1969-12-31", "01:13:15", "-838:59:59", "2026", "a,b",
	"9007199254740993", "9007199254740993.0", "9007199254740992", "90071992547409930e-1",
}

// TestRowsInjection: whatever a client sends for a parameter, the server is asked for
// the rows that match it and for nothing else.
func TestRowsInjection(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		columns := "(id INT PRIMARY KEY, `a``b; DROP TABLE x` INT, `:v` VARCHAR(200) CHARACTER SET utf8mb4, lat VARCHAR(200) CHARACTER SET latin1, d DOUBLE, c DECIMAL(30,5), b BIGINT UNSIGNED, vb VARBINARY(200), dt DATE, dtm DATETIME(3), ts TIMESTAMP NULL, tm TIME, yr YEAR, e ENUM('a','7','''') CHARACTER SET latin1, st SET('a','b'), bt BIT(8), js JSON)"
		must(t, s.Exec(append([]string{"CREATE DATABASE inject", "CREATE TABLE inject.t " + columns}, session...)...))
		var tables []Table
		for _, where := range []string{
			"`a``b; DROP TABLE x` = :v", "`a``b; DROP TABLE x` <> :v", "`:v` = :v", "`:v` >= :v", "`:v` LIKE :v", "`:v` IN (:v, 'x')", "`:v` NOT LIKE CONCAT('%', :v, '%')", "lat = :v", "lat <= :v", "lat LIKE :v", "lat IN (:v, 'é')", "d = :v", "d < :v", "c = :v", "c > :v",
			"b = :v", "b > :v", "b BETWEEN :v AND 100", "b IN (:v, '7')", "b IN (:v, 5)", "b <= :v", "b <> :v AND b <=> :v", "vb = :v", "vb LIKE :v", "dt = :v", "dt > :v", "dtm >= :v", "dtm = :v", "ts > :v", "tm = :v", "tm < :v", "yr = :v", "e = :v", "e IN (:v)", "e > :v", "FIND_IN_SET(:v, st)", "bt = :v", "bt < :v", "JSON_CONTAINS(js, JSON_QUOTE(:v))",
			"JSON_UNQUOTE(JSON_EXTRACT(js, '$.a')) = :v", "COALESCE(`:v`, '') = :v", "CASE b WHEN :v THEN 1 ELSE 0 END = 1", "IF(`:v` = :v, 1, 0) = 1", "NULLIF(`:v`, :v) IS NULL", "UPPER(`:v`) = UPPER(:v)", "LENGTH(:v) > b", "(b, `:v`) = (7, :v)", "NOT (lat <=> :v)", "st = :v", "`:v` BETWEEN :v AND 'z'",
		} {
			tables = append(tables, Table{Name: "inject.t", As: fmt.Sprint(len(tables)), Where: where, Params: map[string]string{"v": ""}, Rows: RowsConfig{All: true}})
		}
		set := compile(t, Options{}, tables...)
		type ask struct {
			stream int
			value  string
			plan   *RowsPlan
			ids    []string
			err    error
		}
		var asks []*ask
		var insert []string
		hex := func(v string) string { return fmt.Sprintf("_utf8mb4 x'%x'", v) }
		for i, v := range evil {
			if len(v) > 200 {
				v = v[:200]
			}
			insert = append(insert, fmt.Sprintf("INSERT IGNORE INTO inject.t VALUES (%d, %d, %s, %s, %d, %d, %d, %s, '2026-11-21', '2026-11-21 01:13:15', '2026-11-21', '01:13:15', 2026, %d, %d, 7, JSON_QUOTE(%s))",
				i, i%9, hex(v), hex(v), i%9, i%9, [...]int{7, 1, 9007199254740992, 9007199254740993, 0}[i%5], hex(v), i%4, i%4, hex(v)))
		}
		first := true
		changes(t, s, "inject", func() { must(t, s.Exec(insert...)) }, func(c *cdc.Change) {
			if first {
				for stream := range tables {
					for _, v := range evil {
						if b, err := set.Bind(stream, map[string]string{"v": v}); err == nil {
							if p, err := set.PlanRows(stream, c.Table, b, false); err == nil {
								asks = append(asks, &ask{stream: stream, value: v, plan: p})
							}
						}
					}
				}
			}
			first = false
			id, err := c.After.AppendText(nil, 0)
			must(t, err)
			im := kept(t, c.After, asks[0].plan.Columns())
			for _, a := range asks {
				ok, err := a.plan.Match(im)
				if err != nil {
					a.err = err
				} else if ok {
					a.ids = append(a.ids, string(id))
				}
			}
		})
		matched := 0
		for _, a := range asks {
			sql := a.plan.Where()
			if !harmless.MatchString(sql) {
				t.Errorf("%s with %q: %s", tables[a.stream].Where, a.value, sql)
			}
			if a.err != nil {
				continue // as a change would be: a reset, never silence
			}
			rows, err := s.Query("SELECT id FROM inject.t WHERE " + sql + " ORDER BY id")
			if err != nil {
				t.Errorf("%s with %q: %s: %v", tables[a.stream].Where, a.value, sql, err)
				continue
			}
			var want []string
			for _, r := range rows {
				want = append(want, r[0])
			}
			if matched += len(want); !slices.Equal(a.ids, want) {
				t.Errorf("%s with %q: %s\n got %v\nwant %v", tables[a.stream].Where, a.value, sql, a.ids, want)
			}
		}
		t.Logf("%d asked, %d rows", len(asks), matched)
		if len(asks) < 1000 || matched < 5000 {
			t.Errorf("only %d were asked, for %d rows", len(asks), matched)
		}
		must(t, s.Exec("DROP DATABASE inject"))
	})
}

// TestRowsPlanMistakes: a plan without the values that it needs is refused.
func TestRowsPlanMistakes(t *testing.T) {
	table := rowsTable("id", "room")
	set := compile(t, Options{}, Table{Name: "a.b", As: "room", Where: "room = :room", Params: map[string]string{"room": ""}, Rows: RowsConfig{Limit: 1}},
		Table{Name: "a.b", As: "above", Where: "room > :room", Params: map[string]string{"room": ""}, Rows: RowsConfig{Limit: 1}},
		Table{Name: "a.b", As: "gone", Columns: []string{"gone"}, Rows: RowsConfig{Limit: 1}})
	other, err := set.Bind(1, map[string]string{"room": "7"})
	must(t, err)
	for _, b := range []*Binding{nil, other} {
		if _, err := set.PlanRows(0, table, b, false); err == nil || err.Error() != "stream room: its rows can't be read: rows of a stream with parameters need its values" {
			t.Error(err)
		}
	}
	if _, err := set.PlanRows(2, table, nil, false); err == nil || !strings.HasPrefix(err.Error(), "stream gone no longer fits table a.b: ") {
		t.Error(err)
	}
	late, err := set.Bind(0, map[string]string{"room": "seven"}) // the table was not seen yet
	must(t, err)
	if _, err := set.PlanRows(0, table, late, false); err == nil || !strings.Contains(err.Error(), `room: column room is INT: "seven" is not a number`) {
		t.Error(err)
	}
	table.Key = nil
	if _, err := set.PlanRows(1, table, other, true); err == nil || !strings.Contains(err.Error(), "a.b has no primary key") {
		t.Error(err)
	}
}

// TestRowsColumns: a plan needs what it sends and sorts and judges by, and no more.
func TestRowsColumns(t *testing.T) {
	table := rowsTable("id", "a", "b", "c", "d", "e", "f")
	set := compile(t, Options{}, Table{Name: "a.b", Columns: []string{"f"}, Where: "c > 1", Event: "{row.f}", Rows: RowsConfig{Limit: 1}, Order: "d, a DESC"},
		Table{Name: "a.b", As: "text", Columns: []string{"b", "e"}, Data: "text", Text: "{{.e}}", Rows: RowsConfig{Limit: 1}})
	for i, want := range [][]int{{0, 1, 3, 4, 6}, {0, 2, 5}} {
		p, err := set.PlanRows(i, table, nil, false)
		must(t, err)
		if !slices.Equal(p.Columns(), want) {
			t.Errorf("%v, want %v", p.Columns(), want)
		}
	}
}

// TestRowsWithoutKey: only equal rows have one place, and ORDER BY tells apart what can
// be compared.
func TestRowsWithoutKey(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec(append([]string{"CREATE DATABASE nokey", "CREATE TABLE nokey.t (a INT, b VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, doc TEXT, js JSON)"}, session...)...))
		set := compile(t, Options{}, Table{Name: "nokey.t", Rows: RowsConfig{Limit: 3}, Order: "a"}, Table{Name: "nokey.t", As: "x", Rows: RowsConfig{Limit: 3}})
		list := []string{"(1, 'a', 'x', '1')", "(1, 'A', 'x', '1')", "(1, 'a', 'y', '1')", "(1, 'a', 'x', '2')", "(NULL, 'a', 'x', '1')", "(1, NULL, 'x', '1')", "(1, 'a', NULL, '1')", "(1, 'a', 'x', '1')", "(1, '', 'ax', '1')"}
		var places [2][][]byte
		changes(t, s, "nokey", func() { must(t, s.Exec("INSERT INTO nokey.t VALUES "+strings.Join(list, ", "))) }, func(c *cdc.Change) {
			for i, want := range []string{"`a`, `b`", "`a` DESC, `b` DESC"} {
				p, err := set.PlanRows(i, c.Table, nil, false)
				must(t, err)
				if p.OrderBy() != want || p.Resumable() || p.Descends() != (i == 1) {
					t.Errorf("%d: %s, %t", i, p.OrderBy(), p.Resumable())
				}
				place, err := p.AppendPlace(nil, kept(t, c.After, p.Columns()))
				must(t, err)
				for n, other := range places[i] {
					if equal := p.Compare(place, other) == 0; equal != (list[n] == list[len(places[i])]) || p.Compare(other, place) != -p.Compare(place, other) {
						t.Errorf("%s and %s: %d", list[n], list[len(places[i])], p.Compare(place, other))
					}
				}
				places[i] = append(places[i], place)
			}
			set.Render(c, func(_ int, _ cdc.Op, _ string, _, _ []byte, tag any, err error) {
				must(t, err)
				if tag != nil {
					t.Errorf("a tag without places: %v", tag)
				}
			})
		})
		must(t, s.Exec("DROP DATABASE nokey"))
	})
}

// TestRowsWithinMinimal: an image that lacks the key has it from the other one.
func TestRowsWithinMinimal(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f, "--binlog-row-image=MINIMAL")
		must(t, s.Exec("CREATE DATABASE minimal", "CREATE TABLE minimal.t (a INT, b INT DEFAULT 5, n INT, PRIMARY KEY (a, b))"))
		set := compile(t, Options{}, Table{Name: "minimal.t", On: []string{"insert", "update", "delete"}, Rows: RowsConfig{All: true}})
		var got []string
		var upTo []byte
		changes(t, s, "minimal", func() {
			must(t, s.Exec("INSERT INTO minimal.t (a, b, n) VALUES (5, 5, 0)", "INSERT INTO minimal.t (a, b) VALUES (4, 9), (6, 1)", "UPDATE minimal.t SET n = 7", "UPDATE minimal.t SET a = 7 WHERE a = 4", "UPDATE minimal.t SET b = 4 WHERE b = 5",
				"UPDATE minimal.t SET b = 6 WHERE b = 4", "DELETE FROM minimal.t"))
		}, func(c *cdc.Change) {
			p, err := set.PlanRows(0, c.Table, nil, true)
			must(t, err)
			if upTo == nil {
				upTo, err = p.AppendPlace(nil, c.After)
				must(t, err)
			}
			set.Render(c, func(_ int, op cdc.Op, _ string, _, _ []byte, tag any, err error) {
				must(t, err)
				before, after, ok := p.Within(tag, upTo)
				got = append(got, fmt.Sprintf("%s %t %t %t %t", op, before, after, ok, tag.(*rowsTag).Crossing()))
			})
		})
		want := []string{"insert false true true false",
			"insert false true true false", "insert false false true false",
			"update true true true false", "update true true true false", "update false false true false",
			"update true false true false", "delete true false true true", "insert true false true true",
			"update true true true false", "delete true true true true", "insert true true true true",
			"update true false true false", "delete true false true true", "insert true false true true",
			"delete false false true false", "delete false false true false", "delete false false true false"}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestRowsAllocate: a row costs nothing but what is kept of it.
func TestRowsAllocate(t *testing.T) {
	set := compile(t, Options{MaskKey: "k"}, Table{Name: "bench.picks", Where: "status = :status AND round >= :round", Params: map[string]string{"status": "", "round": "0"},
		Mask: map[string]string{"player": "sha256"}, Event: "{row.team}", Rows: RowsConfig{All: true}, Order: "team DESC, salary, created"})
	during(t, func(c *cdc.Change) {
		b, err := set.Bind(0, map[string]string{"status": "PUBLIC"})
		must(t, err)
		p, err := set.PlanRows(0, c.Table, b, false)
		must(t, err)
		place := make([]byte, 0, 1024)
		bytes := 0
		emit := func(_ string, data []byte) error { bytes += len(data); return nil }
		if n := testing.AllocsPerRun(200, func() {
			ok, err := p.Match(c.After)
			if !ok || err != nil {
				t.Fatal(ok, err)
			}
			if place, err = p.AppendPlace(place[:0], c.After); err != nil || p.Compare(place, place) != 0 {
				t.Fatal(err)
			}
			must(t, p.Render(c.After, emit))
		}); n > 1 && !raced || bytes == 0 { // the name of the event is a string
			t.Errorf("%v allocations for each row, %d bytes", n, bytes)
		}
	})
}
