package filters

import (
	"fmt"
	"strings"
	"testing"

	"rowcast/cdc"
	"rowcast/internal/throwaway"
)

// TestNothingLeaks: neither a masked nor an unlisted column's value comes out
// by any way.
func TestNothingLeaks(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE leak", "CREATE TABLE leak.users (secretid VARCHAR(20) PRIMARY KEY, name VARCHAR(20), email VARCHAR(40), pin VARCHAR(20), note VARCHAR(20))"))
		all := []string{"insert", "update", "delete"}
		masks := map[string]string{"secretid": "redact", "email": "sha256", "pin": "null"}
		set := compile(t, Options{MaskKey: "k"},
			Table{Name: "leak.users", As: "a", On: all, Before: true, Mask: masks, Columns: []string{"secretid", "name", "email", "pin"}},
			Table{Name: "leak.users", As: "b", On: all, Before: true, Columns: []string{"name"}, Where: "pin LIKE 'SECRET%' AND note <> 'x'"},
			Table{Name: "leak.users", As: "c", On: all, Data: "text", Mask: masks, Columns: []string{"secretid", "name", "email", "pin"}, Text: "{{.}} {{range $k, $v := .}}{{$k}}={{$v}} {{end}}{{.pin}}"},
			Table{Name: "leak.users", As: "d", On: all, Data: "text", Columns: []string{"name"}, Text: "{{slice .name 0 90}}"},
			Table{Name: "leak.users", As: "e", On: all, Data: "row", Mask: masks, Columns: []string{"secretid", "name", "email", "pin"}, Where: "email = 'SECRET3' OR pin + 0 = 0"},
		)
		var out strings.Builder
		changes(t, s, "leak", func() {
			must(t, s.Exec("INSERT INTO leak.users VALUES ('SECRET1', 'public', 'SECRET3', 'SECRET4', 'SECRET5')",
				"UPDATE leak.users SET name = 'other', secretid = 'SECRET6'", "UPDATE leak.users SET pin = 'SECRET7'", "DELETE FROM leak.users"))
		}, func(c *cdc.Change) {
			set.Render(c, func(stream int, op cdc.Op, event string, data, key []byte, tag any, err error) {
				out.Write(data)
				if err != nil {
					out.WriteString(err.Error() + "\n")
				}
			})
			for i := range set.Streams() {
				for _, cl := range set.Explain(i, c, nil) {
					out.WriteString(cl.Text + cl.Before + cl.After)
					for _, v := range cl.Values {
						out.WriteString(v.Column + v.Before + v.After)
					}
				}
			}
		})
		got := strings.ReplaceAll(out.String(), "SECRET%", "") // the operator's own text
		got = strings.ReplaceAll(got, "'SECRET3'", "")
		if strings.Contains(got, "SECRET") || !strings.Contains(got, "public") || !strings.Contains(got, hmacHex("k", "SECRET3")) {
			t.Errorf("it leaks, or says nothing: %s", got)
		}
		if !strings.Contains(got, "can't be rendered for this row") {
			t.Errorf("a template's failure is not told: %s", got)
		}
		must(t, s.Exec("DROP DATABASE leak"))
	})
}

// TestMinimalImages: what an image lacks is left out, and where refuses to guess.
func TestMinimalImages(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE mini", "CREATE TABLE mini.t (id INT PRIMARY KEY, a INT, b VARCHAR(10))", "SET SESSION binlog_row_image = MINIMAL"))
		all := []string{"insert", "update", "delete"}
		set := compile(t, Options{}, Table{Name: "mini.t", As: "plain", On: all, Before: true}, Table{Name: "mini.t", As: "where", On: all, Columns: []string{"id"}, Where: "a = 2"},
			Table{Name: "mini.t", As: "text", On: []string{"update"}, Data: "text", Text: "{{.b}}"})
		frames := rendered(t, s, "mini", set, "INSERT INTO mini.t VALUES (1, 2, 'x')", "UPDATE mini.t SET b = 'y'", "UPDATE mini.t SET id = 5", "DELETE FROM mini.t")
		must(t, s.Exec("SET SESSION binlog_row_image = FULL"))
		wantFrames(t, frames, `
		insert | {"op":"insert","table":"mini.t","key":{"id":1},"row":{"id":1,"a":2,"b":"x"},"ts":0}
		insert | {"op":"insert","table":"mini.t","key":{"id":1},"row":{"id":1},"ts":0}
		update | {"op":"update","table":"mini.t","key":{"id":1},"row":{"b":"y"},"before":{"id":1},"ts":0}
		error: stream where: where can't be judged for a change: the row image lacks column "a", which where needs: set binlog_row_image=FULL
		update | y
		update | {"op":"update","table":"mini.t","key":{"id":5},"old_key":{"id":1},"row":{"id":5},"before":{"id":1},"ts":0}
		error: stream where: where can't be judged for a change: the row image lacks column "a", which where needs: set binlog_row_image=FULL
		error: stream text: the row image lacks column "b", which its text needs: set binlog_row_image=FULL
		delete | {"op":"delete","table":"mini.t","key":{"id":5},"before":{"id":5},"ts":0}
		error: stream where: where can't be judged for a change: the row image lacks column "a", which where needs: set binlog_row_image=FULL
		`)
		must(t, s.Exec("DROP DATABASE mini"))
	})
}

