package ddl

import (
	"bytes"
	"slices"
	"strings"
)

// Statement is what has to be known of a logged SQL text.
type Statement struct {
	Verb    string // for messages: "TRUNCATE TABLE", "a statement-format INSERT"
	Names   []Name // of all tables that it may touch, each once; many are of no table
	Dropped string // the database that DROP DATABASE takes away

	UnloggedRows     bool // rows change, and no rows event says so
	AnyTable         bool // of tables that it does not name
	Alters           bool // the columns of tables, or which table a name means, may change
	AltersIndexes    bool // only columns that the server hides may come or go
	OpensTransaction bool // CREATE TABLE … START TRANSACTION: the rows of CREATE … SELECT follow
}

// Name is a table's.
type Name struct{ Schema, Table string }

// Mode is how the session that ran a statement writes SQL.
type Mode struct {
	SQL  uint64 // its sql_mode, as the binlog has it
	Fold bool   // the server keeps names in lower case (lower_case_table_names is not 0)
}

// Bits of an sql_mode that change how text is read.
const (
	ansiQuotes         = 1 << 2
	noBackslashEscapes = 1 << 20
)

func (m Mode) has(bit uint64) bool { return m.SQL&bit != 0 }

// Parse reads a logged statement, in UTF-8; schema is its default database.
//
// Every word of it but the first is taken for a table's name too: TABLE can't be one,
// but DATA, TABLES and TRUNCATE can, and which words are reserved differs by server
// and version.
func Parse(schema string, sql []byte, mode Mode) *Statement {
	words, names := read(mode.fold(schema), sql, mode)
	st := &Statement{Names: names}
	if len(words) == 0 {
		return st
	}
	st.Verb = words.verb()
	if (words.begin("DROP", "DATABASE") || words.begin("DROP", "SCHEMA")) && len(names) > 1 {
		st.Dropped = names[len(names)-1].Table
	}
	st.UnloggedRows, st.AnyTable = words.unloggedRows()
	st.UnloggedRows = st.UnloggedRows || st.Dropped != ""
	st.Alters = words.alterAny("TABLE", "TABLES") || st.Dropped != ""
	st.AltersIndexes = words.alterAny("INDEX")
	n := len(words)
	st.OpensTransaction = words.begin("CREATE") && n > 2 && words[n-2] == "START" && words[n-1] == "TRANSACTION"
	return st
}

