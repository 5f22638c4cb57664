package soak

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// columnTypes are by name, in every table that has a column of that name; so that
// a table's definition is the list of its columns.
var columnTypes = map[string]string{
	"id": "INT NOT NULL", "n": "BIGINT UNSIGNED", "g": "INT NOT NULL", "v": "VARCHAR(200)", "w": "VARCHAR(200)",
	"d": "DECIMAL(10,2)", "t": "DATETIME(3)", "b": "TEXT", "k": "TEXT", "a6": "INET6", "u": "UUID",
	"s":  "VARCHAR(8) COLLATE utf8mb4_general_ci NOT NULL",
	"e1": "INT DEFAULT 7", "e2": "INT DEFAULT 70", "e3": "INT NOT NULL DEFAULT 700",
	"since": "TIMESTAMP(6) GENERATED ALWAYS AS ROW START", "until": "TIMESTAMP(6) GENERATED ALWAYS AS ROW END",
}

// numeric columns are numbers in JSON.
func numeric(col string) bool {
	switch col {
	case "id", "n", "g", "e1", "e2", "e3":
		return true
	}
	return false
}

// table is a table of the load, and the one stream of it that is subscribed.
type table struct {
	name     string // of the stream; "": it has none
	db, base string // as the server keeps its name
	pattern  string // the name in the config; "": db.base
	folds    bool   // the server takes its name in any case
	cols     []string
	more     string // options of CREATE TABLE
	index    string // a column with an index
	key      []string
	send     []string // columns; nil: all
	before   bool
	where    *predicate
	ops      [3]bool
	copyOnly bool         // subscribers' copies of it are judged, not each change
	rows     []*rowStream // further streams of it, which begin with its rows
}

// full is the name in messages.
func (t *table) full() string { return t.db + "." + t.base }

// spelled is the name in a statement; where the server folds names, in any case.
func (t *table) spelled(rng *rand.Rand) string {
	base := t.anyCase(rng)
	if !t.plain() || rng.IntN(3) == 0 {
		base = quoted(base)
	}
	if t.db == "soak" && rng.IntN(2) == 0 {
		return base // connections are in that database
	}
	return t.db + "." + base
}

// anyCase is the table's own name, in any case where the server takes it so.
func (t *table) anyCase(rng *rand.Rand) string {
	letters := []byte(t.base)
	for i, c := range letters {
		if t.folds && c >= 'a' && c <= 'z' && rng.IntN(2) == 0 {
			letters[i] -= 'a' - 'A'
		}
	}
	return string(letters)
}

// plain: the name needs no quotes.
func (t *table) plain() bool {
	return strings.Trim(t.base, "abcdefghijklmnopqrstuvwxyz_") == "" && !slices.Contains([]string{"select"}, t.base)
}

func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// predicate is a stream's where and what it comes to, by the judge's own reading.
type predicate struct {
	text, param string
	binds       []string // that subscribers choose among; the first is the default
	required    bool     // there is no default
	arg         func(r row) arg
	test        func(v, bind string) bool
}

// arg is what a predicate looks at in a row.
type arg struct {
	state argState
	v     string
}

type argState uint8

const (
	argNone  argState = iota // there is no such row
	argNull                  // no comparison is true
	argValue                 //
	argError                 // it can't be judged: the SELECT fails, or the servers differ
)

// verdict of a row for a binding.
func (p *predicate) holds(a arg, bind string) (match, judged bool) {
	switch a.state {
	case argError:
		return false, false
	case argValue:
		return p.test(a.v, bind), true
	}
	return false, true
}

func column(name string) func(r row) arg {
	return func(r row) arg {
		if v := r.get(name); v != "null" {
			return arg{argValue, strings.Trim(v, `"`)}
		}
		return arg{state: argNull}
	}
}

func equals(v, bind string) bool { return v == bind }

func atLeast(v, bind string) bool {
	a, _ := strconv.ParseUint(v, 10, 64)
	b, _ := strconv.ParseUint(bind, 10, 64)
	return a >= b
}

