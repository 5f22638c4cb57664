package soak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
)

// Every table of the load has these columns; values are kept in the JSON form of
// the spec: 7, "text", null.
var columns = []string{"id", "n", "g", "v", "d", "t", "b"}

const columnTypes = "id INT NOT NULL, n BIGINT UNSIGNED, g INT NOT NULL, v VARCHAR(200), d DECIMAL(10,2), t DATETIME(3), b TEXT"

const (
	colID = iota
	colN
	colG
	colV
	colD
	colT
	colB
)

// table is a configured table and the one stream of it that is subscribed.
type table struct {
	name   string // of the table in schema soak, and of the stream
	more   string // options of CREATE TABLE
	key    []int
	send   []int // columns
	before bool
	where  bool // g = :g
	ops    [3]bool
}

var (
	allColumns = []int{0, 1, 2, 3, 4, 5, 6}
	allOps     = [3]bool{true, true, true}
)

// tables: the ops and columns of each stream differ.
var tables = []*table{
	{name: "a", key: []int{colID}, send: allColumns, before: true, ops: allOps},
	{name: "b", key: []int{colID, colG}, send: []int{colID, colG, colV}, ops: allOps},
	{name: "m", key: []int{colID}, send: allColumns, ops: allOps, more: "ENGINE=MyISAM"},
	{name: "p", key: []int{colID}, send: allColumns, ops: allOps, where: true},
	{name: "q", key: []int{colID}, send: []int{colB, colID}, ops: [3]bool{true, true, false}},
}

// others are not configured, but for the streams that a reload adds and takes away.
var others = []string{"soak.x", "elsewhere.a"}

const (
	opInsert = iota
	opUpdate
	opDelete
)

var opNames = []string{"insert", "update", "delete"}

func tableIndex(name string) int {
	for i, t := range tables {
		if t.name == name {
			return i
		}
	}
	return -1
}

func schemaSQL() []string {
	sql := []string{"CREATE DATABASE soak", "CREATE DATABASE elsewhere"}
	create := func(name, key, more string) {
		sql = append(sql, fmt.Sprintf("CREATE TABLE %s (%s, PRIMARY KEY (%s)) DEFAULT CHARSET=utf8mb4 %s", name, columnTypes, key, more))
	}
	for _, t := range tables {
		create("soak."+t.name, strings.Join(names(t.key), ","), t.more)
	}
	for _, o := range others {
		create(o, "id", "")
	}
	return sql
}

func names(cols []int) (list []string) {
	for _, c := range cols {
		list = append(list, columns[c])
	}
	return list
}

// streamsConfig is the [[table]] entries. extra adds one that nobody reads, and
// turns the order round.
func streamsConfig(extra bool) string {
	var entries []string
	for _, t := range tables {
		var on, cols []string
		for op, yes := range t.ops {
			if yes {
				on = append(on, strconv.Quote(opNames[op]))
			}
		}
		for _, c := range names(t.send) {
			cols = append(cols, strconv.Quote(c))
		}
		e := fmt.Sprintf("[[table]]\nname = \"soak.%s\"\nas = %q\non = [%s]\ncolumns = [%s]\nbefore = %v\n",
			t.name, t.name, strings.Join(on, ", "), strings.Join(cols, ", "), t.before)
		if t.where {
			e += "where = \"g = :g\"\nparams = { g = \"0\" }\n"
		}
		entries = append(entries, e)
	}
	if extra {
		entries = append([]string{"[[table]]\nname = \"soak.x\"\nas = \"extra\"\n"}, entries...)
		entries[1], entries[len(entries)-1] = entries[len(entries)-1], entries[1]
	}
	return strings.Join(entries, "")
}

// row is one image: values in JSON form, by column.
type row []string

var hashSeed = maphash.MakeSeed()

// essence is what a subscriber must be told of a change, apart from id and ts,
// in a form that both the truth and the events are brought to.
func (t *table) essence(op int, before, after row) string {
	var b strings.Builder
	part := func(name string, cols []int, r row) {
		b.WriteString(" " + name)
		for _, c := range cols {
			b.WriteString("," + columns[c] + "=" + r[c])
		}
	}
	b.WriteString(opNames[op] + " soak." + t.name)
	key := after
	if op == opDelete {
		key = before
	}
	part("key", t.key, key)
	if op == opUpdate {
		for _, c := range t.key {
			if before[c] != after[c] {
				part("old_key", t.key, before)
				break
			}
		}
	}
	if op != opDelete {
		part("row", t.send, after)
	}
	if t.before && op != opInsert {
		part("before", t.send, before)
	}
	return b.String()
}

// message is an event's data.
type message struct {
	Op, Table          string
	Key, Row, Before   json.RawMessage
	OldKey             json.RawMessage `json:"old_key"`
	TS                 int64
	key, row, old, bef [][2]string
}

// readMessage parses data and returns its essence.
func readMessage(data []byte) (*message, string, error) {
	m := &message{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, "", err
	}
	var b strings.Builder
	b.WriteString(m.Op + " " + m.Table)
	for _, part := range []struct {
		name string
		raw  json.RawMessage
		to   *[][2]string
	}{{"key", m.Key, &m.key}, {"old_key", m.OldKey, &m.old}, {"row", m.Row, &m.row}, {"before", m.Before, &m.bef}} {
		if part.raw == nil {
			continue
		}
		pairs, err := readObject(part.raw)
		if err != nil {
			return nil, "", err
		}
		*part.to = pairs
		b.WriteString(" " + part.name)
		for _, p := range pairs {
			b.WriteString("," + p[0] + "=" + p[1])
		}
	}
	if m.TS < 1.6e12 || m.TS > 5e12 {
		return nil, "", fmt.Errorf("ts %d", m.TS)
	}
	return m, b.String(), nil
}

// readObject returns members in their order.
func readObject(raw []byte) (pairs [][2]string, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := d.Token()
		if err != nil {
			return nil, err
		}
		text := "null"
		switch v := value.(type) {
		case json.Number:
			text = v.String()
		case string:
			text = strconv.Quote(v)
		case nil:
		default:
			return nil, fmt.Errorf("value %v", v)
		}
		pairs = append(pairs, [2]string{fmt.Sprint(name), text})
	}
	return pairs, nil
}

// textValue brings a value as mysqlbinlog or SELECT print it to JSON form.
func textValue(col int, text string) string {
	switch col {
	case colID, colN, colG:
		return text
	case colT:
		text = strings.Replace(text, " ", "T", 1)
	}
	return strconv.Quote(text)
}
