package filters

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rowcast/cdc"
	"rowcast/cdc/row"
	"rowcast/internal/throwaway"
)

// placed is a row and its place.
type placed struct {
	id    string
	place []byte
}

// session is what rows are SELECTed in.
var session = []string{"SET NAMES utf8mb4", "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00', max_sort_length = 65536, sort_buffer_size = 2097152"}

func ids(t *testing.T, s *throwaway.Server, sql string) (list []string) {
	t.Helper()
	rows, err := s.Query(sql)
	must(t, err)
	for _, r := range rows {
		list = append(list, r[0])
	}
	return list
}

func sorted(p *RowsPlan, list []placed) (ids []string) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b placed) int { return p.Compare(a.place, b.place) })
	for _, r := range list {
		ids = append(ids, r.id)
	}
	return ids
}

// TestRowsOrder: places compare as ORDER BY sorts, in both directions, for columns of
// every type that has an order.
func TestRowsOrder(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		r := rand.New(rand.NewPCG(9, 10))
		create := strings.ReplaceAll(every, "diff.every", "roworder.every")
		create = strings.ReplaceAll(create, "lat VARCHAR(50)", "lat VARCHAR(5000)")
		cols := columns()
		if s.Flavor() == throwaway.MariaDB {
			create = strings.ReplaceAll(create, "utf8mb4_0900_ai_ci", "uca1400_as_cs")
			create = strings.ReplaceAll(create, "js JSON", "js JSON, uu UUID, a4 INET4, a6 INET6")
			cols = append(cols, "uu", "a4", "a6")
		}
		must(t, s.Exec(append([]string{"CREATE DATABASE roworder", create}, session...)...))
		var insert []string
		for id := range 200 {
			values := []string{strconv.Itoa(id - 100)}
			for _, c := range cols {
				value := pick(r, poolOf(c, r.IntN(2)))
				if c == "txt" || c == "blb" || c == "lat" {
					// Longer than what a LOB sorts by, or than servers sort by.
					value = fmt.Sprintf("CONCAT(REPEAT('%s', %d), '%c')", pick(r, []string{"x", "é", ""}), pick2(r, 3, 254, 255, 256, 1100), 'a'+rune(r.IntN(3)))
				}
				values = append(values, value)
			}
			insert = append(insert, fmt.Sprintf("INSERT INTO roworder.every (id, %s) VALUES (%s)", strings.Join(cols, ", "), strings.Join(values, ", ")))
		}
		orders := []string{"", "id", "`id` ASC", "dt, ts3 DESC, vc", "en DESC, st ASC", "u64, id DESC", "d, f DESC, dec2, bt"}
		for _, c := range cols {
			orders = append(orders, c, strings.ToUpper(c)+" desc", c+" ASC, id DESC", fmt.Sprintf("%s DESC, %s, %s DESC", c, next(cols, c, 5), next(cols, c, 11)))
		}
		var tables []Table
		for i, o := range orders {
			tables = append(tables, Table{Name: "roworder.every", As: fmt.Sprint(i), Rows: RowsConfig{All: true}, Order: o, Columns: []string{"i8"}})
		}
		set := compile(t, Options{}, tables...)
		plans := make([]*RowsPlan, len(orders))
		lists := make([][]placed, len(orders))
		first, refused := true, 0
		changes(t, s, "roworder", func() { must(t, s.Exec(insert...)) }, func(c *cdc.Change) {
			for i := range orders {
				if first {
					var err error
					if plans[i], err = set.PlanRows(i, c.Table, nil, false); err != nil {
						refused++
						if !strings.Contains(err.Error(), "column js is ") {
							t.Errorf("%s: %v", orders[i], err)
						}
					}
				}
				if plans[i] == nil {
					continue
				}
				id, err := c.After.AppendText(nil, 0)
				must(t, err)
				place, err := plans[i].AppendPlace(nil, c.After)
				must(t, err)
				lists[i] = append(lists[i], placed{string(id), place})
			}
			first = false
		})
		if refused < 4 || refused > 8 {
			t.Errorf("%d orders are refused", refused)
		}
		for i, p := range plans {
			if p == nil {
				continue
			}
			want := ids(t, s, "SELECT id FROM roworder.every ORDER BY "+p.OrderBy())
			if got := sorted(p, lists[i]); !slices.Equal(got, want) {
				t.Errorf("%q: %s\n got %v\nwant %v", orders[i], p.OrderBy(), got, want)
			}
			if wantDown := i == 0 || strings.Contains(strings.ToUpper(strings.Split(orders[i], ",")[0]), "DESC"); p.Descends() != wantDown {
				t.Errorf("%q: Descends is %t", orders[i], p.Descends())
			}
			if p.Resumable() {
				t.Errorf("%q: resumable, though its key is not sent", orders[i])
			}
		}
		must(t, s.Exec("DROP DATABASE roworder"))
	})
}

func pick2(r *rand.Rand, list ...int) int { return list[r.IntN(len(list))] }

