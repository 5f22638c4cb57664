package row

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// sampleTable is a table made by hand, as other packages' tests make theirs.
func sampleTable() *Table {
	return &Table{Schema: "d", Name: "t", Key: []int{0}, Columns: []Column{
		{Name: "id", Type: mysql.MYSQL_TYPE_LONGLONG},
		{Name: "name", Type: mysql.MYSQL_TYPE_VARCHAR, Meta: 300, Collation: 45},
		{Name: "price", Type: mysql.MYSQL_TYPE_NEWDECIMAL, Meta: 10<<8 | 2},
		{Name: "at", Type: mysql.MYSQL_TYPE_TIMESTAMP2, Meta: 3},
		{Name: "city", Type: mysql.MYSQL_TYPE_VARCHAR, Meta: 40, Collation: 8},
		{Name: "doc", Type: mysql.MYSQL_TYPE_JSON, Meta: 4},
		{Name: "note", Type: mysql.MYSQL_TYPE_BLOB, Meta: 2, Collation: 45},
	}}
}

func sampleRow() []byte {
	b, err := hex.DecodeString("40" + "2a00000000000000" + "0700" + "416e6e6120c3a9" + "8000000532" + "691fbd6c1fea" + "04" + "4bf66c6e" + "09000000" + "020100080004" + "010000")
	if err != nil {
		panic(err)
	}
	return b
}

func TestParseImage(t *testing.T) {
	im, err := ParseImage(sampleTable(), sampleRow())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"42", `"Anna é"`, `"5.50"`, `"2025-11-21T01:16:28.817Z"`, `"Köln"`, "[true]", "null"} {
		if got := cellJSON(im, i); got != want {
			t.Errorf("column %d: %s, want %s", i, got, want)
		}
	}
	if got, err := im.AppendJSON(nil, 0, &Format{BigintString: true}); err != nil || string(got) != `"42"` {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := im.AppendJSON(nil, 2, &Format{DecimalNumber: true}); err != nil || string(got) != "5.50" {
		t.Errorf("%s, %v", got, err)
	}
	for n := range sampleRow() {
		if _, err := ParseImage(sampleTable(), sampleRow()[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := ParseImage(sampleTable(), append(sampleRow(), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
}

// TestNoAllocations: a row costs none once the buffers have grown.
func TestNoAllocations(t *testing.T) {
	table := New(sampleTable())
	bytes := sampleRow()
	all := Present{bits: []byte{0x7f}, count: 7}
	var im Image
	out := make([]byte, 0, 1024)
	f := &Format{}
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := im.Read(table, &all, bytes); err != nil {
			t.Fatal(err)
		}
		out = out[:0]
		var err error
		for i := range table.Columns {
			if out, err = im.AppendJSON(out, i, f); err != nil {
				t.Fatal(err)
			}
			if out, err = im.AppendText(out, i); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations for a row", n)
	}
}

// TestInt64: the number is the one that AppendText writes.
func TestInt64(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []Column{{Type: mysql.MYSQL_TYPE_TINY}, {Type: mysql.MYSQL_TYPE_SHORT}, {Type: mysql.MYSQL_TYPE_INT24}, {Type: mysql.MYSQL_TYPE_LONG}, {Type: mysql.MYSQL_TYPE_LONGLONG},
		{Type: mysql.MYSQL_TYPE_YEAR}, {Type: mysql.MYSQL_TYPE_BIT, Meta: 5}, {Type: mysql.MYSQL_TYPE_BIT, Meta: 1<<8 | 3}, {Type: mysql.MYSQL_TYPE_BIT, Meta: 8 << 8}} {
		for _, c.Unsigned = range []bool{false, true} {
			table := New(&Table{Columns: []Column{c}})
			for range 100 {
				row := make([]byte, 1+table.plans[0].size)
				for i := range row[1:] {
					row[1+i] = byte(r.UintN(256)) & byte(r.IntN(2)*255)
				}
				im, err := ParseImage(table, row)
				if err != nil {
					t.Fatal(err)
				}
				text, err := im.AppendText(nil, 0)
				got := strconv.FormatInt(im.Int64(0), 10)
				if c.Unsigned || c.Type == mysql.MYSQL_TYPE_BIT {
					got = strconv.FormatUint(uint64(im.Int64(0)), 10)
				}
				if err != nil || got != string(text) {
					t.Fatalf("%s, % x: %s, text %s, %v", c.TypeName(), row[1:], got, text, err)
				}
			}
		}
	}
	if im, err := ParseImage(New(&Table{Columns: []Column{{Type: mysql.MYSQL_TYPE_LONG}}}), []byte{1}); err != nil || im.Int64(0) != 0 {
		t.Errorf("NULL: %d, %v", im.Int64(0), err)
	}
}

func cellJSON(im *Image, i int) string {
	b, err := im.AppendJSON(nil, i, &Format{})
	if err != nil {
		return err.Error()
	}
	return string(b)
}