// read splits a statement into its words, in upper case, and what may be names.
func read(schema string, sql []byte, mode Mode) (words words, names []Name) {
	seen := map[Name]bool{}
	add := func(n Name) {
		if !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	lex := lexer{rest: sql, mode: mode}
	var qualifier, last token // qualifier: the name before a dot
	apart := false            // the dot does not follow it directly
	for {
		t, ok := lex.next()
		if !ok {
			return words, names
		}
		switch {
		case t.kind == tokenDot:
			qualifier, apart = last, t.apart
		case t.isName():
			if t.kind == tokenWord {
				word := strings.ToUpper(t.text)
				if word == "FOR" && words.begin("SET", "STATEMENT") { // MariaDB: variables for the statement that follows
					words, names, qualifier, t = nil, nil, token{}, token{}
					clear(seen)
					break
				}
				words = append(words, word)
				if len(words) == 1 || isNumber(t.text) { // the verb is not a table, or one that is called TRUNCATE would be lost with every other
					break
				}
			}
			qualified := last.kind == tokenDot && qualifier.isName()
			if qualified {
				add(Name{mode.fold(qualifier.text), mode.fold(t.text)})
				qualifier = token{}
			}
			if !qualified || apart { // TRUNCATE TABLE .picks, in MariaDB, is of no database TABLE
				add(Name{schema, mode.fold(t.text)})
			}
		}
		last = t
	}
}

// isNumber: a name of digits alone needs quotes.
func isNumber(word string) bool {
	return strings.IndexFunc(word, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

func (m Mode) fold(name string) string {
	if m.Fold {
		return strings.ToLower(name)
	}
	return name
}

// words are the unquoted words of a statement, in upper case.
type words []string

func (w words) begin(list ...string) bool {
	return len(w) >= len(list) && slices.Equal(w[:len(list)], list)
}

// before reports whether a word comes before another: ALTER ONLINE IGNORE TABLE.
func (w words) before(word, other string) bool {
	return slices.Contains(w[:max(slices.Index(w, other), 0)], word)
}

func (w words) has(word string) bool { return slices.Contains(w, word) }

// pair reports whether one word directly follows another.
func (w words) pair(first, second string) bool {
	for i := 1; i < len(w); i++ {
		if w[i-1] == first && w[i] == second {
			return true
		}
	}
	return false
}

func (w words) second() string {
	if len(w) < 2 {
		return ""
	}
	return w[1]
}

func (w words) verb() string {
	switch w.second() {
	case "TABLE", "TABLES", "DATABASE", "SCHEMA":
		return w[0] + " " + w[1]
	}
	switch w[0] {
	case "ALTER", "CREATE", "RENAME", "TRUNCATE", "IMPORT":
		return w[0]
	}
	return "a statement-format " + w[0]
}

// unloggedRows reports whether rows change and no rows event says so; of the named
// tables, or of any. What is not known to be harmless is taken for the worst.
func (w words) unloggedRows() (unlogged, anyTable bool) {
	second := w.second()
	switch w[0] {
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
		return second == "TABLE" || second == "TABLES", false
	case "CREATE":
		return w.begin("CREATE", "OR", "REPLACE", "TABLE") || w.fills(), false
	case "ALTER":
		return w.before("IGNORE", "TABLE") || w.has("EXCHANGE") || w.has("TABLESPACE") || w.renames() ||
			w.has("PARTITION") && (w.has("DROP") || w.has("TRUNCATE")) ||
			w.pair("CONVERT", "PARTITION") || w.pair("CONVERT", "TABLE"), false
	}
	return true, true // SELECT f(), DO f(), and statements that no server had when this was written
}

// fills: CREATE TABLE … SELECT, TABLE or VALUES as it was written. With its rows
// logged, servers leave that part out.
func (w words) fills() bool {
	if w.second() != "TABLE" {
		return false
	}
	return w.has("SELECT") || w.pair("VALUES", "ROW") || slices.Contains(w[2:], "TABLE")
}

// renames distinguishes ALTER TABLE … RENAME [TO|AS] t from RENAME COLUMN, INDEX and KEY.
func (w words) renames() bool {
	for i, word := range w {
		if word != "RENAME" {
			continue
		}
		if i+1 == len(w) {
			return true // RENAME `quoted`
		}
		switch w[i+1] {
		case "COLUMN", "INDEX", "KEY":
		default:
			return true
		}
	}
	return false
}

// alterAny reports whether the statement alters, creates, drops or renames something
// of one of the kinds.
func (w words) alterAny(kinds ...string) bool {
	switch w[0] {
	case "ALTER", "CREATE", "DROP", "RENAME":
		return slices.ContainsFunc(w[1:min(len(w), 5)], func(word string) bool { // CREATE OR REPLACE TEMPORARY TABLE
			return slices.Contains(kinds, word)
		})
	}
	return false
}

// TransactionControl distinguishes the statements that begin, end and divide
// transactions from those that do something. verb is in upper case.
func TransactionControl(sql []byte) (verb string, ok bool) {
	head := bytes.ToUpper(sql[:min(len(sql), 24)])
	for _, verb := range []string{"BEGIN", "COMMIT", "ROLLBACK TO", "ROLLBACK", "SAVEPOINT", "RELEASE SAVEPOINT",
		"XA START", "XA END", "XA COMMIT", "XA ROLLBACK"} {
		if rest, ok := bytes.CutPrefix(head, []byte(verb)); ok && (len(rest) == 0 || !isWordByte(rest[0])) {
			return verb, true
		}
	}
	return "", false
}
