package soak

import (
	"fmt"
	"slices"
	"strings"
)

// aside is what must not disturb: statements about other tables, or that change nothing.
func (w *writer) aside() error {
	n := w.rng.IntN(4)
	sql := []string{
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS elsewhere.t%d (id INT PRIMARY KEY)", n),
		fmt.Sprintf("DROP TABLE IF EXISTS elsewhere.t%d", n),
		"ANALYZE TABLE soak.a",
		"UPDATE soak.a SET g = g + 1 WHERE id < 0",
		"CREATE TEMPORARY TABLE IF NOT EXISTS elsewhere.tmp (id INT)",
		"INSERT INTO elsewhere.tmp VALUES (1), (2)",
		fmt.Sprintf("ALTER TABLE elsewhere.a COMMENT = '%d'", n),
	}
	if w.rng.IntN(2) == 0 {
		return w.do(sql[0])
	}
	q := sql[w.rng.IntN(len(sql))]
	if strings.HasPrefix(q, "INSERT INTO elsewhere.tmp") {
		if err := w.do(sql[4]); err != nil {
			return err
		}
	}
	return w.do(q)
}

// statement changes 0 to about 60 rows of one table.
func (w *writer) statement() string {
	var list, unread []*table
	for _, t := range w.tables {
		if t.name == "" {
			unread = append(unread, t)
		} else {
			list = append(list, t)
		}
	}
	if w.rng.IntN(6) == 0 && len(unread) > 0 {
		list = unread
	}
	t := list[w.rng.IntN(len(list))]
	name := t.spelled(w.rng)
	from := w.rng.IntN(w.maxID)
	to := from + w.rng.IntN(1+w.maxID/100)
	switch w.rng.IntN(8) {
	case 0, 1:
		return fmt.Sprintf("DELETE FROM %s WHERE id BETWEEN %d AND %d", name, from, to)
	case 2:
		return fmt.Sprintf("UPDATE %s SET g = (g + 1) %% 6, v = 'it''s %d' WHERE id BETWEEN %d AND %d", name, w.rng.IntN(100), from, to)
	case 3:
		if t.has("b") {
			return fmt.Sprintf("UPDATE IGNORE %s SET n = %s, b = %s WHERE id BETWEEN %d AND %d", name, w.value(t, "n"), w.text(3000), from, from+3)
		}
	case 4:
		if t.where == nil { // what a predicate makes of a changed key is for its own tests
			return fmt.Sprintf("UPDATE IGNORE %s SET id = id + %d WHERE id BETWEEN %d AND %d ORDER BY id DESC", name, 1+w.rng.IntN(40), from, from+4)
		}
	}
	var rows []string
	for range 1 + w.rng.IntN(1+w.rng.IntN(40)) {
		rows = append(rows, w.values(t, w.rng.IntN(w.maxID)))
	}
	return w.insert([]string{"INSERT IGNORE INTO", "REPLACE INTO"}[w.rng.IntN(2)], t, rows...)
}

func (t *table) has(col string) bool { return slices.Contains(t.cols, col) }

// written are the columns that are written: those that every version of the table has.
func (t *table) written() (cols []string) {
	for _, c := range t.cols {
		if c != "since" && c != "until" {
			cols = append(cols, c)
		}
	}
	return cols
}

func (w *writer) insert(verb string, t *table, rows ...string) string {
	return fmt.Sprintf("%s %s (%s) VALUES %s", verb, t.spelled(w.rng), strings.Join(t.written(), ", "), strings.Join(rows, ", "))
}

// values of a row of the table.
func (w *writer) values(t *table, id int) string {
	var list []string
	for _, c := range t.written() {
		if c == "id" {
			list = append(list, fmt.Sprint(id))
		} else {
			list = append(list, w.value(t, c))
		}
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// unjudged is how many of the values are such that a predicate can't judge them: one in so many.
const unjudged = 100

func (w *writer) value(t *table, col string) string {
	switch col {
	case "n":
		n := w.number()
		if t.where == unsigned && w.rng.IntN(unjudged) > 0 && n != "NULL" {
			n += "0" // over any g, but for a 0
			if n == "00" || len(n) > 18 {
				n = "4000"
			}
		}
		return n
	case "g":
		return fmt.Sprint(w.rng.IntN(6))
	case "v", "w":
		return w.text(60)
	case "d":
		return fmt.Sprintf("%d.%02d", w.rng.IntN(2000)-1000, w.rng.IntN(100))
	case "t":
		if w.rng.IntN(2) == 0 {
			return "NULL"
		}
		month := 1 + w.rng.IntN(12)
		if t.where == monthly && w.rng.IntN(unjudged) == 0 {
			month = 0
		}
		return fmt.Sprintf("'20%02d-%02d-%02d %02d:00:59.%03d'", w.rng.IntN(60), month, 1+w.rng.IntN(28), w.rng.IntN(24), w.rng.IntN(1000))
	case "b":
		return w.text(300)
	case "s": // texts that are the same to the collation are often others
		letters := []string{"abcdefghijklmnopqrstuvwxyz", "aeiou"}
		if w.rng.IntN(2) == 0 {
			letters[0] = strings.ToUpper(letters[0])
		}
		if w.rng.IntN(2) == 0 {
			letters[1] = "AÉIOU"
		}
		last := []rune(letters[1])
		return fmt.Sprintf("'%c%c%s'", letters[0][w.rng.IntN(26)], last[w.rng.IntN(len(last))], []string{"", "", " "}[w.rng.IntN(3)])
	case "k": // no other row has it, so that it can have a unique index
		return fmt.Sprintf("'%016x%s'", w.rng.Uint64(), strings.Repeat(" key", w.rng.IntN(20)))
	case "a6":
		return "'" + addresses[w.rng.IntN(len(addresses))] + "'"
	case "u":
		return "'" + uuids[w.rng.IntN(len(uuids))] + "'"
	}
	panic("no value for column " + col)
}

func (w *writer) number() string {
	if w.rng.IntN(4) == 0 {
		return "NULL"
	}
	return fmt.Sprint(w.rng.Uint64() >> w.rng.IntN(64))
}

// text is a literal. It has no backslash: see unescape.
func (w *writer) text(most int) string {
	if w.rng.IntN(8) == 0 {
		return "NULL"
	}
	pieces := []string{"pick", "Ö", "ß€", "😀", "''", "\"", "\n", "\r\n", "\t", "data: x\n\nid: 7\n", "</script>", " ", "\u2028", "NULL", ") ", "{{"}
	var b strings.Builder
	for n := w.rng.IntN(1 + w.rng.IntN(most/10)); n >= 0; n-- {
		b.WriteString(pieces[w.rng.IntN(len(pieces))])
	}
	text := []rune(b.String())
	if most < 200 && len(text) > most {
		text = text[:most]
	}
	return "'" + strings.ReplaceAll(strings.ReplaceAll(string(text), "''", "'"), "'", "''") + "'"
}
