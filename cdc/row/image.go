package row

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/jsonb"
	"rowcast/cdc/internal/wire"
)

// Format chooses how values with two good JSON forms are written.
type Format struct {
	BigintString  bool // BIGINT as "123" rather than 123
	DecimalNumber bool // DECIMAL as 10.50 rather than "10.50"
}

// Image is one row image, before or after: a view of the event's bytes, decoded
// column by column on demand. The zero Image is ready to be filled.
type Image struct {
	table   *Table
	plans   []plan
	data    []byte // the cells refer to it
	cells   []cell
	patches []patch
}

// cell is where a column's value is.
type cell struct {
	off uint32 // in data; of a patched document the index of its patch
	n   uint32 // bytes, without a length prefix; or one of the marks
}

// Marks in cell.n.
const (
	cellAbsent  = math.MaxUint32
	cellNull    = math.MaxUint32 - 1
	cellPatched = math.MaxUint32 - 2
	maxCell     = math.MaxUint32 - 3
)

// patch is a JSON document as changes to the one of the before image.
type patch struct {
	base  []byte // as in the before image
	diffs []byte
	ok    bool // the before image has the document
}

// walk is how a column's length is known. It stands apart from the plan, so that
// walking over a row touches little memory.
type walk struct {
	size   uint16 // in bytes, where prefix is walkFixed
	prefix uint8
}

// What walk.prefix can be.
const (
	walkFixed   = 0
	walkUnknown = 0xff
	// 1 to 4: that many bytes of length come first
)

// Present says which columns the images of one side of a rows event hold.
type Present struct {
	bits  []byte
	count int
}

// Count is how many columns an image holds.
func (pr *Present) Count() int { return pr.count }

// Read takes the bitmap of an event whose table has that many columns.
func (pr *Present) Read(c *wire.Cursor, columns int) {
	pr.bits = c.Take((columns + 7) / 8)
	pr.count = 0
	for i, b := range pr.bits {
		if rest := columns - 8*i; rest < 8 {
			b &= 1<<rest - 1
		}
		pr.count += bits.OnesCount8(b)
	}
}

// Table is what the image is a row of.
func (im *Image) Table() *Table { return im.table }

// Release lets the event's bytes go: the image is then to be read again before it is used.
func (im *Image) Release() { im.data = nil }

// Has tells whether the image holds the column: not all do with
// binlog_row_image=MINIMAL or NOBLOB. What is absent is not NULL.
func (im *Image) Has(i int) bool { return im.cells[i].n != cellAbsent }

// IsNull tells whether the column is there and NULL.
func (im *Image) IsNull(i int) bool { return im.cells[i].n == cellNull }

// ParseImage reads one packed row that holds every column: a null bitmap, then
// the values as a rows event has them. The image refers to row.
func ParseImage(t *Table, row []byte) (*Image, error) {
	if t.plans == nil {
		whole := *t
		t = New(&whole)
	}
	all := Present{bits: make([]byte, (len(t.Columns)+7)/8), count: len(t.Columns)}
	for i := range all.bits {
		all.bits[i] = 0xff
	}
	im := &Image{}
	rest, err := im.Read(t, &all, row)
	if err == nil && len(rest) != 0 {
		err = fmt.Errorf("%w: %d bytes too many", ErrCorrupt, len(rest))
	}
	if err != nil {
		return nil, fmt.Errorf("row of %s: %w", t, err)
	}
	return im, nil
}

// Read finds the columns of the row that b begins with and returns what follows it.
func (im *Image) Read(t *Table, pr *Present, b []byte) ([]byte, error) {
	im.table, im.plans, im.data = t, t.plans, b
	im.patches = im.patches[:0]
	if n := len(t.plans); cap(im.cells) < n {
		im.cells = make([]cell, n)
	} else {
		im.cells = im.cells[:n]
	}
	nullBytes := (pr.count + 7) / 8
	if nullBytes > len(b) || uint64(len(b)) > maxCell {
		return nil, fmt.Errorf("%w: the row is cut short", ErrCorrupt)
	}
	nulls := b[:nullBytes]
	walks := t.walks
	cells := im.cells[:len(walks)]
	full := pr.count == len(walks)
	at, nth := nullBytes, uint(0)
	for i, w := range walks {
		if !full && pr.bits[i>>3]>>(uint(i)&7)&1 == 0 {
			cells[i] = cell{n: cellAbsent}
			continue
		}
		null := nulls[nth>>3]>>(nth&7)&1 != 0
		nth++
		if null {
			cells[i] = cell{n: cellNull}
			continue
		}
		size, left := int(w.size), len(b)-at
		if w.prefix != walkFixed {
			n := int(w.prefix)
			if n > left {
				return nil, im.short(i)
			}
			switch n {
			case 1:
				size = int(b[at])
			case 2:
				size = int(binary.LittleEndian.Uint16(b[at:]))
			default:
				size = int(wire.UintLE(b[at : at+n]))
			}
			at, left = at+n, left-n
		}
		if size > left {
			return nil, im.short(i)
		}
		cells[i] = cell{off: uint32(at), n: uint32(size)}
		at += size
	}
	return b[at:], nil
}

