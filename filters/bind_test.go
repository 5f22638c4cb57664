package filters

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rowcast/cdc"
	"rowcast/internal/throwaway"
)

// received is what a subscription gets of rendered frames. One that it can't
// judge has the error.
func received(b *Binding, frames []frame) (got []frame) {
	for _, f := range frames {
		ok := f.err != nil
		if !ok && (b.Key() == "" || f.key == "" || f.key == b.Key()) {
			if ok, f.err = b.Match(f.tag); f.err != nil {
				ok, f.data = true, ""
			}
		}
		if ok {
			got = append(got, f)
		}
	}
	return got
}

func bind(t testing.TB, set *Set, params ...string) *Binding {
	t.Helper()
	m := map[string]string{}
	for i := 0; i < len(params); i += 2 {
		m[params[i]] = params[i+1]
	}
	b, err := set.Bind(0, m)
	must(t, err)
	return b
}

// TestBindings moves rows between rooms and looks at who hears of what.
func TestBindings(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE bind", "CREATE TABLE bind.chat (id INT PRIMARY KEY, room_id INT, round INT, body VARCHAR(20))"))
		set := compile(t, Options{}, Table{Name: "bind.chat", Columns: []string{"id"}, On: []string{"insert", "update", "delete"},
			Where: "room_id = :room AND body <> 'hidden' AND round >= :round", Params: map[string]string{"room": "", "round": "0"}})
		early := bind(t, set, "room", "7")
		sql := []string{
			"INSERT INTO bind.chat VALUES (1, 7, 1, 'x')",     // to room 7
			"UPDATE bind.chat SET body = 'y'",                 // stays
			"UPDATE bind.chat SET round = 5",                  // stays; comes to who wants round 3
			"UPDATE bind.chat SET room_id = 8",                // from 7 to 8
			"UPDATE bind.chat SET body = 'hidden'",            // goes
			"UPDATE bind.chat SET body = 'z', room_id = NULL", // still gone
			"UPDATE bind.chat SET room_id = 7, round = 2",     // comes to 7
			"UPDATE bind.chat SET id = 2",                     // changes its key
			"DELETE FROM bind.chat",                           // goes
			"INSERT INTO bind.chat VALUES (3, 7, NULL, 'x')",  // round is not known
			"DELETE FROM bind.chat",
		}
		must(t, s.Exec("INSERT INTO bind.chat VALUES (0, 0, 0, '')", "DELETE FROM bind.chat"))
		var late [4]*Binding
		frames := rendered(t, s, "bind", set, "INSERT INTO bind.chat VALUES (9, 9, 9, '')", "DELETE FROM bind.chat")
		if len(received(early, frames)) != 0 {
			t.Errorf("room 7 hears of room 9: %s", show(frames))
		}
		late[0], late[1] = bind(t, set, "room", "7"), bind(t, set, "room", " 07.0 ", "round", "3")
		late[2], late[3] = bind(t, set, "room", "8"), bind(t, set, "room", "9")
		frames = rendered(t, s, "bind", set, sql...)
		want := map[*Binding]string{
			early:   "insert1 update1 update1 delete1 insert1 update2 delete2",
			late[0]: "insert1 update1 update1 delete1 insert1 update2 delete2",
			late[1]: "insert1 delete1",
			late[2]: "insert1 delete1",
			late[3]: "",
		}
		for b, want := range want {
			var got []string
			for _, f := range received(b, frames) {
				_, id, _ := strings.Cut(f.data, `"id":`)
				got = append(got, f.op.String()+id[:1])
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%q gets %v, want %s", b.ID(), got, want)
			}
		}
		if early.Key() == late[0].Key() || late[0].Key() != late[1].Key() || late[0].ID() == late[1].ID() || bind(t, set, "room", "7") != late[0] {
			t.Error("keys or ids are not as they should be")
		}
		must(t, s.Exec("DROP DATABASE bind"))
	})
}