// The kinds of predicates: one that is looked up, one that each binding judges,
// and two that can't be judged for some rows.
var (
	keyed    = &predicate{text: "g = :g", param: "g", binds: []string{"0", "1", "2", "3", "4", "5"}, arg: column("g"), test: equals}
	residual = &predicate{text: "n >= :least", param: "least", binds: []string{"1000", "0", "9223372036854775808"}, arg: column("n"), test: atLeast}
	unsigned = &predicate{text: "n - g >= :rest", param: "rest", binds: []string{"0", "1000000"}, test: atLeast, arg: func(r row) arg {
		if r.get("n") == "null" {
			return arg{state: argNull}
		}
		n, _ := strconv.ParseUint(r.get("n"), 10, 64)
		if g, _ := strconv.ParseUint(r.get("g"), 10, 64); n >= g {
			return arg{argValue, fmt.Sprint(n - g)}
		}
		return arg{state: argError}
	}}
	monthly = &predicate{text: "MONTH(t) = :m", param: "m", binds: []string{"1", "2", "7"}, test: equals, arg: func(r row) arg {
		t := r.get("t")
		if t == "null" {
			return arg{state: argNull}
		}
		if month, _ := strconv.Atoi(t[6:8]); month > 0 {
			return arg{argValue, fmt.Sprint(month)}
		}
		return arg{state: argError}
	}}
)

const (
	opInsert = iota
	opUpdate
	opDelete
)

var (
	opNames = []string{"insert", "update", "delete"}
	allOps  = [3]bool{true, true, true}
)

// schema is the tables of a server, and how rowcast is configured for them.
type schema struct {
	tables []*table
	after  []string // statements after the tables are made
}

var plainColumns = []string{"id", "n", "g", "v", "d", "t", "b"}

// plainTables have ops and columns that differ. The ones from unread on are not
// configured, but for the streams that a reload adds and takes away.
func plainTables() *schema {
	list := []*table{
		{name: "a", key: []string{"id"}, send: plainColumns, before: true},
		{name: "b", key: []string{"id", "g"}, send: []string{"id", "g", "v"}},
		{name: "m", key: []string{"id"}, send: plainColumns, more: "ENGINE=MyISAM"},
		{name: "p", key: []string{"id"}, send: plainColumns, where: keyed},
		{name: "q", key: []string{"id"}, send: []string{"b", "id"}, ops: [3]bool{true, true, false}},
		{base: "x", key: []string{"id"}},
		{db: "elsewhere", base: "a", key: []string{"id"}},
	}
	return newSchema(list, plainColumns)
}

// fireTables are the plain ones, and each kind of predicate.
func fireTables() *schema {
	s := plainTables()
	more := newSchema([]*table{
		{name: "residual", key: []string{"id"}, send: plainColumns, where: residual},
		{name: "rest", key: []string{"id"}, send: plainColumns, where: unsigned, before: true},
		{name: "monthly", key: []string{"id"}, send: []string{"id", "t", "v"}, where: monthly},
		{name: "c", key: []string{"g", "s"}, cols: []string{"id", "g", "v", "s"}, index: "id", rows: []*rowStream{
			{suffix: "-all"}, {suffix: "-last", limit: 12, order: []ordered{{"s", true}, {"g", false}}}}},
	}, plainColumns)
	s.tables = append(s.tables, more.tables...)
	for name, list := range map[string][]*rowStream{
		"a": {{suffix: "-last", limit: 20}, {suffix: "-all"}},
		"b": {{suffix: "-all"}, {suffix: "-late", limit: 15, order: []ordered{{"g", true}, {"id", true}}}},
		"p": {{suffix: "-all"}, {suffix: "-most", limit: 10, order: []ordered{{"n", true}, {"id", true}}}},
	} {
		s.tables[s.index("soak."+name)].rows = list
	}
	return s
}

func newSchema(list []*table, cols []string) *schema {
	for _, t := range list {
		if t.db == "" {
			t.db = "soak"
		}
		if t.base == "" {
			t.base = t.name
		}
		if t.cols == nil {
			t.cols = cols
		}
		if t.ops == ([3]bool{}) {
			t.ops = allOps
		}
	}
	return &schema{tables: list}
}

// index of a table by its name in messages; -1: there is none.
func (s *schema) index(full string) int {
	return slices.IndexFunc(s.tables, func(t *table) bool { return t.full() == full })
}

// streamed are the tables that have a stream.
func (s *schema) streamed() (list []int) {
	for i, t := range s.tables {
		if t.name != "" {
			list = append(list, i)
		}
	}
	return list
}

func (s *schema) sql() []string {
	var sql []string
	made := map[string]bool{}
	for _, t := range s.tables {
		if !made[t.db] {
			made[t.db] = true
			sql = append(sql, "CREATE DATABASE "+quoted(t.db))
		}
	}
	for _, t := range s.tables {
		sql = append(sql, t.create(quoted(t.db)+"."+quoted(t.base)))
	}
	return append(sql, s.after...)
}