func TestExplain(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE expl", "CREATE TABLE expl.t (id INT PRIMARY KEY, a INT, b VARCHAR(10), c INT)"))
		set := compile(t, Options{}, Table{Name: "expl.t", Columns: []string{"id", "a", "b"}, Where: "a > :min AND (b = 'x' OR b IS NULL) AND c = 1", Params: map[string]string{"min": "3"}})
		var clauses []Clause
		changes(t, s, "expl", func() {
			must(t, s.Exec("INSERT INTO expl.t VALUES (1, 2, NULL, 7)", "UPDATE expl.t SET a = 5, b = 'y', c = NULL"))
		}, func(c *cdc.Change) {
			clauses = set.Explain(0, c, nil)
		})
		want := []Clause{
			{Text: "a > :min", Before: "false", After: "true", Values: []Value{{Column: "a", Before: "2", After: "5"}}},
			{Text: "b = 'x' or b is null", Before: "true", After: "false", Values: []Value{{Column: "b", Before: "NULL", After: "y"}}},
			{Text: "c = 1", Before: "false", After: "null", Values: []Value{{Column: "c", Hidden: true}}},
		}
		for i, c := range clauses {
			w := want[i]
			if c.Text != w.Text || c.Before != w.Before || c.After != w.After || c.Err != nil || c.Values[0] != w.Values[0] {
				t.Errorf("got %+v, want %+v", c, w)
			}
		}
		must(t, s.Exec("DROP DATABASE expl"))
	})
}

func TestNames(t *testing.T) {
	set := compile(t, Options{}, Table{Name: "draft.*", As: "all"}, Table{Name: "draft.picks", As: "picks"}, Table{Name: "draft.picks", As: "more"},
		Table{Name: "*.picks", As: "any"}, Table{Name: "other.t*", As: "t"})
	for _, c := range []struct{ schema, table, want string }{
		{"draft", "picks", "[0 1 2 3]"}, {"draft", "x", "[0]"}, {"a", "picks", "[3]"}, {"a", "x", "[]"}, {"other", "tt", "[4]"}, {"other", "picks", "[3]"}, {"", "", "[0 1 2 3 4]"},
	} {
		if got := set.Affected(c.schema, c.table); strings.Trim(strings.Join(strings.Fields(fmt.Sprint(got)), " "), "") != c.want {
			t.Errorf("%s.%s: %v, want %s", c.schema, c.table, got, c.want)
		}
		if c.table != "" && set.Wants([]byte(c.schema), []byte(c.table)) != (c.want != "[]") {
			t.Errorf("wants %s.%s: not %s", c.schema, c.table, c.want)
		}
	}
	for name, refused := range map[string]bool{"draft.we`ird": false, "draft.`": false, "`draft`.picks": true, "draft.`picks`": true, "`draft.picks`": false} {
		if _, err := parseName(name); (err != nil) != refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []struct {
		i, j int
		want bool
	}{{0, 1, true}, {1, 2, true}, {0, 3, true}, {3, 4, false}, {0, 4, false}, {1, 3, true}, {1, 4, false}} {
		if set.Overlap(c.i, c.j) != c.want || set.Overlap(c.j, c.i) != c.want {
			t.Errorf("overlap of %d and %d is not %t", c.i, c.j, c.want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { set.Wants([]byte("draft"), []byte("picks")); set.Wants([]byte("no"), []byte("such")) }); n != 0 {
		t.Errorf("Wants allocates %v times", n)
	}
}
