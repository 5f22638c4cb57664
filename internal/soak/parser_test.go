package soak

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"time"
)

// pending is a row of a group whose end is not known yet.
type pending struct {
	table         int // -1: none of ours
	hashed        bool
	op            int
	first, last   uint32
	index         uint32
	before, after row
}

type savepoint struct {
	name string
	rows int
}

type parser struct {
	*truth
	file uint32
	pos  uint32 // of the last "# at"
	end  uint32 // of the last event, by its header

	open   bool
	start  uint32 // of the group
	events uint32 // rows events of the group so far
	rows   []pending
	marks  []savepoint
	xa     map[string][]pending
	known  *statements
	defs   *definitions
	when   time.Time // of the last event, by its header

	batch  int    // rows from here on belong to the statement that is being printed
	first  uint32 // its first rows event
	ended  bool   // its last was seen
	cur    *pending
	target *row
}

func (p *parser) read(out []byte) error {
	for line := range bytes.Lines(out) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		var err error
		switch {
		case bytes.HasPrefix(line, []byte("###")):
			err = p.rowLine(string(line))
		case bytes.HasPrefix(line, []byte("# at ")):
			n, perr := strconv.ParseUint(string(line[5:]), 10, 32)
			p.pos, err = uint32(n), perr
		case len(line) > 7 && line[0] == '#' && line[1] >= '0' && line[1] <= '9':
			err = p.header(string(line))
		case len(line) > 0 && line[0] != '#':
			p.statement(strings.TrimSuffix(string(line), "/*!*/;"))
		}
		if err != nil {
			return fmt.Errorf("near %d: %q: %w", p.pos, line, err)
		}
	}
	return nil
}

// header: "#261121  4:01:53 server id 1  end_log_pos 4638 CRC32 0xff07c3a5 \tQuery\t…"
func (p *parser) header(line string) error {
	head, what, ok := strings.Cut(line, "\t")
	if !ok {
		return nil
	}
	if _, after, ok := strings.Cut(head, "end_log_pos "); ok {
		n, err := strconv.ParseUint(strings.Fields(after)[0], 10, 32)
		if err != nil {
			return err
		}
		p.end = uint32(n)
	}
	when, err := time.Parse("060102 15:04:05", strings.Join(strings.Fields(head[1:])[:2], " "))
	if err != nil {
		return err
	}
	p.when = when
	for _, between := range []string{"Start: ", "Previous-GTIDs", "Gtid list", "Binlog checkpoint", "Rotate", "Stop"} {
		if strings.HasPrefix(what, between) {
			p.bound(p.pos)
			p.bound(p.end)
		}
	}
	switch {
	case strings.HasPrefix(what, "Start: binlog"):
		p.lineage[p.file] = uint32(when.Unix())
	case strings.HasPrefix(what, "GTID") || strings.HasPrefix(what, "Anonymous_GTID"):
		p.open, p.start, p.events, p.rows, p.marks = true, p.pos, 0, nil, nil
		p.groups[group{p.file, p.pos}] = true
		p.bound(p.pos)
		p.ended, p.cur = true, nil
	case strings.Contains(what, "_rows: table id") || strings.Contains(what, "_rows_v1: table id"):
		if p.ended {
			p.first, p.batch = p.events, len(p.rows)
		}
		p.ended = strings.Contains(what, "STMT_END_F")
		p.events++
	}
	return nil
}

func (p *parser) bound(pos uint32) { p.bounds[group{p.file, pos}] = true }

// rowLine is a line of a decoded row.
func (p *parser) rowLine(line string) error {
	if col, ok := strings.CutPrefix(line, "###   @"); ok {
		return p.value(col)
	}
	switch text := strings.TrimPrefix(line, "### "); {
	case text == "WHERE":
		p.target = &p.cur.before
	case text == "SET":
		p.target = &p.cur.after
	default:
		op := -1
		for i, verb := range []string{"INSERT INTO ", "UPDATE ", "DELETE FROM "} {
			if rest, ok := strings.CutPrefix(text, verb); ok {
				op, text = i, rest
			}
		}
		if op < 0 || !p.open || !p.ended {
			return fmt.Errorf("a row where none can be")
		}
		r := pending{table: p.index(unquoted(text)), op: op, first: p.first, last: p.events - 1, index: uint32(len(p.rows) - p.batch)}
		if r.table >= 0 && p.tables[r.table].copyOnly { // with columns that nobody sees
			r.table = -1
		}
		if r.table >= 0 {
			r.before.cols, r.hashed = p.defs.cols[r.table], p.defs.hashed[r.table]
			r.after.cols = r.before.cols
		}
		p.rows = append(p.rows, r)
		p.cur = &p.rows[len(p.rows)-1]
	}
	return nil
}

// unquoted: `soak`.`we“ird` is soak.we`ird.
func unquoted(name string) string {
	db, base, _ := strings.Cut(strings.Trim(name, "`"), "`.`")
	return db + "." + strings.ReplaceAll(base, "``", "`")
}