func (t *table) create(name string) string {
	var defs []string
	for _, c := range t.cols {
		defs = append(defs, c+" "+columnTypes[c])
	}
	defs = append(defs, "PRIMARY KEY ("+strings.Join(t.key, ", ")+")")
	if t.index != "" {
		defs = append(defs, "KEY ("+t.index+")")
	}
	if slices.Contains(t.cols, "until") {
		defs = append(defs, "PERIOD FOR SYSTEM_TIME (since, until)")
	}
	return fmt.Sprintf("CREATE TABLE %s (%s) DEFAULT CHARSET=utf8mb4 %s", name, strings.Join(defs, ", "), t.more)
}

// config is the [[table]] entries. extra adds one that nobody reads, and turns
// the order round.
func (s *schema) config(extra bool) string {
	var entries []string
	for _, t := range s.tables {
		if t.name != "" {
			entries = append(entries, t.config())
		}
		if t.twin() {
			again := *t
			again.name += twinSuffix
			entries = append(entries, again.config()+"event = \"twin\"\n")
		}
		for _, r := range t.rows {
			entries = append(entries, r.config(t))
		}
	}
	if extra {
		unread := s.tables[slices.IndexFunc(s.tables, func(t *table) bool { return t.name == "" })]
		slices.Reverse(entries)
		entries = append([]string{fmt.Sprintf("[[table]]\nname = %q\nas = \"extra\"\n", unread.full())}, entries...)
	}
	return strings.Join(entries, "")
}

// twinSuffix is what a stream's twin has after its name: it publishes the same, with an
// event name of its own.
const twinSuffix = "-twin"

// twin: the stream has one. What a where can't judge is a reset for both, of which a
// client gets one.
func (t *table) twin() bool { return t.name != "" && t.where == nil }

func (t *table) config() string {
	var on []string
	for op, yes := range t.ops {
		if yes {
			on = append(on, strconv.Quote(opNames[op]))
		}
	}
	e := fmt.Sprintf("[[table]]\nname = %q\nas = %q\non = [%s]\nbefore = %v\n", cmp.Or(t.pattern, t.full()), t.name, strings.Join(on, ", "), t.before)
	if t.send != nil {
		e += fmt.Sprintf("columns = [\"%s\"]\n", strings.Join(t.send, `", "`))
	}
	if p := t.where; p != nil {
		e += fmt.Sprintf("where = %q\n", p.text)
		if byDefault := p.binds[0]; !p.required {
			e += fmt.Sprintf("params = { %s = %q }\n", p.param, byDefault)
		} else {
			e += fmt.Sprintf("params = { %s = \"\" }\n", p.param)
		}
	}
	return e
}

// row is one image: values in the JSON form of the spec (7, "text", null) by column.
type row struct{ cols, vals []string }

func (r row) get(col string) string {
	if i := slices.Index(r.cols, col); i >= 0 && i < len(r.vals) {
		return r.vals[i]
	}
	return "null"
}

func (r row) none() bool { return r.vals == nil }

// pairs of the columns in JSON, as readObject gives them; nil: all.
func (r row) pairs(cols []string) string {
	if cols == nil {
		cols = r.cols
	}
	var pairs [][2]string
	for _, c := range cols {
		pairs = append(pairs, [2]string{c, r.get(c)})
	}
	return fmt.Sprint(pairs)
}

// essence is what a subscriber must be told of a change, apart from id and ts,
// in a form that both the truth and the events are brought to.
func (t *table) essence(op int, before, after row) string {
	var b strings.Builder
	b.WriteString(opNames[op] + " " + t.full())
	part := func(name string, cols []string, r row) { b.WriteString(" " + name + r.pairs(cols)) }
	key := after
	if op == opDelete {
		key = before
	}
	part("key", t.key, key)
	if op == opUpdate && before.pairs(t.key) != after.pairs(t.key) {
		part("old_key", t.key, before)
	}
	if op != opDelete {
		part("row", t.send, after)
	}
	if t.before && op != opInsert {
		part("before", t.send, before)
	}
	return b.String()
}

// textValue brings a value as mysqlbinlog or SELECT print it to JSON form.
func textValue(col string, text string) string {
	if numeric(col) {
		return text
	}
	if col == "t" {
		text = strings.Replace(text, " ", "T", 1)
	}
	return strconv.Quote(text)
}
