package row

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// everyType is a table with a column of each way in which values are kept, in no order.
func everyType() *Table {
	labels := strings.Split(strings.Repeat("l,", 63)+"l", ",")
	columns := []Column{
		{Type: mysql.MYSQL_TYPE_TINY}, {Type: mysql.MYSQL_TYPE_TINY, Unsigned: true}, {Type: mysql.MYSQL_TYPE_SHORT}, {Type: mysql.MYSQL_TYPE_SHORT, Unsigned: true},
		{Type: mysql.MYSQL_TYPE_INT24}, {Type: mysql.MYSQL_TYPE_INT24, Unsigned: true}, {Type: mysql.MYSQL_TYPE_LONG}, {Type: mysql.MYSQL_TYPE_LONG, Unsigned: true},
		{Type: mysql.MYSQL_TYPE_LONGLONG}, {Type: mysql.MYSQL_TYPE_LONGLONG, Unsigned: true}, {Type: mysql.MYSQL_TYPE_FLOAT, Meta: 4}, {Type: mysql.MYSQL_TYPE_DOUBLE, Meta: 8},
		{Type: mysql.MYSQL_TYPE_NEWDECIMAL, Meta: 10<<8 | 2}, {Type: mysql.MYSQL_TYPE_NEWDECIMAL, Meta: 65<<8 | 30}, {Type: mysql.MYSQL_TYPE_NEWDECIMAL, Meta: 9 << 8}, {Type: mysql.MYSQL_TYPE_NEWDECIMAL, Meta: 5<<8 | 5},
		{Type: mysql.MYSQL_TYPE_BIT, Meta: 1<<8 | 3}, {Type: mysql.MYSQL_TYPE_YEAR, Unsigned: true}, {Type: mysql.MYSQL_TYPE_DATE},
		{Type: mysql.MYSQL_TYPE_TIME2}, {Type: mysql.MYSQL_TYPE_TIME2, Meta: 3}, {Type: mysql.MYSQL_TYPE_TIME2, Meta: 6}, {Type: mysql.MYSQL_TYPE_DATETIME2}, {Type: mysql.MYSQL_TYPE_DATETIME2, Meta: 1},
		{Type: mysql.MYSQL_TYPE_TIMESTAMP2}, {Type: mysql.MYSQL_TYPE_TIMESTAMP2, Meta: 5}, {Type: mysql.MYSQL_TYPE_TIME}, {Type: mysql.MYSQL_TYPE_DATETIME}, {Type: mysql.MYSQL_TYPE_TIMESTAMP},
		{Type: mysql.MYSQL_TYPE_ENUM, Meta: 1, Labels: labels[:2], Collation: 45}, {Type: mysql.MYSQL_TYPE_SET, Meta: 1, Labels: labels[:3], Collation: 45}, {Type: mysql.MYSQL_TYPE_SET, Meta: 8, Labels: labels, Collation: 45},
		{Type: mysql.MYSQL_TYPE_VARCHAR, Meta: 8, Collation: 45}, {Type: mysql.MYSQL_TYPE_VARCHAR, Meta: 300, Collation: 8}, {Type: mysql.MYSQL_TYPE_VARCHAR, Meta: 5, Collation: BinaryCollation},
		{Type: mysql.MYSQL_TYPE_STRING, Meta: 8, Collation: 54}, {Type: mysql.MYSQL_TYPE_STRING, Meta: 5, Collation: BinaryCollation}, {Type: mysql.MYSQL_TYPE_BLOB, Meta: 2, Collation: 45}, {Type: mysql.MYSQL_TYPE_BLOB, Meta: 3, Collation: BinaryCollation},
		{Type: mysql.MYSQL_TYPE_BLOB, Meta: 4, Collation: 45, Kind: JSONText}, {Type: mysql.MYSQL_TYPE_JSON, Meta: 4}, {Type: mysql.MYSQL_TYPE_GEOMETRY, Meta: 4}, {Type: mysql.MYSQL_TYPE_VECTOR, Meta: 4},
		{Type: mysql.MYSQL_TYPE_STRING, Meta: 16, Collation: BinaryCollation, Kind: UUID}, {Type: mysql.MYSQL_TYPE_STRING, Meta: 4, Collation: BinaryCollation, Kind: INET4}, {Type: mysql.MYSQL_TYPE_STRING, Meta: 16, Collation: BinaryCollation, Kind: INET6},
	}
	return New(&Table{Schema: "d", Name: "t", Columns: columns})
}

