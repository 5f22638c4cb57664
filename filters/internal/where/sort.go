package where

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/row"
)

// Sort is how rows sort by one column, in the way of ORDER BY. It is immutable.
type Sort struct {
	col    column
	order  order    // nil: forms compare by their bytes
	labels []string // of ENUM and SET
	most   int      // how many characters of a text count; 0: all
}

const (
	// longColumn is where texts sort by how they begin: no index has more bytes of a
	// column, and how much of a longer text a server sorts by depends on its settings.
	longColumn = 3072
	// longText is how much of those counts, in characters.
	longText = 255
)

// NewSort finds the order of a column. The error says why there is none.
func NewSort(t *row.Table, i int) (*Sort, error) {
	def := &t.Columns[i]
	c, err := newColumn(t, i)
	switch {
	case err != nil:
		return nil, err
	case def.Hidden:
		return nil, fmt.Errorf("%s is made by the server and can't be selected", def.Name)
	case c.class == document, c.class == opaque, def.Kind == row.JSONText:
		return nil, fmt.Errorf("column %s is %s, which has no order that could be compared", c.name, c.decl)
	}
	s := &Sort{col: c, labels: def.Labels}
	if c.class != float && !c.enumSet {
		s.order = c.order
	}
	if (c.class == textual && !c.enumSet || c.class == blob) && !slices.Contains(t.Key, i) {
		switch def.Type {
		case mysql.MYSQL_TYPE_STRING:
		case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING:
			if def.Meta > longColumn {
				s.most = longText
			}
		default:
			s.most = longText
		}
	}
	return s, nil
}

// Index is the column's, in Table.Columns.
func (s *Sort) Index() int { return s.col.index }

// Name is the column's.
func (s *Sort) Name() string { return s.col.name }

// Format is the same for two Sorts of one name if their places can be compared.
func (s *Sort) Format() string {
	switch {
	case s.col.enumSet:
		return fmt.Sprintf("labels %q", s.labels)
	case s.most > 0:
		return fmt.Sprintf("%d of %s", s.most, s.order.format())
	case s.col.class == float:
		return "float"
	case s.uuid():
		return "UUID"
	}
	return s.order.format()
}

func (s *Sort) uuid() bool { return s.col.class == address && s.col.decl == "UUID" }

// Indexed reports whether an index on the column has its order.
func (s *Sort) Indexed() bool { return !s.uuid() && s.most == 0 }

// SQL is what to name in ORDER BY. MariaDB's own order of UUIDs depends on their
// version and on the server's.
func (s *Sort) SQL() string {
	name := QuoteName(s.col.name)
	switch {
	case s.uuid():
		return "CAST(" + name + " AS BINARY(16))"
	case s.most > 0:
		return fmt.Sprintf("LEFT(%s, %d)", name, s.most)
	}
	return name
}

// Operand is what to compare with a literal of the column in SQL: labels are
// compared by their numbers, as they sort.
func (s *Sort) Operand() string {
	if s.col.enumSet {
		return "CAST(" + QuoteName(s.col.name) + " AS UNSIGNED)"
	}
	return s.SQL()
}

// AppendLiteral adds the column's value as what Operand compares with.
func (s *Sort) AppendLiteral(dst []byte, im *row.Image) ([]byte, error) {
	i := s.col.index
	switch {
	case !im.Has(i) || im.IsNull(i):
		return dst, fmt.Errorf("column %s has no value to sort by", s.col.name)
	case s.col.enumSet:
		return strconv.AppendUint(dst, labelNumber(im.Bytes(i)), 10), nil
	case s.uuid():
		_, value, err := s.col.read(nil, im)
		return fmt.Appendf(dst, "x'%x'", value), err
	}
	return im.AppendLiteral(dst, i)
}

// QuoteName writes a name in SQL.
func QuoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// labelNumber is the number of an ENUM's label, or the bits of a SET.
func labelNumber(b []byte) (n uint64) {
	for i, c := range b {
		n |= uint64(c) << (8 * i)
	}
	return n
}

