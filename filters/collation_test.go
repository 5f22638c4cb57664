package filters

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"vitess.io/vitess/go/mysql/collations/charset"

	"rowcast/cdc"
	"rowcast/internal/throwaway"
)

// texts are compared with one another in every collation: those that a
// character set lacks become question marks in the server.
var texts = []string{"", "a", "A", "a ", "b", "B", "ab", "aB ", "z", "Z", "ä", "Ä", "é", "É", "e", "ss", "ß", "ñ", "n", "ø", "o", "œ", "oe", "7", "07", "_", "%", "a_", "ł", "l", "日本", "я", "Я", "α", "Α", "x y", "ч"}

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
		known, refused := 0, 0
		var statements []string
		for _, n := range names {
			id, err := strconv.ParseUint(n[1], 10, 64)
			must(t, err)
			if _, ok := knownOrdering(id); !ok || n[0] == "binary" {
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
		values := map[string][]string{}
		tables := map[string]*cdc.Table{}
		changes(t, s, "coll", func() { must(t, s.Exec(statements...)) }, func(c *cdc.Change) {
			tables[c.Table.Name] = c.Table
			values[c.Table.Name] = append(values[c.Table.Name], string(c.After.Bytes(1)))
		})
		for name, list := range values {
			compareCollation(t, s, name, tables[name], list)
		}
		t.Logf("%d collations compared, %d refused", known, refused)
		must(t, s.Exec("DROP DATABASE coll"))
	})
}

func compareCollation(t *testing.T, s *throwaway.Server, name string, table *cdc.Table, list []string) {
	o, err := newOperand(table, 1)
	must(t, err)
	order := o.order
	k := keyPart{class: textual, order: order}
	rows, err := s.Query(fmt.Sprintf("SELECT a.id, b.id, a.v = b.v, a.v < b.v, a.v LIKE b.v FROM coll.%s a JOIN coll.%s b ON a.id < b.id", name, name))
	must(t, err)
	var equal, less, like, keys []string
	for _, row := range rows {
		i, _ := strconv.Atoi(row[0])
		j, _ := strconv.Atoi(row[1])
		c := order.compare(order.appendWeights(nil, []byte(list[i])), order.appendWeights(nil, []byte(list[j])))
		if what := texts[i] + "/" + texts[j]; (c == 0) != (row[2] == "1") {
			equal = append(equal, what)
		} else if (c < 0) != (row[3] == "1") {
			less = append(less, what)
		}
		if (string(k.appendForm(nil, []byte(list[i]))) == string(k.appendForm(nil, []byte(list[j])))) != (row[2] == "1") {
			keys = append(keys, texts[i]+"/"+texts[j])
		}
		text, err := unicodeText(&order, list[j])
		must(t, err)
		if p, ok := newLike(text, order.Collation); ok && !strings.Contains(list[j], "?") {
			if matches, _ := p.match(nil, []byte(list[i])); matches != (row[4] == "1") {
				like = append(like, texts[i]+"/"+texts[j])
			}
		}
	}
	for what, list := range map[string][]string{"=": equal, "<": less, "LIKE": like, "keys": keys} {
		if len(list) > 0 {
			t.Errorf("%s (%d): %s differs for %d pairs: %.8q", name, table.Columns[1].Collation, what, len(list), list[:min(len(list), 8)])
		}
	}
}

func unicodeText(o *ordering, raw string) (string, error) {
	b, err := charset.Convert(nil, charset.Charset_utf8mb4{}, []byte(raw), o.Charset())
	return string(b), err
}