func shapeOf(t testing.TB, table *Table, columns ...int) *Shape {
	t.Helper()
	s, err := NewShape(table, columns)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestShape: what may be chosen, and how it is asked for.
func TestShape(t *testing.T) {
	table := New(&Table{Schema: "d", Name: "t", Columns: []Column{
		{Name: "a`b", Type: mysql.MYSQL_TYPE_LONG}, {Name: "f", Type: mysql.MYSQL_TYPE_FLOAT}, {Name: "e", Type: mysql.MYSQL_TYPE_ENUM, Meta: 1, Labels: []string{"x"}},
		{Name: "made", Type: mysql.MYSQL_TYPE_LONG, Hidden: true}, {Name: "z", Type: TypeBlobCompressed, Meta: 2},
	}})
	if got, want := shapeOf(t, table, 2, 1, 0).SelectList(), "CAST(`e` AS UNSIGNED), `f` * 1e0, `a``b`"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, columns := range [][]int{{}, {3}, {0, 4}, {1, 0, 1}} {
		if s, err := NewShape(table, columns); err == nil {
			t.Errorf("%v: %s", columns, s.SelectList())
		}
	}
}

// TestReadRefuses: records that are not of the shape, by what is wrong with them.
func TestReadRefuses(t *testing.T) {
	s := shapeOf(t, New(&Table{Schema: "d", Name: "t", Key: []int{1}, Columns: []Column{
		{Name: "a", Type: mysql.MYSQL_TYPE_SHORT}, {Name: "k", Type: mysql.MYSQL_TYPE_VARCHAR, Meta: 3, Collation: 45}, {Name: "b", Type: mysql.MYSQL_TYPE_STRING, Meta: 4, Collation: BinaryCollation}}}), 1, 0, 2)
	var im Image
	good := []byte{2, 2, 'h', 'i', 2, 0, 'x'}
	if err := s.Read(&im, good); err != nil || !im.IsNull(0) || string(im.Bytes(1)) != "hi" || string(im.Bytes(2)) != "\x00x" {
		t.Fatalf("%v", err)
	}
	for what, record := range map[string][]byte{
		"cut short": good[:6], "too many": append(bytes.Clone(good), 0), "more NULLs than columns": {10, 0, 0}, "NULL in the primary key": {1, 0, 0, 0},
		"too long": {2, 4, 'l', 'o', 'n', 'g', 0}, "zeros at the end": {2, 0, 1, 0}, "column b: damaged binlog event: it is cut short": {2, 0, 3, 'a'},
	} {
		if err := s.Read(&im, record); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), what) {
			t.Errorf("% x: %v, want %s", record, err, what)
		}
	}
	if err := s.Read(&im, nil); !errors.Is(err, ErrCorrupt) {
		t.Errorf("nothing: %v", err)
	}
}