// TestBoundValues compares `column = :p` with `column = 'value'` of the servers
// for columns of every type, before and after an ALTER changes the key's type.
func TestBoundValues(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		create := strings.ReplaceAll(every, "diff.every", "bound.every")
		cols := columns()
		if s.Flavor() == throwaway.MariaDB {
			create = strings.ReplaceAll(create, "utf8mb4_0900_ai_ci", "uca1400_ai_ci")
			create = strings.ReplaceAll(create, "js JSON", "js JSON, uu UUID, a4 INET4, a6 INET6")
			cols = append(cols, "uu", "a4", "a6")
		}
		must(t, s.Exec("CREATE DATABASE bound", create, "SET sql_mode = ''", "SET NAMES utf8mb4"))
		insert := []string{}
		for i := range 24 {
			values := []string{fmt.Sprint(i)}
			for _, c := range cols {
				pool := poolOf(c, i)
				values = append(values, pool[i%len(pool)])
			}
			insert = append(insert, fmt.Sprintf("INSERT INTO bound.every (id, %s) VALUES (%s)", strings.Join(cols, ", "), strings.Join(values, ", ")))
		}
		var tables []Table
		for _, c := range cols {
			tables = append(tables, Table{Name: "bound.every", As: c, Columns: []string{"id"}, Data: "row", Where: c + " = :p", Params: map[string]string{"p": ""}})
		}
		set := compile(t, Options{}, tables...)
		rendered(t, s, "bound", set, insert[23]) // the table is known from here on
		must(t, s.Exec("DELETE FROM bound.every"))
		frames := rendered(t, s, "bound", set, insert...)
		compared := 0
		for i, c := range cols {
			for _, v := range slices.Concat(poolOf(c, 0), []string{"'7'", "'abc'", "'ABC  '", "'1.0'", "'É'"}) {
				if v == "NULL" || v[0] == 'x' || strings.Contains(v, "\\") {
					continue
				}
				v = strings.Trim(v, "'")
				b, err := set.Bind(i, map[string]string{"p": v})
				if err != nil {
					continue // no number, no date: what the servers would do with a warning
				}
				var got, want []string
				for _, f := range received(b, slices.DeleteFunc(slices.Clone(frames), func(f frame) bool { return f.stream != i })) {
					got = append(got, strings.TrimSuffix(strings.TrimPrefix(f.data, `{"id":`), `}`))
				}
				rows, err := s.Query(fmt.Sprintf("SELECT id FROM bound.every WHERE %s = '%s' ORDER BY id", c, v))
				must(t, err)
				for _, row := range rows {
					want = append(want, row[0])
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s = %q: got %v, want %v", c, v, got, want)
				}
				compared++
			}
		}
		t.Logf("%d values compared", compared)
		must(t, s.Exec("DROP DATABASE bound"))
	})
}

// TestUnjudgedBindings: what a binding can't judge is an error, of which only the
// public half is for clients; a clause before it may decide alone.
func TestUnjudgedBindings(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE unj", "CREATE TABLE unj.t (id INT PRIMARY KEY, d DATE, r VARCHAR(9))", "SET sql_mode = ''"))
		set := compile(t, Options{}, Table{Name: "unj.t", As: "s", Data: "row", Columns: []string{"id"}, Where: "r = :r AND MONTH(d) = :m", Params: map[string]string{"r": "", "m": ""}})
		rendered(t, s, "unj", set, "INSERT INTO unj.t VALUES (1, NULL, NULL)")
		b, number := bind(t, set, "r", "secret", "m", "0"), bind(t, set, "r", "7", "m", "0")
		frames := rendered(t, s, "unj", set, "INSERT INTO unj.t VALUES (2, '2026-00-10', 'secret'), (3, '2026-00-10', 'other'), (4, '2026-01-10', 'secret')",
			"UPDATE unj.t SET r = 7")
		frames = append(frames, rendered(t, s, "unj", set, "ALTER TABLE unj.t MODIFY r INT", "INSERT INTO unj.t VALUES (5, '2026-01-10', 8)")...)
		fails := func(what string, b *Binding, want ...int) {
			t.Helper()
			var got []int
			for i, f := range frames {
				if b.Key() != "" && f.key != "" && f.key != b.Key() {
					continue
				}
				_, err := b.Match(f.tag)
				var fault *Fault
				switch {
				case err == nil:
				case !errors.As(err, &fault) || fault.Public() != "stream s: where can't be judged for a change" || strings.Contains(fault.Public(), "secret"):
					t.Errorf("%s: %v", what, err)
				default:
					got = append(got, i)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: frames %v of %d failed, want %v", what, got, len(frames), want)
			}
		}
		fails("a zero date, and then a text that is not a number", b, 0, len(frames)-1)
		fails("zero dates", number, 4, 5) // 3 is of the first row, whose date is NULL
		must(t, s.Exec("DROP DATABASE unj"))
	})
}