func (im *Image) short(i int) error {
	col := &im.table.Columns[i]
	return fmt.Errorf("%w: the row is cut short in column %s (%s)", ErrCorrupt, col.Name, col.TypeName())
}

// patch turns column i from a value into changes to the value of before.
func (im *Image) patch(i int, before *Image) {
	c := im.cells[i]
	p := patch{diffs: im.data[c.off : c.off+c.n]}
	if b := before.cells[i]; b.n <= maxCell {
		p.base, p.ok = before.data[b.off:b.off+b.n], true
	}
	im.cells[i] = cell{off: uint32(len(im.patches)), n: cellPatched}
	im.patches = append(im.patches, p)
}

// AppendJSON adds the column's value as JSON. NULL, and a column that is absent,
// is null. The error wraps ErrValue and names table, column and type; dst is then
// returned as it was.
func (im *Image) AppendJSON(dst []byte, i int, f *Format) ([]byte, error) {
	c := im.cells[i]
	if c.n > maxCell {
		if c.n != cellPatched {
			return append(dst, "null"...), nil
		}
		return im.appendPatched(dst, i, true)
	}
	out, err := im.plans[i].appendJSON(dst, im.data[c.off:c.off+c.n:c.off+c.n], f)
	if err != nil {
		return dst, im.valueError(i, err)
	}
	return out, nil
}

// AppendText adds the column's value as SELECT prints it, in UTF-8: binary
// strings raw, TIMESTAMP in UTC, BIT as a decimal number, the labels of a SET
// joined by commas, JSON as MySQL writes it, geometry as GeoJSON, FLOAT with the
// shortest digits that mean it. Nothing is added for NULL or an absent column.
func (im *Image) AppendText(dst []byte, i int) ([]byte, error) {
	c := im.cells[i]
	if c.n > maxCell {
		if c.n != cellPatched {
			return dst, nil
		}
		return im.appendPatched(dst, i, false)
	}
	out, err := im.plans[i].appendText(dst, im.data[c.off:c.off+c.n:c.off+c.n])
	if err != nil {
		return dst, im.valueError(i, err)
	}
	return out, nil
}

// Bytes is the column's value as the event has it, a view; nil for NULL, for an
// absent column and for a JSON document that is logged as changes.
func (im *Image) Bytes(i int) []byte {
	c := im.cells[i]
	if c.n > maxCell {
		return nil
	}
	return im.data[c.off : c.off+c.n : c.off+c.n]
}

// Int64 is the value of an integer, BIT or YEAR column: the bits of a uint64 where
// the column is unsigned or BIT; 0 for NULL, for an absent column and for any other type.
func (im *Image) Int64(i int) int64 {
	c := im.cells[i]
	if c.n > maxCell {
		return 0
	}
	return im.plans[i].integer(im.data[c.off : c.off+c.n])
}

func (im *Image) appendPatched(dst []byte, i int, compact bool) ([]byte, error) {
	p := &im.patches[im.cells[i].off]
	if !p.ok {
		return dst, im.valueError(i, fmt.Errorf("the event holds only changes of the document (binlog_row_value_options=PARTIAL_JSON), and not the document before; set binlog_row_image = FULL, or binlog_row_value_options = ''"))
	}
	out, err := jsonb.AppendPatched(dst, p.base, p.diffs, compact)
	if err != nil {
		return dst, im.valueError(i, err)
	}
	return out, nil
}

func (im *Image) valueError(i int, err error) error { return valueError(im.table, i, err) }

func valueError(t *Table, i int, err error) error {
	col := &t.Columns[i]
	return fmt.Errorf("%s: column %s (%s): %w: %w", t, col.Name, col.TypeName(), ErrValue, err)
}

// ReadPartial reads the after image of a PARTIAL_UPDATE_ROWS event, whose JSON
// columns may hold changes to the before image instead of a value.
func (im *Image) ReadPartial(t *Table, pr *Present, b []byte, before *Image) ([]byte, error) {
	const partialJSON = 1
	c := wire.Cursor{B: b}
	if c.Lenenc()&partialJSON == 0 {
		if c.Bad {
			return nil, c.Failed("row")
		}
		return im.Read(t, pr, b[c.At:])
	}
	documents := 0
	for i := range t.Columns {
		if t.Columns[i].Type == mysql.MYSQL_TYPE_JSON {
			documents++
		}
	}
	changed := c.Take((documents + 7) / 8)
	if c.Bad {
		return nil, c.Failed("row")
	}
	rest, err := im.Read(t, pr, b[c.At:])
	if err != nil {
		return nil, err
	}
	n := 0
	for i := range t.Columns {
		if t.Columns[i].Type != mysql.MYSQL_TYPE_JSON {
			continue
		}
		if changed[n/8]&(1<<(n%8)) != 0 && im.cells[i].n <= maxCell {
			im.patch(i, before)
		}
		n++
	}
	return rest, nil
}