// next is the name n after c.
func next(list []string, c string, n int) string {
	for at := slices.Index(list, c) + n; ; at++ {
		if name := list[at%len(list)]; name != "js" && name != c {
			return name
		}
	}
}

// keyTable is a table by whose key rows are paged.
type keyTable struct {
	columns string // as SQL
	key     string
	flavor  throwaway.Flavor // "": both
}

const mariaDB, mySQL = throwaway.MariaDB, throwaway.MySQL

var keyTables = []keyTable{
	{"a INT", "a", ""}, {"a SMALLINT", "a", ""}, {"a BIGINT UNSIGNED", "a", ""}, {"a BIGINT", "a", ""},
	{"a FLOAT", "a", ""}, {"a DOUBLE", "a", ""}, {"a DECIMAL(30,10)", "a", ""}, {"a BIT(40)", "a", ""}, {"a YEAR", "a", ""},
	{"a DATE", "a", ""}, {"a DATETIME(6)", "a", ""}, {"a DATETIME", "a", ""}, {"a TIMESTAMP(3) DEFAULT '2026-01-01'", "a", ""}, {"a TIME(3)", "a", ""},
	{"a CHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "a", ""},
	{"a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", "a", ""},
	{"a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "a", ""},
	{"a VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci", "a", ""},
	{"a VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin", "a", ""},
	{"a VARCHAR(20) CHARACTER SET latin2", "a", ""}, {"a VARCHAR(20) CHARACTER SET ucs2", "a", ""},
	{"a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci", "a", mySQL},
	{"a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_as_cs", "a", mySQL},
	{"a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin", "a", mySQL},
	{"a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_nopad_ci", "a", mariaDB},
	{"a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_ai_ci", "a", mariaDB},
	{"a VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_as_cs", "a", mariaDB},
	{"a BINARY(6)", "a", ""}, {"a VARBINARY(20)", "a", ""}, {"a TEXT CHARACTER SET utf8mb4", "a(10)", ""}, {"a BLOB", "a(10)", ""},
	{"a ENUM('small','Medium','large','É') CHARACTER SET latin1", "a", ""}, {"a SET('z','b','a','c')", "a", ""},
	{"a UUID", "a", mariaDB}, {"a INET6", "a", mariaDB}, {"a INET4", "a", mariaDB},
	{"a INT, b INT", "a, b", ""}, {"a INT, b VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "b, a", ""},
	{"a ENUM('z','y','x'), b SMALLINT UNSIGNED, c DECIMAL(5,2)", "a, b, c", ""},
	{"a DATE, b VARCHAR(9) CHARACTER SET latin1, c DOUBLE, d BINARY(3)", "a, b, c, d", ""},
	{"a INT, b INT, c INT, d INT, e INT", "e, c, a", ""},
}

// keyValues makes values for a column of a key.
func keyValues(r *rand.Rand, definition string) string {
	sql := definition[strings.IndexByte(definition, ' ')+1:]
	typ, _, _ := strings.Cut(strings.ReplaceAll(sql, "(", " "), " ")
	unsigned := strings.Contains(sql, "UNSIGNED")
	pool := map[string]string{"INT": "int", "SMALLINT": "int", "BIGINT": "big", "FLOAT": "real", "DOUBLE": "real", "DECIMAL": "dec", "BIT": "bit", "YEAR": "year",
		"DATE": "date", "DATETIME": "datetime", "TIMESTAMP": "timestamp", "TIME": "time", "BINARY": "binary", "VARBINARY": "binary", "BLOB": "binary", "ENUM": "enum", "SET": "set"}[typ]
	switch {
	case typ == "UUID":
		return pick(r, addressPools["uu"])
	case typ == "INET6":
		return pick(r, addressPools["a6"])
	case typ == "INET4":
		return pick(r, addressPools["a4"])
	case typ == "ENUM" && strings.Contains(sql, "'z'"):
		return pick(r, []string{"'x'", "'y'", "'z'"})
	case typ == "SET":
		return strconv.Itoa(r.IntN(16))
	case pool == "big" && unsigned:
		pool = "ubig"
	case pool == "int" && unsigned:
		pool = "uint"
	case pool == "int":
		return strconv.Itoa(r.IntN(40) - 20)
	case typ == "BIT":
		return strconv.Itoa(r.IntN(1 << 30))
	case pool == "real":
		return pick(r, []string{strconv.FormatFloat(r.NormFloat64(), 'g', -1, 64), "1e-30", "-1e-30", "1e30", "0.1", "-0.1", "16777216", "16777217", "0"})
	case pool == "dec":
		return fmt.Sprintf("%d.%02d", r.IntN(200)-100, r.IntN(100))
	case pool == "" && strings.Contains(sql, "latin1"), pool == "" && strings.Contains(sql, "latin2"):
		return fmt.Sprintf("CONCAT(%s, %s)", pick(r, pools["text"]), pick(r, []string{"''", "' '", "'b'", "CHAR(9)", "'`'", "'\\''"}))
	case pool == "":
		return fmt.Sprintf("CONCAT(%s, %s)", pick(r, pools[pick(r, []string{"text", "wide"})]), pick(r, []string{"''", "' '", "'b'", "CHAR(9)", "'`'", "'\\''", "'日'"}))
	case pool == "binary":
		return fmt.Sprintf("CONCAT(%s, %s)", pick(r, pools[pool]), pick(r, []string{"''", "x'00'", "' '", "x'27'"}))
	}
	return pick(r, pools[pool])
}

// TestRowsAfter: After is the rows that come later in the order of the key, and the key
// survives being written down.
func TestRowsAfter(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		r := rand.New(rand.NewPCG(11, 12))
		must(t, s.Exec(append([]string{"CREATE DATABASE rowafter"}, session...)...))
		must(t, s.Exec("SET sql_mode = ''"))
		var statements []string
		var tables []Table
		names := map[string]int{}
		for i, k := range keyTables {
			if k.flavor != "" && k.flavor != s.Flavor() {
				continue
			}
			name := fmt.Sprintf("t%d", i)
			names[name] = len(tables)
			tables = append(tables, Table{Name: "rowafter." + name, Rows: RowsConfig{Limit: 5}})
			statements = append(statements, fmt.Sprintf("CREATE TABLE rowafter.%s (%s, n INT NOT NULL AUTO_INCREMENT UNIQUE, PRIMARY KEY (%s))", name, k.columns, k.key))
			for range 60 {
				var values, columns []string
				for _, c := range strings.Split(strings.ReplaceAll(strings.ReplaceAll(k.columns, "(5,2)", "(5;2)"), "','", "';'"), ", ") {
					c = strings.ReplaceAll(c, ";", ",")
					columns = append(columns, c[:1])
					values = append(values, keyValues(r, c))
				}
				statements = append(statements, fmt.Sprintf("INSERT IGNORE INTO rowafter.%s (%s) VALUES (%s)", name, strings.Join(columns, ", "), strings.Join(values, ", ")))
			}
		}
		set := compile(t, Options{}, tables...)
		type paged struct {
			down, up *RowsPlan
			shape    *row.Shape
			rows     []placed
			keys     map[string][]byte // by id
		}
		all := map[string]*paged{}
		changes(t, s, "rowafter", func() {
			for _, sql := range statements {
				must(t, s.Exec(sql))
			}
		}, func(c *cdc.Change) {
			p := all[c.Table.Name]
			if p == nil {
				p = &paged{keys: map[string][]byte{}}
				all[c.Table.Name] = p
				var err error
				p.down, err = set.PlanRows(names[c.Table.Name], c.Table, nil, false)
				must(t, err)
				p.up, err = set.PlanRows(names[c.Table.Name], c.Table, nil, true)
				must(t, err)
				p.shape, err = row.NewShape(c.Table, c.Table.Key)
				must(t, err)
			}
			id, err := c.After.AppendText(nil, c.Table.Find("n"))
			must(t, err)
			record, ok, err := p.shape.Copy(nil, c.After)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			var key cdc.Image
			must(t, p.shape.Read(&key, record))
			place, err := p.up.AppendPlace(nil, c.After)
			must(t, err)
			ofKey, err := p.down.AppendPlace(nil, &key)
			must(t, err)
			if string(place) != string(ofKey) {
				t.Errorf("%s: the place of row %s is %x, that of its key %x", c.Table, id, place, ofKey)
			}
			p.rows, p.keys[string(id)] = append(p.rows, placed{string(id), place}), record
		})
		must(t, s.Exec(session...))
		for name, p := range all {
			table := p.shape.Table().String()
			if !p.up.Resumable() || !p.down.Resumable() || p.up.Descends() || !p.down.Descends() {
				t.Errorf("%s is not resumable", table)
			}
			up := sorted(p.up, p.rows)
			what := tables[names[name]].Name + " " + keyTables[atoi(t, name[1:])].columns
			if want := ids(t, s, "SELECT n FROM "+table+" ORDER BY "+p.up.OrderBy()); !slices.Equal(up, want) || len(up) < 4 {
				t.Errorf("%s\n  got %v\n want %v", what, up, want)
			}
			down := sorted(p.down, p.rows)
			if slices.Reverse(down); !slices.Equal(up, down) {
				t.Errorf("%s: down %v, up %v", what, down, up)
			}
			for i, id := range up {
				var key cdc.Image
				must(t, p.shape.Read(&key, p.keys[id]))
				after, err := p.up.After(&key)
				must(t, err)
				if got := ids(t, s, "SELECT n FROM "+table+" WHERE "+after+" ORDER BY "+p.up.OrderBy()); !slices.Equal(got, up[i+1:]) {
					t.Errorf("%s: after %s, %s\n  got %v\n want %v", what, id, after, got, up[i+1:])
					break
				}
			}
		}
		must(t, s.Exec("DROP DATABASE rowafter"))
	})
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	must(t, err)
	return n
}
