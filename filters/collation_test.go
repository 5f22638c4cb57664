package filters

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
	"rowcast/internal/throwaway"
)

// texts are compared with one another in every collation: those that a
// character set lacks become question marks in the server.
var texts = []string{"", "a", "A", "a ", "b", "B", "ab", "aB ", "z", "Z", "ä", "Ä", "é", "É", "e", "ss", "ß", "ñ", "n", "ø", "o", "œ", "oe", "7", "07", "_", "%", "a_", "ł", "l", "日本", "я", "Я", "α", "Α", "x y", "ч", "a\t", "a\tb", "a\u2003", "a\u0301", "\u0301"}

// TestCollations compares equality, order, LIKE and keys with the servers', in
// every collation that is not refused.
func TestCollations(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		names, err := s.Query("SELECT COLLATION_NAME, ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS")
		if s.Flavor() == throwaway.MariaDB {
			names, err = s.Query("SELECT FULL_COLLATION_NAME, ID, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE ID IS NOT NULL")
		}
		must(t, err)
		must(t, s.Exec("CREATE DATABASE coll", "SET sql_mode = ''", "SET NAMES utf8mb4"))
		equals, err := where.Parse("v = 'x'")
		must(t, err)
		known, refused := 0, 0
		var statements []string
		for _, n := range names {
			id, err := strconv.ParseUint(n[1], 10, 64)
			must(t, err)
			_, err = equals.Compile(&cdc.Table{Columns: []cdc.Column{{Name: "v", Type: mysql.MYSQL_TYPE_VARCHAR, Meta: 80, Collation: id}}}, nil)
			if err != nil || n[0] == "binary" {
				refused++
				continue
			}
			known++
			statements = append(statements, fmt.Sprintf("CREATE TABLE coll.%s (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET %s COLLATE %s)", n[0], n[2], n[0]))
			var rows []string
			for i, x := range texts {
				rows = append(rows, fmt.Sprintf("(%d, '%s')", i, x))
			}
			statements = append(statements, fmt.Sprintf("INSERT INTO coll.%s VALUES %s", n[0], strings.Join(rows, ", ")))
		}
		rows := map[string][]judgedRow{}
		tables := map[string]*cdc.Table{}
		loaded, err := where.Parse("v IS NOT NULL")
		must(t, err)
		var e where.Evaluator
		changes(t, s, "coll", func() { must(t, s.Exec(statements...)) }, func(c *cdc.Change) {
			p, err := loaded.Compile(c.Table, nil)
			must(t, err)
			row, err := e.Load(after, p, c.After)
			must(t, err)
			text, err := c.After.AppendText(nil, 1)
			must(t, err)
			tables[c.Table.Name] = c.Table
			sort, err := where.NewSort(c.Table, 1)
			must(t, err)
			place, _, err := e.AppendPlace(nil, []*where.Sort{sort}, c.After)
			must(t, err)
			rows[c.Table.Name] = append(rows[c.Table.Name], judgedRow{p.Keep(row, true), string(text), place})
			e.Reset()
		})
		for name, list := range rows {
			compareCollation(t, s, name, tables[name], list)
		}
		t.Logf("%d collations compared, %d refused", known, refused)
		must(t, s.Exec("DROP DATABASE coll"))
	})
}

// judgedRow is a row with only a text, in the column's character set and in UTF-8.
type judgedRow struct {
	row   where.Row
	text  string
	place []byte
}

func compareCollation(t *testing.T, s *throwaway.Server, name string, table *cdc.Table, list []judgedRow) {
	answers, err := s.Query(fmt.Sprintf("SELECT a.id, b.id, a.v = b.v, a.v < b.v, a.v LIKE b.v FROM coll.%s a JOIN coll.%s b ON a.id < b.id ORDER BY b.id", name, name))
	must(t, err)
	var e where.Evaluator
	differ := map[string][]string{}
	compiled := func(source string) *where.Predicate {
		w, err := where.Parse(source)
		must(t, err)
		p, err := w.Compile(table, map[string]string{"p": "x"})
		must(t, err)
		return p
	}
	keyed := compiled("v = :p")
	other, key := -1, ""
	var judges [3]*where.Predicate
	for _, a := range answers {
		i, _ := strconv.Atoi(a[0])
		j, _ := strconv.Atoi(a[1])
		if j != other {
			other = j
			for n, op := range []string{"=", "<", "LIKE"} {
				judges[n] = compiled(fmt.Sprintf("v %s '%s'", op, list[j].text))
			}
			key, err = keyed.Key(map[string]string{"p": list[j].text})
			must(t, err)
		}
		pair := list[i].text + "/" + list[j].text
		for n, what := range []string{"=", "<", "LIKE"} {
			v, err := e.Eval(judges[n].Static(), list[i].row)
			must(t, err)
			// What a character set lacks became a question mark.
			if (v == where.True) != (a[2+n] == "1") && (what != "LIKE" || !strings.Contains(list[j].text, "?")) {
				differ[what] = append(differ[what], pair)
			}
		}
		if rowKey, ok := e.AppendKey(nil, keyed, list[i].row); ok != true || (string(rowKey) == key) != (a[2] == "1") {
			differ["keys"] = append(differ["keys"], pair)
		}
	}
	sort, err := where.NewSort(table, 1)
	must(t, err)
	answers, err = s.Query(fmt.Sprintf("SELECT id FROM coll.%s ORDER BY v", name))
	must(t, err)
	for n := range answers[1:] {
		i, _ := strconv.Atoi(answers[n][0])
		j, _ := strconv.Atoi(answers[n+1][0])
		if where.ComparePlaces([]*where.Sort{sort}, nil, list[i].place, list[j].place) > 0 {
			differ["ORDER BY"] = append(differ["ORDER BY"], list[i].text+"/"+list[j].text)
		}
	}
	for what, pairs := range differ {
		t.Errorf("%s (%d): %s differs for %d pairs: %.8q", name, table.Columns[1].Collation, what, len(pairs), pairs[:min(len(pairs), 8)])
	}
}