// poolOf is one of a column's pools.
func poolOf(column string, i int) []string {
	if list := addressPools[column]; list != nil {
		return list
	}
	list := columnPools[column]
	return pools[list[i%len(list)]]
}

// TestBindingsAfterAlter: a binding that was made before its column changed
// type goes on getting exactly what matches.
func TestBindingsAfterAlter(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE alt", "CREATE TABLE alt.t (id INT PRIMARY KEY, k INT)"))
		set := compile(t, Options{}, Table{Name: "alt.t", Data: "row", Where: "k = :k", Params: map[string]string{"k": ""}})
		rendered(t, s, "alt", set, "INSERT INTO alt.t VALUES (1, 1)")
		old := bind(t, set, "k", "7")
		frames := rendered(t, s, "alt", set, "INSERT INTO alt.t VALUES (2, 7), (3, 8)")
		frames = append(frames, rendered(t, s, "alt", set,
			"ALTER TABLE alt.t MODIFY k VARCHAR(10)", "INSERT INTO alt.t VALUES (4, '7'), (5, '07'), (6, '8')")...)
		fresh := bind(t, set, "k", "7")
		if old.ID() == fresh.ID() {
			t.Error("bindings of different shape have one id")
		}
		for _, b := range []*Binding{old, fresh} {
			var got []string
			for _, f := range received(b, frames) {
				got = append(got, f.data)
			}
			want := `{"id":2,"k":7} {"id":4,"k":"7"}`
			if b == fresh {
				want = `{"id":4,"k":"7"}` // what was rendered before it came had the old form
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%q gets %v, want %s", b.ID(), got, want)
			}
		}
		runtime.KeepAlive(old)
		// A type for which there are no keys: frames with a key are not for a client that comes now.
		frames = append(frames, rendered(t, s, "alt", set, "ALTER TABLE alt.t MODIFY k DECIMAL(5,2)", "INSERT INTO alt.t VALUES (7, 7), (8, 8)")...)
		var got []string
		for _, f := range received(bind(t, set, "k", "7"), frames) {
			got = append(got, f.data)
		}
		if want := `{"id":4,"k":"7"} {"id":7,"k":"7.00"}`; strings.Join(got, " ") != want { // 4 was for everybody to judge
			t.Errorf("without keys: got %v, want %s", got, want)
		}
		must(t, s.Exec("DROP DATABASE alt"))
	})
}

// TestKeysOfSomeTables: under a wildcard a look-up decides for one table and not for
// another, in which servers compare the parameter in a way of their own. Whichever
// was seen when a client came, it gets its rows of both.
func TestKeysOfSomeTables(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE some", "CREATE TABLE some.a (id INT PRIMARY KEY, k INT)", "CREATE TABLE some.b (id INT PRIMARY KEY, k DECIMAL(5,2))"))
		for _, seen := range []string{"", "a", "b", "ab", "ba"} {
			set := compile(t, Options{}, Table{Name: "some.*", Data: "row", Columns: []string{"id"}, Where: "k = :k", Params: map[string]string{"k": ""}})
			must(t, s.Exec("DELETE FROM some.a", "DELETE FROM some.b"))
			for i, table := range strings.Split(seen, "") {
				rendered(t, s, "some", set, fmt.Sprintf("INSERT INTO some.%s VALUES (%d, 5)", table, i))
			}
			b := bind(t, set, "k", "7")
			var got []string
			for _, f := range received(b, rendered(t, s, "some", set, "INSERT INTO some.a VALUES (10, 7), (11, 8)", "INSERT INTO some.b VALUES (20, 7), (21, 8)", "INSERT INTO some.a VALUES (12, 7)")) {
				got = append(got, f.data)
			}
			if want := `{"id":10} {"id":20} {"id":12}`; strings.Join(got, " ") != want {
				t.Errorf("after %q was seen: got %v, want %s", seen, got, want)
			}
		}
		must(t, s.Exec("DROP DATABASE some"))
	})
}