// TestPackRefuses: what no server prints, so that another definition of the table is noticed.
func TestPackRefuses(t *testing.T) {
	table := everyType()
	for i, texts := range map[int][]string{
		0: {"128", "-129", "", "-", "1.0", " 1", "+1", "x"}, 1: {"256", "-1"}, 8: {"9223372036854775808", "-9223372036854775809"}, 9: {"18446744073709551616", "99999999999999999999999"},
		10: {"0.1", "1e39", "nan", "inf", "1e", ""}, 11: {"1e309", "abc"}, 12: {"1", "1.5", "1.555", "123456789.00", "1a.00", "-", "1.a0", ""}, 14: {"1234567890", "1.0"}, 16: {"\x01", "123"}, 17: {"1900", "2156", "x"},
		18: {"2026-11-21 00:00:00", "26-11-21", "2026-13-01", "2026-11-32", "2026/11/21"}, 19: {"839:00:00", "1:00:00", "00:60:00", "00:00:00.1"}, 20: {"00:00:00", "00:00:00.12"},
		22: {"2026-11-21T00:00:00", "2026-11-21 24:00:00", "2026-11-21"}, 24: {"1969-12-31 23:59:59", "2106-02-07 06:28:16", "2026-02-30 00:00:00", "1970-01-01 00:00:00"},
		29: {"256", "3"}, 30: {"8", "256"}, 32: {"more than 8"}, 43: {"00112233-4455-6677-8899-aabbccddeef", "00112233x4455-6677-8899-aabbccddeeff", "0011223g-4455-6677-8899-aabbccddeeff"}, 44: {"::1", "1.2.3", "1.2.3.4.5"}, 45: {"1.2.3.4", "fe80::1%eth0"},
	} {
		for _, text := range texts {
			if got, err := shapeOf(t, table, i).Pack([]byte("was"), [][]byte{[]byte(text)}); !errors.Is(err, ErrValue) || string(got) != "was" {
				t.Errorf("%s: %q became % x, %v", table.Columns[i].TypeName(), text, got, err)
			}
		}
	}
	keyed := New(&Table{Schema: "d", Name: "t", Key: []int{0}, Columns: []Column{{Name: "id", Type: mysql.MYSQL_TYPE_LONG}}})
	if _, err := shapeOf(t, keyed, 0).Pack(nil, [][]byte{nil}); !errors.Is(err, ErrValue) {
		t.Errorf("NULL in the primary key: %v", err)
	}
	if _, err := shapeOf(t, table, 0).Pack(nil, nil); !errors.Is(err, ErrValue) {
		t.Errorf("no values: %v", err)
	}
}

var literalText = regexp.MustCompile(`^(NULL|-?[0-9.]+(e[+-][0-9]+)?|'[0-9a-f:. -]*'|(_[a-z0-9]+ )?x'([0-9a-f]{2})*')$`)

// FuzzRead: whatever the bytes, a record or an error; a record is the only one of its row,
// and its literals are nothing but literals.
func FuzzRead(f *testing.F) {
	table := everyType()
	for i := range table.Columns {
		f.Add(byte(i), byte(i), []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
		f.Add(byte(i), byte(i), append([]byte{0, 4, 0, 0, 0}, "' \\ 2026-11-21"...))
		f.Add(byte(i), byte(i+1), []byte("\x00\x01a\x01b\x01c\x01d"))
	}
	f.Fuzz(func(t *testing.T, a, b byte, record []byte) {
		s := shapeOf(t, table, int(a)%len(table.Columns))
		if int(a)%len(table.Columns) != int(b)%len(table.Columns) {
			s = shapeOf(t, table, append(s.Columns(), int(b)%len(table.Columns))...)
		}
		var im Image
		if err := s.Read(&im, record); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Error(err)
			}
			return
		}
		if again, ok, err := s.Copy(nil, &im); !ok || err != nil || !bytes.Equal(again, record) {
			t.Errorf("%q became %q, %v", record, again, err)
		}
		for _, i := range s.Columns() {
			_, err := im.AppendJSON(nil, i, &Format{})
			_, terr := im.AppendText(nil, i)
			literal, lerr := im.AppendLiteral([]byte("was"), i)
			for _, err := range []error{err, terr, lerr} {
				if err != nil && !errors.Is(err, ErrValue) {
					t.Error(err)
				}
			}
			if rest, _ := bytes.CutPrefix(literal, []byte("was")); lerr == nil && !literalText.Match(rest) || lerr != nil && len(rest) != 0 {
				t.Errorf("%s: literal %q, %v", table.Columns[i].TypeName(), rest, lerr)
			}
		}
	})
}

