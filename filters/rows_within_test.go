package filters

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"rowcast/cdc"
	"rowcast/internal/throwaway"
)

func (f *frame) crossing() bool {
	t, ok := f.tag.(interface{ Crossing() bool })
	return ok && t.Crossing()
}

// reader is a client in the midst of rows: it has those up to a key.
type reader struct {
	plan *RowsPlan
	upTo []byte
	b    *Binding
	rows map[string]bool // that it shows, by what is sent of the key
}

// take is what a client in the midst of rows makes of one change's frames: what a
// change does to the rows that it has is for it, the rest comes with later rows.
func (r *reader) take(t *testing.T, frames []frame) {
	t.Helper()
	for _, f := range frames {
		must(t, f.err)
		if r.b != nil {
			if r.b.Key() != "" && f.key != "" && f.key != r.b.Key() {
				continue
			}
			ok, err := r.b.Match(f.tag)
			must(t, err)
			if !ok {
				continue
			}
		}
		first, second, ok := r.plan.Within(f.tag, r.upTo)
		if !ok {
			t.Fatalf("can't be told: %+v", f)
		}
		switch {
		case f.op == cdc.Insert && !second, f.op == cdc.Delete && !first, f.crossing() && first == second:
			continue
		case f.op == cdc.Update && !(first && second):
			continue
		}
		r.apply(t, f)
	}
}

// apply keeps the list that a page would show.
func (r *reader) apply(t *testing.T, f frame) {
	t.Helper()
	key, old := between(f.data, `"key":{`, "}"), between(f.data, `"old_key":{`, "}")
	switch f.op {
	case cdc.Insert:
		if r.rows[key] {
			t.Errorf("inserted twice: %s", f.data)
		}
		r.rows[key] = true
	case cdc.Delete:
		if !r.rows[key] {
			t.Errorf("deleted, and was not there: %s", f.data)
		}
		delete(r.rows, key)
	case cdc.Update:
		if old == "" {
			old = key
		}
		if !r.rows[old] {
			t.Errorf("updated, and was not there: %s", f.data)
		}
		delete(r.rows, old)
		r.rows[key] = true
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, ok := strings.Cut(s, to)
	if !ok {
		return ""
	}
	return s
}

// TestRowsWithin: whatever key a client in the midst of rows has got to, the changes
// that Within gives it make of its rows the table up to that key.
func TestRowsWithin(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE within", `CREATE TABLE within.t (a VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, b INT, room INT, n INT, PRIMARY KEY (a, b))`))
		on := []string{"insert", "update", "delete"}
		set := compile(t, Options{},
			Table{Name: "within.t", As: "all", On: on, Rows: RowsConfig{All: true}},
			Table{Name: "within.t", As: "n", On: on, Rows: RowsConfig{All: true}, Where: "n > 0"},
			Table{Name: "within.t", As: "room", On: on, Rows: RowsConfig{All: true}, Where: "room = :room", Params: map[string]string{"room": ""}},
			Table{Name: "within.t", As: "both", On: on, Rows: RowsConfig{All: true}, Where: "room = :room AND n > :n", Params: map[string]string{"room": "", "n": "0"}},
			Table{Name: "within.t", As: "plain", On: on},
		)
		seeds := []string{"INSERT INTO within.t VALUES ('a', 1, 1, 1), ('a', 2, 2, 1), ('B', 1, 1, 0), ('b', 2, 1, 5), ('ç', 1, 1, 1), ('D', 9, 2, 2)"}
		seeds = append(seeds, []string{ // forward and back, over each boundary
			"UPDATE within.t SET b = 3 WHERE a = 'a' AND b = 1", "UPDATE within.t SET a = 'z' WHERE a = 'b' AND b = 2", "UPDATE within.t SET a = 'AA' WHERE a = 'z'",
			"UPDATE within.t SET a = 'cc' WHERE a = 'B' AND n = 0", "UPDATE within.t SET a = 'C', n = 7, room = 1 WHERE a = 'D'", "UPDATE within.t SET room = 2, a = 'e' WHERE a = 'ç' AND n = 1",
			"UPDATE within.t SET room = 1, a = 'B' WHERE a = 'e'", "UPDATE within.t SET n = 0, a = 'y' WHERE a = 'a' AND b = 2", "UPDATE within.t SET n = 3, a = 'a' WHERE a = 'y'",
			"INSERT INTO within.t VALUES ('b', 5, 1, 1), ('0', 0, 1, 1)", "DELETE FROM within.t WHERE b > 3", "UPDATE within.t SET n = n + 1", "UPDATE within.t SET n = 0 WHERE b = 1", "UPDATE within.t SET a = UPPER(a)",
			"DELETE FROM within.t",
		}...)
		type image struct {
			key   string
			place []byte
			match [4]bool // by stream
		}
		var all [][]frame // by change
		var images [][2]*image
		var places [][]byte
		bindings := make([]*Binding, 4)
		for stream, params := range []map[string]string{nil, nil, {"room": "1"}, {"room": "1", "n": "2"}} {
			var err error
			bindings[stream], err = set.Bind(stream, params)
			must(t, err)
		}
		var table *cdc.Table
		changes(t, s, "within", func() { must(t, s.Exec(seeds...)) }, func(c *cdc.Change) {
			table = c.Table
			var frames []frame
			set.Render(c, func(stream int, op cdc.Op, event string, data, key []byte, tag any, err error) {
				frames = append(frames, frame{stream, op, event, string(data), string(key), tag, err})
			})
			all = append(all, frames)
			images = append(images, [2]*image{})
			for side, im := range []*cdc.Image{c.Before, c.After} {
				if im == nil {
					continue
				}
				a, err := im.AppendText(nil, 0)
				must(t, err)
				in := &image{key: fmt.Sprintf(`"a":"%s","b":%d`, a, im.Int64(1))}
				images[len(images)-1][side] = in
				for stream, b := range bindings {
					p, err := set.PlanRows(stream, c.Table, b, true)
					must(t, err)
					in.match[stream], err = p.Match(im)
					must(t, err)
					in.place, err = p.AppendPlace(nil, im)
					must(t, err)
				}
				places = append(places, in.place)
			}
		})
		crossed := 0
		for stream, b := range bindings {
			plan, err := set.PlanRows(stream, table, b, true)
			must(t, err)
			for _, upTo := range slices.Concat(places, [][]byte{{0}}) {
				r := &reader{plan: plan, upTo: upTo, b: b, rows: map[string]bool{}}
				truth := map[string]bool{}
				for n, frames := range all {
					frames = slices.DeleteFunc(slices.Clone(frames), func(f frame) bool { return f.stream != stream })
					r.take(t, frames)
					for side, im := range images[n] {
						if im == nil || !im.match[stream] || plan.Compare(im.place, upTo) > 0 {
							continue
						}
						if side == before {
							delete(truth, im.key)
						} else {
							truth[im.key] = true
						}
					}
					if !maps.Equal(r.rows, truth) {
						t.Fatalf("stream %d, up to %q, after %v: shows %v, there are %v", stream, upTo, frames, r.rows, truth)
					}
					for _, f := range frames {
						if f.crossing() {
							crossed++
						}
					}
				}
			}
		}
		if crossed < 100 {
			t.Errorf("only %d frames cross", crossed)
		}
		for _, frames := range all {
			for _, f := range frames {
				if f.stream == 4 && f.tag != nil {
					t.Errorf("a stream without rows has a tag: %+v", f)
				}
				if f.crossing() && f.op == cdc.Update {
					t.Errorf("an update crosses: %+v", f)
				}
			}
		}
		must(t, s.Exec("DROP DATABASE within"))
	})
}