// Parts of a place begin with one of these.
const (
	placeNull  = 0
	placeValue = 1
)

// AppendPlace adds where a row stands in the order of sorts, taking each column from
// the first image that has it. ok is false where none has.
func (e *Evaluator) AppendPlace(dst []byte, sorts []*Sort, images ...*row.Image) (_ []byte, ok bool, err error) {
	for _, s := range sorts {
		var im *row.Image
		for _, candidate := range images {
			if candidate != nil && candidate.Has(s.col.index) {
				im = candidate
				break
			}
		}
		switch {
		case im == nil:
			return dst, false, nil
		case im.IsNull(s.col.index):
			dst = append(dst, placeNull)
			continue
		}
		form, err := e.sortForm(s, im)
		if err != nil {
			return dst, false, err
		}
		dst = binary.AppendUvarint(append(dst, placeValue), uint64(len(form)))
		dst = append(dst, form...)
	}
	return dst, true, nil
}

// sortForm is the form of a value by which it sorts, until the next one is asked for.
func (e *Evaluator) sortForm(s *Sort, im *row.Image) (form []byte, err error) {
	switch b := im.Bytes(s.col.index); {
	case s.col.enumSet:
		e.scratch[0] = binary.BigEndian.AppendUint64(e.scratch[0][:0], labelNumber(b))
		return e.scratch[0], nil
	case s.col.class == float:
		f := 0.0
		if s.col.single {
			f = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		} else {
			f = math.Float64frombits(binary.LittleEndian.Uint64(b))
		}
		e.scratch[0] = binary.BigEndian.AppendUint64(e.scratch[0][:0], sortBits(f))
		return e.scratch[0], nil
	}
	start := len(e.values)
	var value []byte
	e.values, value, err = s.col.read(e.values, im)
	if err == nil {
		form = e.form(s.order, s.cut(value))
	}
	e.values = e.values[:start]
	return form, err
}

// cut is the part of a value that counts.
func (s *Sort) cut(value []byte) []byte {
	if s.most == 0 {
		return value
	}
	end := 0
	for range s.most {
		if end >= len(value) {
			return value
		}
		size := 1
		switch {
		case s.col.coll == nil:
		case isUTF8(s.col.coll.Charset()):
			_, size = utf8.DecodeRune(value[end:])
		default:
			_, size = s.col.coll.Charset().DecodeRune(value[end:])
		}
		end += max(size, 1)
	}
	return value[:min(end, len(value))]
}

// sortBits orders as the numbers do; -0 and 0 are one.
func sortBits(f float64) uint64 {
	const sign = 1 << 63
	bits := math.Float64bits(f)
	switch {
	case f == 0:
		return sign
	case bits&sign != 0:
		return ^bits
	}
	return bits | sign
}

// ComparePlaces compares two places in the order of sorts, of which those that
// descends names go the other way round, and then what follows in them. A NULL is
// lower than any value.
func ComparePlaces(sorts []*Sort, descends []bool, a, b []byte) int {
	for i, s := range sorts {
		var c int
		var x, y []byte
		var nullX, nullY bool
		x, nullX, a = nextPart(a)
		y, nullY, b = nextPart(b)
		switch {
		case nullX || nullY:
			if nullX != nullY {
				if c = 1; nullX {
					c = -1
				}
			}
		case s.order == nil:
			c = bytes.Compare(x, y)
		default:
			c = s.order.compare(x, y)
		}
		if c != 0 {
			if i < len(descends) && descends[i] {
				return -c
			}
			return c
		}
	}
	return bytes.Compare(a, b)
}

// nextPart takes the first part off a place.
func nextPart(b []byte) (form []byte, null bool, rest []byte) {
	if len(b) == 0 || b[0] == placeNull {
		return nil, true, b[min(len(b), 1):]
	}
	size, n := binary.Uvarint(b[1:])
	if n <= 0 || size > uint64(len(b)-1-n) {
		return nil, true, nil // no place is cut short
	}
	end := 1 + n + int(size)
	return b[1+n : end], false, b[end:]
}
