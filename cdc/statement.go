package cdc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/replication"
)

// query is a QUERY event's content.
type query struct {
	schema string // the default database
	text   []byte
}

func parseQuery(e *event) (q query, err error) {
	body, fixed := e.body, 13 // thread, seconds, schema length, error code, length of status variables
	if e.typ == replication.EXECUTE_LOAD_QUERY_EVENT {
		fixed += 13 // file, where its name begins and ends in the text, what to do with duplicates
	}
	if len(body) < fixed {
		return q, fmt.Errorf("%w: query event of %d bytes", ErrCorrupt, len(body))
	}
	at := fixed + int(binary.LittleEndian.Uint16(body[11:]))
	end := at + int(body[8])
	if len(body) <= end {
		return q, fmt.Errorf("%w: query event of %d bytes", ErrCorrupt, len(body))
	}
	q.schema, q.text = string(body[at:end]), body[end+1:]
	if e.typ == replication.MARIADB_QUERY_COMPRESSED_EVENT {
		var z inflater
		if q.text, err = z.inflate(q.text); err != nil {
			return q, fmt.Errorf("%w: compressed query event: %w", ErrCorrupt, err)
		}
	}
	q.text = bytes.TrimSpace(q.text)
	return q, nil
}

// transactionControl tells the statements that begin, end and divide
// transactions from those that do something. verb is upper case.
func (q query) transactionControl() (verb string, ok bool) {
	head := bytes.ToUpper(q.text[:min(len(q.text), 24)])
	for _, verb := range []string{"BEGIN", "COMMIT", "ROLLBACK TO", "ROLLBACK", "SAVEPOINT", "RELEASE SAVEPOINT",
		"XA START", "XA END", "XA COMMIT", "XA ROLLBACK"} {
		if rest, ok := bytes.CutPrefix(head, []byte(verb)); ok && (len(rest) == 0 || !identByte(rest[0])) {
			return verb, true
		}
	}
	return "", false
}

// statement is what rowcast has to know of a logged SQL text: rows events tell
// everything else. It is read by tokens, not by grammar: each server version
// has statements of its own, and one that is not understood must still be seen
// to touch a table.
type statement struct {
	words  []string // the leading keywords, upper case
	tables []tableName
	schema string // DROP DATABASE and the like
	loses  bool   // it changes rows without logging them
	hides  bool   // and does not say of which tables
	alters bool   // it may change the columns of tables
	opens  bool   // CREATE TABLE … START TRANSACTION: the rows of CREATE … SELECT follow
}

type tableName struct{ schema, table string }

// keywords can't be a table's name without quotes, or stand where none does.
// Others that are taken for one are looked up in vain.
var keywords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`ALTER AND AS BY CASCADE CREATE DATA DATABASE DELETE DROP EXISTS FROM IF IGNORE
		INFILE INSERT INTO LOAD NOT NULL ON OR RENAME REPLACE RESTRICT SCHEMA SELECT SET TABLE TABLES TO TRUNCATE
		UPDATE VALUES WHERE WITH`) {
		m[w] = true
	}
	return m
}()

// touches tells whether the statement names the table, in any role. Lower case
// is compared: some servers fold names, and a needless look-up harms nobody.
func (st *statement) touches(schema, table string) bool {
	if strings.EqualFold(st.schema, schema) {
		return true
	}
	for _, t := range st.tables {
		if strings.EqualFold(t.schema, schema) && strings.EqualFold(t.table, table) {
			return true
		}
	}
	return false
}

func (st *statement) is(words ...string) bool {
	if len(st.words) < len(words) {
		return false
	}
	for i, w := range words {
		if st.words[i] != w {
			return false
		}
	}
	return true
}

func (st *statement) has(word string) bool {
	for _, w := range st.words {
		if w == word {
			return true
		}
	}
	return false
}