// TestRowsWithinAfterAlter: places of another key can't be compared.
func TestRowsWithinAfterAlter(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f, "--binlog-row-metadata=FULL")
		must(t, s.Exec("CREATE DATABASE withinalter", "CREATE TABLE withinalter.t (id INT PRIMARY KEY, k INT NOT NULL DEFAULT 0, e ENUM('a','b') NOT NULL DEFAULT 'a')"))
		set := compile(t, Options{}, Table{Name: "withinalter.t", Rows: RowsConfig{All: true}, Columns: []string{"k"}})
		var tables []*cdc.Table
		var tags []any
		changes(t, s, "withinalter", func() {
			for i, alter := range []string{"COMMENT 'x'", "MODIFY k BIGINT NOT NULL", "MODIFY id BIGINT NOT NULL", "DROP PRIMARY KEY, ADD PRIMARY KEY (k, id)", "DROP PRIMARY KEY, ADD PRIMARY KEY (id)",
				"RENAME COLUMN k TO id2, RENAME COLUMN id TO k", "DROP PRIMARY KEY, ADD PRIMARY KEY (e)", "MODIFY e ENUM('b','a') NOT NULL"} {
				must(t, s.Exec("DELETE FROM withinalter.t", "ALTER TABLE withinalter.t "+alter, fmt.Sprintf("INSERT INTO withinalter.t VALUES (%d, %d, 'a')", i, i+100)))
			}
		}, func(c *cdc.Change) {
			if c.Op != cdc.Insert {
				return
			}
			tables = append(tables, c.Table)
			set.Render(c, func(_ int, _ cdc.Op, _ string, _, _ []byte, tag any, err error) {
				must(t, err)
				tags = append(tags, tag)
			})
		})
		var alike []string
		for _, table := range tables {
			plan, err := set.PlanRows(0, table, nil, true)
			must(t, err)
			row := ""
			for _, tag := range tags {
				if _, _, ok := plan.Within(tag, nil); ok {
					row += "x"
				} else {
					row += "-"
				}
			}
			alike = append(alike, row)
			if _, _, ok := plan.Within(nil, nil); ok {
				t.Error("it is told of a frame without a tag")
			}
		}
		want := []string{"xxx-x---", "xxx-x---", "xxx-x---", "---x----", "xxx-x---", "-----x--", "------x-", "-------x"}
		if !slices.Equal(alike, want) {
			t.Errorf("places are comparable as\n%s, want\n%s", strings.Join(alike, "\n"), strings.Join(want, "\n"))
		}
	})
}
