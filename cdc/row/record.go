package row

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rowcast/cdc/internal/jsonb"
	"rowcast/cdc/internal/sqlname"
	"rowcast/cdc/internal/wire"
)

// Shape is a choice of a table's columns, each at most once, in which rows are kept
// apart from the binlog, as records. A record has the values in the shape's order: a
// bitmap of those that are NULL, then the others as a rows event has them, but for
// MySQL's JSON, which is the text that SELECT prints. Rows that are equal have records
// that are equal byte by byte, whether they come from a SELECT (Pack) or from images of
// the binlog (Copy). A Shape is immutable.
type Shape struct {
	table   *Table
	columns []int
	plans   []plan // of all columns of the table
	list    string
	isKey   []bool // by the shape's order
}

// NewShape chooses columns by their indexes. It fails where one can't be decoded, or
// is made by the server and can't be SELECTed.
func NewShape(t *Table, columns []int) (*Shape, error) {
	if t.plans == nil {
		return nil, fmt.Errorf("%s: the table is not completed by New", t)
	}
	if len(columns) == 0 {
		return nil, fmt.Errorf("%s: no columns are chosen", t)
	}
	s := &Shape{table: t, columns: slices.Clone(columns), plans: slices.Clone(t.plans)}
	var list strings.Builder
	for n, i := range columns {
		p, c := &s.plans[i], &t.Columns[i]
		switch {
		case c.Hidden:
			return nil, fmt.Errorf("%w: %s: column %s is made by the server, and can't be selected", ErrValue, t, c.Name)
		case p.render == asNothing:
			return nil, fmt.Errorf("%w: %s: column %s: %s", ErrValue, t, c.Name, p.reason)
		case slices.Contains(columns[:n], i):
			return nil, fmt.Errorf("%s: column %s is chosen twice", t, c.Name)
		case p.render == asJSON:
			p.render = asJSONSelected
		}
		if n > 0 {
			list.WriteString(", ")
		}
		fmt.Fprintf(&list, p.selected(), sqlname.Quote(c.Name))
		s.isKey = append(s.isKey, slices.Contains(t.Key, i))
	}
	s.list = list.String()
	return s, nil
}

// Table is the table whose columns these are.
func (s *Shape) Table() *Table { return s.table }

// Columns are the indexes of the columns, in the shape's order. They must not be changed.
func (s *Shape) Columns() []int { return s.columns }

// SelectList is SQL, one expression for each column, none with an alias: so ORDER BY
// and WHERE have the table's columns by their names.
func (s *Shape) SelectList() string { return s.list }

// selected is SQL for a column, %s, from whose text pack makes the binlog's bytes.
func (p *plan) selected() string {
	switch p.render {
	case asFloat, asDouble:
		return "%s * 1e0" // else FLOAT comes with 6 digits, and FLOAT(7,2) with 2 after the point
	case asEnum, asSet:
		return "CAST(%s AS UNSIGNED)" // labels may be equal to one another in another character set, and "" to the error value
	}
	return "%s"
}

// Pack adds the record of a row that SelectList selected: values are those of the text
// protocol in a session with character_set_results = NULL, time_zone = '+00:00' and
// sql_mode = ”; nil is NULL. dst is returned as it was with an error, which wraps ErrValue.
func (s *Shape) Pack(dst []byte, values [][]byte) ([]byte, error) {
	if len(values) != len(s.columns) {
		return dst, fmt.Errorf("%w: %s: %d values for %d columns", ErrValue, s.table, len(values), len(s.columns))
	}
	out, start := s.begin(dst)
	for n, i := range s.columns {
		if values[n] == nil {
			if s.isKey[n] {
				return dst, s.valueError(i, errText) // Read would refuse it
			}
			out[start+n/8] |= 1 << (n % 8)
			continue
		}
		p := &s.plans[i]
		at := len(out)
		var err error
		if out, err = p.pack(p.appendPrefix(out), values[n]); err == nil {
			err = p.setPrefix(out[at:])
		}
		if err != nil {
			return dst, s.valueError(i, err)
		}
	}
	return out, nil
}

// Copy adds the record of a row as images of its table have it: each column is that of
// the first image that has it. ok is false, and dst as it was, where none of them has one
// of the columns, as with binlog_row_image = MINIMAL. The error wraps ErrValue.
func (s *Shape) Copy(dst []byte, from ...*Image) (_ []byte, ok bool, err error) {
	out, start := s.begin(dst)
	for n, i := range s.columns {
		var im *Image
		for _, im = range from {
			if im.table != s.table {
				return dst, false, fmt.Errorf("%w: %s: an image of another definition of the table", ErrValue, s.table)
			}
			if im.Has(i) {
				break
			}
		}
		if im == nil || !im.Has(i) {
			return dst, false, nil
		}
		if im.IsNull(i) {
			out[start+n/8] |= 1 << (n % 8)
			continue
		}
		p := &s.plans[i]
		at := len(out)
		out = p.appendPrefix(out)
		if out, err = s.copyValue(out, i, im); err == nil {
			err = p.setPrefix(out[at:])
		}
		if err != nil {
			return dst, false, s.valueError(i, err)
		}
	}
	return out, true, nil
}

func (s *Shape) copyValue(dst []byte, i int, im *Image) ([]byte, error) {
	c := im.cells[i]
	if c.n == cellPatched {
		return im.appendPatched(dst, i, false)
	}
	b := im.data[c.off : c.off+c.n]
	if im.plans[i].render == asJSON {
		return jsonb.Append(dst, b, false)
	}
	return append(dst, s.plans[i].trimmed(b)...), nil
}

// begin adds the bitmap of a record, and says where it is.
func (s *Shape) begin(dst []byte) (out []byte, start int) {
	for range s.nullBytes() {
		dst = append(dst, 0)
	}
	return dst, len(dst) - s.nullBytes()
}