// parseStatement reads a logged statement; schema is its default database.
func parseStatement(schema string, query []byte) *statement {
	st := &statement{}
	lex := lexer{rest: query}
	var prev, last token // prev: the identifier before a dot
	for {
		t, ok := lex.next()
		if !ok {
			break
		}
		switch {
		case t.kind == tokenDot:
			prev = last
		case t.kind == tokenIdent || t.kind == tokenQuoted:
			if t.kind == tokenIdent {
				word := strings.ToUpper(t.text)
				if word == "FOR" && st.is("SET", "STATEMENT") { // MariaDB: variables for the statement that follows
					st.words, st.tables, prev, t = nil, nil, token{}, token{}
					break
				}
				st.words = append(st.words, word)
				if last.kind != tokenDot && keywords[word] {
					break
				}
			}
			if last.kind == tokenDot && prev.text != "" {
				st.tables = append(st.tables, tableName{prev.text, t.text})
				prev = token{}
			} else {
				st.tables = append(st.tables, tableName{schema, t.text})
			}
		}
		last = t
	}
	if n := len(st.tables); n > 0 && (st.is("DROP", "DATABASE") || st.is("DROP", "SCHEMA")) {
		st.schema = st.tables[n-1].table
	}
	st.loses, st.hides = st.losesRows()
	st.alters = st.altersTables()
	n := len(st.words)
	st.opens = st.is("CREATE") && n > 2 && st.words[n-2] == "START" && st.words[n-1] == "TRANSACTION"
	return st
}

// losesRows: rows change, and no rows event says so; of the named tables, or of
// any. What is not known to be harmless is taken for the worst.
func (st *statement) losesRows() (loses, hides bool) {
	if len(st.words) == 0 {
		return false, false
	}
	second := ""
	if len(st.words) > 1 {
		second = st.words[1]
	}
	switch st.words[0] {
	case "GRANT", "REVOKE", "SET", "FLUSH", "OPTIMIZE", "REPAIR", "CHECK", "CACHE", "INSTALL", "UNINSTALL", "XA", "USE":
		return false, false
	case "TRUNCATE", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "IMPORT":
		return true, false
	case "LOAD":
		return second != "INDEX", false
	case "ANALYZE": // of a table; in MariaDB also of a statement, which it runs
		switch second {
		case "TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG":
			return false, false
		}
		return true, false
	case "RENAME":
		return second != "USER", false
	case "DROP":
		return second == "TABLE" || second == "TABLES" || st.schema != "", false
	case "CREATE":
		return st.is("CREATE", "OR", "REPLACE", "TABLE") || st.fills(), false
	case "ALTER":
		return second == "IGNORE" || st.has("EXCHANGE") || st.has("TABLESPACE") || st.has("RENAME") && st.renames() ||
			st.has("PARTITION") && (st.has("DROP") || st.has("TRUNCATE")) ||
			st.follows("CONVERT", "PARTITION") || st.follows("CONVERT", "TABLE"), false
	}
	return true, true // SELECT f(), DO f(), and what no server had when this was written
}

// follows tells whether a word stands right behind another.
func (st *statement) follows(first, second string) bool {
	for i, w := range st.words[1:] {
		if w == second && st.words[i] == first {
			return true
		}
	}
	return false
}

// fills: CREATE TABLE … SELECT, TABLE or VALUES as it was written. With its rows
// logged, servers leave that part out.
func (st *statement) fills() bool {
	if second := st.words[min(1, len(st.words)-1)]; second != "TABLE" {
		return false
	}
	tables := 0
	for _, w := range st.words {
		if w == "TABLE" {
			tables++
		}
	}
	return st.has("SELECT") || st.follows("VALUES", "ROW") || tables > 1
}

// altersTables: a table's columns, or which table a name means, are not what they were.
func (st *statement) altersTables() bool {
	if len(st.words) == 0 {
		return false
	}
	switch st.words[0] {
	case "ALTER", "CREATE", "DROP", "RENAME":
		for _, w := range st.words[1:min(len(st.words), 5)] { // CREATE OR REPLACE TEMPORARY TABLE
			if w == "TABLE" || w == "TABLES" {
				return true
			}
		}
	}
	return st.schema != ""
}

// renames tells ALTER TABLE … RENAME [TO|AS] t from RENAME COLUMN, INDEX and KEY.
func (st *statement) renames() bool {
	for i, w := range st.words {
		if w == "RENAME" {
			if i+1 == len(st.words) {
				return true // RENAME `quoted`
			}
			switch st.words[i+1] {
			case "COLUMN", "INDEX", "KEY":
			default:
				return true
			}
		}
	}
	return false
}