// TestReshaped: before keys of another form are given to bindings it is said so,
// and rows of a definition that is not the newest are for bindings to judge.
func TestReshaped(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("SET GLOBAL binlog_row_metadata = FULL", "CREATE DATABASE back", "CREATE TABLE back.t (id INT PRIMARY KEY, k INT)"))
		set := compile(t, Options{}, Table{Name: "back.t", Data: "row", Where: "k = :k", Params: map[string]string{"k": ""}})
		src := source(t, s)
		var frames []frame
		var said []string
		set.OnReshape(func() { said = append(said, fmt.Sprintf("after %d", len(frames))) })
		places := []cdc.Position{now(t, src)}
		read := func(from, to int) {
			replay(t, src, "back", places[from], places[to], func(c *cdc.Change) {
				set.Render(c, func(stream int, op cdc.Op, event string, data, key []byte, tag any, err error) {
					frames = append(frames, frame{stream, op, event, string(data), string(key), tag, err})
				})
			})
		}
		for _, sql := range [][]string{
			{"INSERT INTO back.t VALUES (1, 7), (2, 8)"},
			{"ALTER TABLE back.t MODIFY k VARCHAR(10)", "INSERT INTO back.t VALUES (3, '7'), (4, '8')"},
			{"ALTER TABLE back.t MODIFY k INT", "INSERT INTO back.t VALUES (5, 7), (6, 8)"},
		} {
			must(t, s.Exec(sql...))
			places = append(places, now(t, src))
		}
		read(0, 1)
		read(1, 2)
		read(2, 3)
		if want := []string{"after 2", "after 4"}; !slices.Equal(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
		frames = nil
		read(0, 3) // a replay
		if len(said) != 2 {
			t.Errorf("a replay of older rows: %q", said)
		}
		late := bind(t, set, "k", "8")
		var got []string
		for _, f := range received(late, frames) {
			got = append(got, f.data)
		}
		if want := `{"id":2,"k":8} {"id":4,"k":"8"} {"id":6,"k":8}`; strings.Join(got, " ") != want {
			t.Errorf("who comes once all was rendered gets %v, want %s", got, want)
		}
		must(t, s.Exec("DROP DATABASE back", "SET GLOBAL binlog_row_metadata = DEFAULT"))
	})
}

func TestBindingsAreForgotten(t *testing.T) {
	set := compile(t, Options{}, Table{Name: "a.b", Where: "k = :k", Params: map[string]string{"k": ""}})
	for i := range 100 {
		bind(t, set, "k", fmt.Sprint(i))
	}
	live := &set.rules[0].bindings
	for limit := time.Now().Add(30 * time.Second); ; runtime.Gosched() {
		runtime.GC()
		live.mu.Lock()
		n := len(live.byID)
		live.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%d bindings are still known", n)
		}
	}
}

func TestBindErrors(t *testing.T) {
	set := compile(t, Options{}, Table{Name: "a.b", As: "s", Where: "k = :k AND r > :r", Params: map[string]string{"k": "", "r": "1"}}, Table{Name: "a.c"})
	for _, c := range []struct {
		params map[string]string
		want   string
	}{
		{nil, "stream s needs the parameter k, as in ?k=…"},
		{map[string]string{"k": "1", "z": "2"}, `"z" is not a parameter of stream s: it has k, r`},
		{map[string]string{"k": strings.Repeat("x", 2000)}, "the value of k has 2000 bytes, at most 1024 are allowed"},
		{map[string]string{"k": "\xff"}, "the value of k is not valid UTF-8 text"},
	} {
		if _, err := set.Bind(0, c.params); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v, want %s", c.params, err, c.want)
		}
	}
	if b, err := set.Bind(1, nil); b != nil || err != nil {
		t.Errorf("no params: %v, %v", b, err)
	}
	if _, err := set.Bind(1, map[string]string{"x": "1"}); err == nil || err.Error() != `"x" is not a parameter of stream a.c: it has none` {
		t.Errorf("unknown: %v", err)
	}
}

// TestJSONParameter: a label from the client, looked for in a JSON column.
func TestJSONParameter(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE tags", "CREATE TABLE tags.t (id INT PRIMARY KEY, tags JSON)"))
		set := compile(t, Options{}, Table{Name: "tags.t", Data: "row", Columns: []string{"id"}, Where: "JSON_CONTAINS(tags, JSON_QUOTE(:tag))", Params: map[string]string{"tag": ""}})
		b := bind(t, set, "tag", `a"b`)
		frames := rendered(t, s, "tags", set, `INSERT INTO tags.t VALUES (1, '["x", "a\\"b"]'), (2, '["a"]'), (3, NULL), (4, '"a\\"b"')`)
		var got []string
		for _, f := range received(b, frames) {
			got = append(got, f.data)
		}
		if strings.Join(got, " ") != `{"id":1} {"id":4}` {
			t.Errorf("got %v", got)
		}
		must(t, s.Exec("DROP DATABASE tags"))
	})
}
