package cdc

import (
	"errors"
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
	return fromHex("40" + "2a00000000000000" + "0700" + "416e6e6120c3a9" + "8000000532" + "691fbd6c1fea" + "04" + "4bf66c6e" + "09000000" + "020100080004" + "010000")
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
	table := newTable(sampleTable())
	row := sampleRow()
	all := rowColumns{bits: []byte{0x7f}, count: 7}
	var im Image
	out := make([]byte, 0, 1024)
	f := &Format{}
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := im.read(table, &all, row); err != nil {
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
