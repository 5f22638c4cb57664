package cdc

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/format"
	"rowcast/cdc/internal/wire"
	"rowcast/cdc/row"
)

// rowMaker turns fuzz input into a table map and a rows event that a server
// could have sent, of the types that go-mysql decodes as well.
type rowMaker struct {
	in    wire.Cursor
	types []byte
	metas []byte
	signs []byte
	row   []byte
}

func (m *rowMaker) byte() byte           { return byte(m.in.Uint(1)) }
func (m *rowMaker) bytes(n int)          { m.row = append(m.row, m.random(n)...) }
func (m *rowMaker) between(a, b int) int { return a + int(m.in.Uint(2))%(b-a+1) }

func (m *rowMaker) random(n int) []byte {
	b := make([]byte, n)
	copy(b, m.in.Take(min(n, m.in.Left())))
	return b
}

// column adds one column and its value.
func (m *rowMaker) column() {
	add := func(typ byte, metas ...byte) {
		m.types, m.metas = append(m.types, typ), append(m.metas, metas...)
	}
	number := func(typ byte, size int, metas ...byte) {
		add(typ, metas...)
		m.signs = append(m.signs, m.byte()&1)
		m.bytes(size)
	}
	switch m.byte() % 18 {
	case 0:
		number(mysql.MYSQL_TYPE_TINY, 1)
	case 1:
		number(mysql.MYSQL_TYPE_SHORT, 2)
	case 2:
		number(mysql.MYSQL_TYPE_INT24, 3)
	case 3:
		number(mysql.MYSQL_TYPE_LONG, 4)
	case 4:
		number(mysql.MYSQL_TYPE_LONGLONG, 8)
	case 5:
		number(mysql.MYSQL_TYPE_FLOAT, 4, 4)
	case 6:
		number(mysql.MYSQL_TYPE_DOUBLE, 8, 8)
	case 7:
		precision := m.between(1, 65)
		scale := m.between(0, min(precision, 30))
		number(mysql.MYSQL_TYPE_NEWDECIMAL, 0, byte(precision), byte(scale))
		m.decimal(precision, scale)
	case 8:
		n := m.between(1, 64)
		add(mysql.MYSQL_TYPE_BIT, byte(n%8), byte(n/8))
		m.bytes((n + 7) / 8)
	case 9:
		number(mysql.MYSQL_TYPE_YEAR, 1)
	case 10:
		add(mysql.MYSQL_TYPE_DATE)
		m.bytes(3)
	case 11:
		m.temporal(add, mysql.MYSQL_TYPE_TIME2, 3)
	case 12:
		m.temporal(add, mysql.MYSQL_TYPE_DATETIME2, 5)
	case 13:
		m.temporal(add, mysql.MYSQL_TYPE_TIMESTAMP2, 4)
	case 14:
		n := m.between(1, 600)
		add(mysql.MYSQL_TYPE_VARCHAR, byte(n), byte(n>>8))
		m.text(n, min(2, 1+n/256))
	case 15:
		n := m.between(1, 1000)
		add(mysql.MYSQL_TYPE_STRING, byte(mysql.MYSQL_TYPE_STRING)&^0x30|byte(n>>4&0x30^0x30), byte(n))
		m.text(n, min(2, 1+n/256))
	case 16:
		n := m.between(1, 4)
		add(mysql.MYSQL_TYPE_BLOB, byte(n))
		m.text(300, n)
	case 17:
		n := m.between(1, 8)
		add(mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_SET, byte(n))
		m.bytes(n)
	}
}

// decimal adds a value whose groups hold no more digits than they may.
func (m *rowMaker) decimal(precision, scale int) {
	start := len(m.row)
	group := func(digits int) {
		if digits > 0 {
			v := uint32(m.in.Uint(4)) % uint32(math.Pow10(digits))
			m.row = append(m.row, binary.BigEndian.AppendUint32(nil, v)[4-format.DecimalSize(digits, 0):]...)
		}
	}
	group((precision - scale) % 9)
	for range (precision-scale)/9 + scale/9 {
		group(9)
	}
	group(scale % 9)
	m.row[start] ^= 0x80
	if m.byte()&1 == 1 {
		for i := range m.row[start:] {
			m.row[start+i] ^= 0xff
		}
	}
}

func (m *rowMaker) temporal(add func(byte, ...byte), typ byte, size int) {
	digits := m.between(0, 6)
	add(typ, byte(digits))
	at := len(m.row)
	m.bytes(size)
	if typ == mysql.MYSQL_TYPE_DATETIME2 { // years up to 9999
		v := datetimeOffset + wire.UintBE(m.row[at:])%(9999*13<<22)
		copy(m.row[at:], binary.BigEndian.AppendUint64(nil, v)[3:])
	}
	if digits == 0 {
		return
	}
	bytes := (digits + 1) / 2
	v := uint32(m.in.Uint(4)) % uint32(math.Pow10(2*bytes))
	if digits%2 == 1 {
		v -= v % 10
	}
	if typ == mysql.MYSQL_TYPE_TIME2 && m.row[at] < 0x80 && v != 0 {
		v = 1<<(8*bytes) - v // negative: the fraction counts down
	}
	m.row = append(m.row, binary.BigEndian.AppendUint32(nil, v)[4-bytes:]...)
}

func (m *rowMaker) text(most, prefix int) {
	n := min(m.between(0, most), m.in.Left(), 1<<(8*prefix)-1)
	m.row = append(m.row, binary.LittleEndian.AppendUint32(nil, uint32(n))[:prefix]...)
	m.bytes(n)
}