// FuzzPack: whatever the text, a record that Read takes, or an error; and a value that
// is printed as it came, but for types that are made readable, and numbers with more
// digits than they need.
func FuzzPack(f *testing.F) {
	table := everyType()
	for i := range table.Columns {
		for _, seed := range []string{"", "0", "-1", "255", "12.50", "2026-11-21", "2026-00-00 12:13:14.5", "-838:59:59.999000", "1970-01-01 00:00:01", "0000-00-00 00:00:00.00000", "1.5e-20", "0.5", "::1", "1.2.3.4",
			"00112233-4455-6677-8899-aabbccddeeff", "[1, {\"a\": \"b c\\\\\"}]", "\x00\x00", "0.12345", "-0.00", "00000001.50"} {
			f.Add(byte(i), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, column byte, text []byte) {
		i := int(column) % len(table.Columns)
		s := shapeOf(t, table, i)
		record, err := s.Pack(nil, [][]byte{text})
		if err != nil {
			if !errors.Is(err, ErrValue) || record != nil {
				t.Errorf("%q, %v", record, err)
			}
			return
		}
		var im Image
		if err := s.Read(&im, record); err != nil {
			t.Fatal(err)
		}
		got, err := im.AppendText([]byte{}, i) // nil would be NULL
		switch table.plans[i].render {
		case asText, asUTF8, asJSONText, asGeometry, asVector, asBit, asEnum, asSet, asYear, asBinary:
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Pack(nil, [][]byte{got})
		if err != nil || !bytes.Equal(again, record) {
			t.Errorf("%s: %q became %q, which is % x instead of % x: %v", table.Columns[i].TypeName(), text, got, again, record, err)
		}
	})
}

// TestRecordsAllocateNothing, once the buffers have grown.
func TestRecordsAllocateNothing(t *testing.T) {
	table := New(sampleTable())
	s := shapeOf(t, table, 0, 1, 2, 3, 4, 5, 6)
	values := [][]byte{[]byte("42"), []byte("Anna é"), []byte("5.50"), []byte("2025-11-21 01:16:28.817"), []byte("K\xf6ln"), []byte("[true]"), nil}
	whole, err := ParseImage(table, sampleRow())
	if err != nil {
		t.Fatal(err)
	}
	var im Image
	packed, copied := make([]byte, 0, 1024), make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(1000, func() {
		if packed, err = s.Pack(packed[:0], values); err != nil {
			t.Fatal(err)
		}
		if copied, _, err = s.Copy(copied[:0], whole); err != nil {
			t.Fatal(err)
		}
		if err := s.Read(&im, packed); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a row", n)
	}
	if !bytes.Equal(packed, copied) {
		t.Errorf("packed % x\ncopied % x", packed, copied)
	}
}

func BenchmarkPack(b *testing.B) {
	s := shapeOf(b, New(sampleTable()), 0, 1, 2, 3, 4, 5, 6)
	values := [][]byte{[]byte("42"), []byte("Anna é"), []byte("5.50"), []byte("2025-11-21 01:16:28.817"), []byte("K\xf6ln"), []byte("[true]"), nil}
	var record []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if record, err = s.Pack(record[:0], values); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadRecord(b *testing.B) {
	table := New(sampleTable())
	s := shapeOf(b, table, 0, 1, 2, 3, 4, 5, 6)
	whole, err := ParseImage(table, sampleRow())
	if err != nil {
		b.Fatal(err)
	}
	record, _, err := s.Copy(nil, whole)
	if err != nil {
		b.Fatal(err)
	}
	var im Image
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Read(&im, record); err != nil {
			b.Fatal(err)
		}
	}
}