func (s *Shape) nullBytes() int { return (len(s.columns) + 7) / 8 }

// appendPrefix makes room for a value's length, which setPrefix fills in.
func (p *plan) appendPrefix(dst []byte) []byte {
	if p.walk == walkFixed {
		return dst
	}
	return append(dst, "\x00\x00\x00\x00"[:p.walk]...)
}

// setPrefix writes the length of the value that follows the room for it. b ends with the value.
func (p *plan) setPrefix(b []byte) error {
	if p.walk == walkFixed {
		return nil
	}
	n := uint64(len(b) - int(p.walk))
	if n > p.longest() {
		return fmt.Errorf("%d bytes", n)
	}
	for i := range b[:p.walk] {
		b[i] = byte(n >> (8 * i))
	}
	return nil
}

// longest is how many bytes a value has at most.
func (p *plan) longest() uint64 {
	if p.size != 0 {
		return uint64(p.size)
	}
	return 1<<(8*p.walk) - 1
}

// trimmed takes the trailing zeros off a value of a type whose zeros are not logged.
func (p *plan) trimmed(b []byte) []byte {
	switch p.render {
	case asBinary, asUUID, asINET4, asINET6:
		return bytes.TrimRight(b, "\x00")
	}
	return b
}

// Read makes im a view of a record: of a row that has the shape's columns and no others.
// A record that is not one of this shape is an error that wraps ErrCorrupt: it may come
// from a client. What its values mean is checked by AppendLiteral, and by rendering them.
func (s *Shape) Read(im *Image, record []byte) error {
	im.table, im.plans, im.data, im.patches = s.table, s.plans, record, im.patches[:0]
	im.cells = slices.Grow(im.cells[:0], len(s.plans))[:len(s.plans)]
	for i := range im.cells {
		im.cells[i] = cell{n: cellAbsent}
	}
	at := s.nullBytes()
	if at > len(record) || uint64(len(record)) > maxCell {
		return fmt.Errorf("record of %s: %w: it is cut short", s.table, ErrCorrupt)
	}
	if rest := len(s.columns) % 8; rest != 0 && record[at-1]>>rest != 0 {
		return fmt.Errorf("record of %s: %w: more NULLs than columns", s.table, ErrCorrupt)
	}
	for n, i := range s.columns {
		if record[n/8]>>(n%8)&1 != 0 {
			if s.isKey[n] {
				return s.readError(i, "NULL in the primary key")
			}
			im.cells[i] = cell{n: cellNull}
			continue
		}
		p := &s.plans[i]
		size, prefix := int(p.size), int(p.walk)
		if prefix != walkFixed {
			if prefix > len(record)-at {
				return s.readError(i, "it is cut short")
			}
			size = int(wire.UintLE(record[at : at+prefix]))
			at += prefix
			if uint64(size) > p.longest() {
				return s.readError(i, "a value that is too long")
			}
		}
		if size > len(record)-at {
			return s.readError(i, "it is cut short")
		}
		if b := record[at : at+size]; len(p.trimmed(b)) != size {
			return s.readError(i, "zeros at the end")
		}
		im.cells[i] = cell{off: uint32(at), n: uint32(size)}
		at += size
	}
	if at != len(record) {
		return fmt.Errorf("record of %s: %w: %d bytes too many", s.table, ErrCorrupt, len(record)-at)
	}
	return nil
}

func (s *Shape) readError(i int, what string) error {
	return fmt.Errorf("record of %s: column %s: %w: %s", s.table, s.table.Columns[i].Name, ErrCorrupt, what)
}

func (s *Shape) valueError(i int, err error) error {
	if errors.Is(err, ErrValue) { // of an image, which has named the column
		return err
	}
	return valueError(s.table, i, err)
}

// Comparable tells whether the column's values have literals: see Image.AppendLiteral.
func (t *Table) Comparable(i int) bool {
	switch p := &t.plans[i]; p.render {
	case asJSON, asGeometry, asVector, asNothing:
		return false
	case asSet:
		return len(p.labels) <= 53 // servers compare a SET with a number as doubles
	}
	return true
}

// AppendLiteral adds the column's value as an SQL literal that compares with the column
// as the column does with itself; ENUM and SET by number. Nothing in the value can end
// the literal. In the session time_zone is '+00:00', and sql_mode has ALLOW_INVALID_DATES.
// A value that the column can't hold, as of a record that a client made up, and a type that
// can't be compared are errors that wrap ErrValue; dst is then returned as it was.
func (im *Image) AppendLiteral(dst []byte, i int) ([]byte, error) {
	switch {
	case !im.Has(i):
		return dst, im.valueError(i, errors.New("the row does not hold it"))
	case im.IsNull(i):
		return append(dst, "NULL"...), nil
	case !im.table.Comparable(i):
		return dst, im.valueError(i, errors.New("values of this type can't be compared"))
	}
	out, err := im.plans[i].appendLiteral(dst, im.Bytes(i))
	if err != nil {
		return dst, im.valueError(i, err)
	}
	return out, nil
}

// compacted adds JSON as MySQL prints it without the blanks after commas and colons.
func compacted(dst, text []byte) []byte {
	for {
		quote := bytes.IndexByte(text, '"')
		if quote < 0 {
			return appendUnspaced(dst, text)
		}
		dst = appendUnspaced(dst, text[:quote])
		end := quote + 1
		for end < len(text) && text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(text))
		dst, text = append(dst, text[quote:end]...), text[end:]
	}
}

func appendUnspaced(dst, b []byte) []byte {
	for _, c := range b {
		if c != ' ' {
			dst = append(dst, c)
		}
	}
	return dst
}