// events are the table map and rows event bodies.
func (m *rowMaker) events(columns int) (tableMap, rows []byte) {
	for range columns {
		m.column()
	}
	bitmap := make([]byte, (columns+7)/8)
	tableMap = append([]byte{1, 0, 0, 0, 0, 0, 1, 0, 1, 'd', 0, 1, 't', 0, byte(columns)}, m.types...)
	tableMap = append(append(append(tableMap, byte(len(m.metas))), m.metas...), bitmap...)
	signs := make([]byte, (len(m.signs)+7)/8)
	for i, s := range m.signs {
		signs[i/8] |= s << (7 - i%8)
	}
	tableMap = append(append(tableMap, optSignedness, byte(len(signs))), signs...)
	rows = []byte{1, 0, 0, 0, 0, 0, 1, 0, 2, 0, byte(columns)}
	for range bitmap {
		rows = append(rows, 0xff)
	}
	return tableMap, append(append(rows, bitmap...), m.row...)
}

// FuzzAgainstGoMySQL: what both decoders can decode they decode alike.
func FuzzAgainstGoMySQL(f *testing.F) {
	for i := range 18 {
		f.Add(byte(1), append([]byte{byte(i)}, strings.Repeat("\x07\x81\xf3\x00\x25\xb9", 8)...))
		f.Add(byte(5), append([]byte{byte(i)}, strings.Repeat(string(rune(i))+"\x00\x01\xfe\x9a\x63", 30)...))
	}
	f.Fuzz(func(t *testing.T, columns byte, in []byte) {
		m := rowMaker{in: wire.Cursor{B: in}}
		n := int(columns)%12 + 1
		tableMap, rows := m.events(n)
		tm, err := parseTableMap(tableMap, MySQL)
		if err != nil {
			t.Fatal(err)
		}
		for i := range tm.columns {
			if c := &tm.columns[i]; !isNumber(c.Type) && c.Type != mysql.MYSQL_TYPE_SET {
				c.Collation = row.BinaryCollation
			} else if c.Type == mysql.MYSQL_TYPE_SET {
				c.Labels = strings.Split(strings.Repeat("l,", 63)+"l", ",")
			}
		}
		table := row.New(&Table{Schema: tm.schema, Name: tm.name, Columns: tm.columns})
		r, err := parseRows(byte(replication.WRITE_ROWS_EVENTv2), rows)
		if err == nil {
			err = r.bind(table, nil)
		}
		var im Image
		if err == nil {
			_, err = r.next(nil, &im)
		}
		if err != nil || len(r.rows) != 0 {
			t.Fatalf("%v, %d bytes left", err, len(r.rows))
		}
		theirs := goMySQLDecode(t, tableMap, rows)
		for i := range table.Columns {
			compareOracle(t, &im, i, theirs[i])
		}
	})
}

func goMySQLDecode(t *testing.T, tableMap, rows []byte) []any {
	p := replication.NewBinlogParser()
	p.SetFlavor("mysql")
	p.SetTimestampStringLocation(time.UTC)
	format := make([]byte, 2+50+4+1+40+1)
	copy(format[2:], "8.0.0")
	format[56] = 19
	format[len(format)-1] = 1 // checksums
	for i := range 40 {
		format[57+i] = 8 // length of each event type's own header: ids of 6 bytes
	}
	var ev *replication.BinlogEvent
	for _, e := range []rawEvent{{byte(replication.FORMAT_DESCRIPTION_EVENT), format}, {byte(replication.TABLE_MAP_EVENT), tableMap}, {byte(replication.WRITE_ROWS_EVENTv2), rows}} {
		var err error
		if ev, err = p.Parse(wholeEvent(e)); err != nil {
			t.Fatalf("go-mysql: %v", err)
		}
	}
	return ev.Event.(*replication.RowsEvent).Rows[0]
}

func compareOracle(t *testing.T, im *Image, i int, theirs any) {
	t.Helper()
	c := &im.Table().Columns[i]
	got, err := im.AppendText(nil, i)
	same := false
	switch c.Type {
	case mysql.MYSQL_TYPE_FLOAT:
		v, perr := strconv.ParseFloat(string(got), 32)
		same = err != nil && !finite(float64(theirs.(float32))) || perr == nil && float32(v) == theirs.(float32)
	case mysql.MYSQL_TYPE_DOUBLE:
		v, perr := strconv.ParseFloat(string(got), 64)
		same = err != nil && !finite(theirs.(float64)) || perr == nil && v == theirs.(float64)
	case mysql.MYSQL_TYPE_BIT:
		same = string(got) == fmt.Sprint(uint64(theirs.(int64)))
	case mysql.MYSQL_TYPE_SET:
		same = string(got) == strings.TrimSuffix(strings.Repeat("l,", strings.Count(strconv.FormatUint(uint64(theirs.(int64)), 2), "1")), ",")
	case mysql.MYSQL_TYPE_TIME2: // go-mysql leaves fractions of nothing but zeros out, and the sign of nothing
		same = strings.TrimRight(string(got), ".0") == strings.TrimRight(theirs.(string), ".0")
	case mysql.MYSQL_TYPE_STRING:
		want := theirs.(string)
		same = string(got) == want+strings.Repeat("\x00", max(0, int(c.Meta)-len(want)))
	case mysql.MYSQL_TYPE_BLOB:
		same = string(got) == string(theirs.([]byte))
	default:
		same = err == nil && string(got) == fmt.Sprint(theirs)
	}
	if !same {
		t.Errorf("%s: %q (%v), go-mysql says %v", c.TypeName(), got, err, theirs)
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Offsets by which the binlog has signed times and dates as unsigned numbers.
const (
	datetimeOffset = 0x8000000000
	timeOffset     = 0x800000
)