// value: "4='a\'b' /* VARSTRING(800) meta=800 nullable=1 is_null=0 */"
func (p *parser) value(text string) error {
	number, rest, ok := strings.Cut(text, "=")
	n, err := strconv.Atoi(number)
	end := strings.LastIndex(rest, " /* ")
	if p.cur.table < 0 {
		return nil
	}
	cols := p.target.cols
	if p.cur.hashed && n == len(cols)+1 {
		return nil
	}
	if !ok || err != nil || end < 0 || n != len(p.target.vals)+1 || n > len(cols) {
		return fmt.Errorf("a value that can't be read, of columns %v", cols)
	}
	v := rest[:end]
	if v != "NULL" {
		col := cols[n-1]
		if plain, unsigned, ok := strings.Cut(v, " ("); ok && v[0] != '\'' {
			if v = plain; col == "n" {
				v = strings.TrimSuffix(unsigned, ")")
			}
		}
		if len(v) > 1 && v[0] == '\'' {
			v = unescape(v[1:len(v)-1], p.mysql)
		}
		v = textValue(col, v)
	} else {
		v = "null"
	}
	p.target.vals = append(p.target.vals, v)
	return nil
}

// unescape undoes what the two programs do to strings. MariaDB's leaves quotes
// and backslashes as they are, so that the load writes no backslash.
func unescape(s string, mysql bool) string {
	if !strings.Contains(s, "\\") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'x':
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			b.WriteByte(byte(n))
			i += 2
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// statement is a line of a Query event, or the words that stand for an event.
func (p *parser) statement(line string) {
	if !p.open {
		return // mysqlbinlog's own, at the file's head and end
	}
	switch {
	case line == "COMMIT":
		p.commit(p.rows)
	case line == "ROLLBACK" || strings.HasPrefix(line, "ROLLBACK /*"):
		p.open = false
	case strings.HasPrefix(line, "SAVEPOINT "):
		p.marks = append(p.marks, savepoint{line[len("SAVEPOINT "):], len(p.rows)})
	case strings.HasPrefix(line, "ROLLBACK TO "):
		for i := len(p.marks) - 1; i >= 0; i-- {
			if p.marks[i].name == line[len("ROLLBACK TO "):] {
				p.rows, p.marks = p.rows[:p.marks[i].rows], p.marks[:i+1]
				break
			}
		}
	case strings.HasPrefix(line, "XA PREPARE "):
		p.xa[line[len("XA PREPARE "):]] = p.rows
		p.open = false
	case strings.HasPrefix(line, "XA COMMIT ") && strings.HasSuffix(line, " ONE PHASE"):
		p.commit(p.rows)
	case strings.HasPrefix(line, "XA COMMIT "):
		p.xaGroups++
		rows, ok := p.xa[line[len("XA COMMIT "):]]
		if !ok {
			p.orphans[group{p.file, p.start}] = true
		}
		p.commit(rows)
		delete(p.xa, line[len("XA COMMIT "):])
	case strings.HasPrefix(line, "XA ROLLBACK "):
		if _, ok := p.xa[line[len("XA ROLLBACK "):]]; !ok {
			p.orphans[group{p.file, p.start}] = true
		}
		delete(p.xa, line[len("XA ROLLBACK "):])
		p.open = false
	default:
		p.effect(line)
	}
}

// effect of a statement that is known by its text. One in a transaction counts
// there, whether or not that is committed: rolled back, it is not in the binlog.
func (p *parser) effect(line string) {
	e, sent, ok := p.known.of(line, p.when)
	if !ok {
		return
	}
	here := group{p.file, p.start}
	for _, i := range e.loses {
		p.losses = append(p.losses, loss{here, i, line})
		p.lost[place{here, i}] = true
	}
	for _, i := range e.alters {
		p.alters[i] = append(p.alters[i], alteration{here, sent})
	}
	if e.apply != nil {
		e.apply(p.defs)
	}
}

// commit makes facts of the rows, under this group's start.
func (p *parser) commit(rows []pending) {
	p.open = false
	p.changes += len(rows)
	for _, r := range rows {
		if r.table < 0 || p.tables[r.table].name == "" {
			continue
		}
		t := p.tables[r.table]
		f := fact{at: at{p.file, p.start, r.first, r.index}, lastEvent: r.last, table: uint8(r.table), op: uint8(r.op)}
		if t.where != nil {
			if !r.before.none() {
				f.old = t.where.arg(r.before)
			}
			if !r.after.none() {
				f.now = t.where.arg(r.after)
			}
		}
		for op := range f.hash {
			if (op == opInsert || op == opUpdate) && r.after.none() || (op == opDelete || op == opUpdate) && r.before.none() {
				continue
			}
			f.hash[op] = maphash.String(hashSeed, t.essence(op, r.before, r.after))
		}
		p.facts = append(p.facts, f)
		if t.rows != nil {
			p.history[r.table] = append(p.history[r.table], newEdit(t, f.at.group(), r))
		}
	}
}

func atoi(s string) int32 {
	n, _ := strconv.ParseInt(s, 10, 32)
	return int32(n)
}
