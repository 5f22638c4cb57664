package soak

import (
	"fmt"
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
	name := others[w.rng.IntN(len(others))]
	var t *table
	if w.rng.IntN(6) > 0 {
		t = tables[w.rng.IntN(len(tables))]
		name = "soak." + t.name
	}
	from := w.rng.IntN(maxID)
	to := from + w.rng.IntN(30)
	switch w.rng.IntN(8) {
	case 0, 1:
		return fmt.Sprintf("DELETE FROM %s WHERE id BETWEEN %d AND %d", name, from, to)
	case 2:
		return fmt.Sprintf("UPDATE %s SET g = (g + 1) %% 6, v = 'it''s %d' WHERE id BETWEEN %d AND %d", name, w.rng.IntN(100), from, to)
	case 3:
		return fmt.Sprintf("UPDATE IGNORE %s SET n = %s, b = %s WHERE id BETWEEN %d AND %d", name, w.number(), w.text(3000), from, from+3)
	case 4:
		if t == nil || !t.where { // what a predicate makes of a changed key is for its own tests
			return fmt.Sprintf("UPDATE IGNORE %s SET id = id + %d WHERE id BETWEEN %d AND %d ORDER BY id DESC", name, 1+w.rng.IntN(40), from, from+4)
		}
	}
	verb := []string{"INSERT IGNORE INTO", "REPLACE INTO"}[w.rng.IntN(2)]
	var rows []string
	for range 1 + w.rng.IntN(1+w.rng.IntN(40)) {
		rows = append(rows, w.values(w.rng.IntN(maxID)))
	}
	return fmt.Sprintf("%s %s VALUES %s", verb, name, strings.Join(rows, ", "))
}

func (w *writer) values(id int) string {
	date := "NULL"
	if w.rng.IntN(2) == 0 {
		date = fmt.Sprintf("'20%02d-%02d-%02d %02d:00:59.%03d'", w.rng.IntN(60), 1+w.rng.IntN(12), 1+w.rng.IntN(28), w.rng.IntN(24), w.rng.IntN(1000))
	}
	return fmt.Sprintf("(%d, %s, %d, %s, %d.%02d, %s, %s)", id, w.number(), w.rng.IntN(6), w.text(60), w.rng.IntN(2000)-1000, w.rng.IntN(100), date, w.text(300))
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
