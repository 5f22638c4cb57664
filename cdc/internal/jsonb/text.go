package jsonb

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/format"
	"rowcast/cdc/internal/wire"
)

// writer renders binary JSON as text.
type writer struct {
	dst     []byte
	compact bool // no blanks after commas and colons, where MySQL writes them
	depth   int
	budget  int // bytes that may still be read: forged offsets may point at one value many times
}

// Append adds a binary JSON document as text. An empty one is null: it comes
// from IGNORE, which stores nothing where NULL is not allowed.
func Append(dst, doc []byte, compact bool) ([]byte, error) {
	if len(doc) == 0 {
		return append(dst, "null"...), nil
	}
	w := writer{dst: dst, compact: compact, budget: len(doc)}
	if err := w.value(doc[0], doc[1:]); err != nil {
		return dst, err
	}
	return w.dst, nil
}

// value renders a value of that type whose bytes begin b.
func (w *writer) value(typ byte, b []byte) error {
	if err := w.spend(1); err != nil {
		return err
	}
	switch typ {
	case smallObject, largeObject, smallArray, largeArray:
		return w.container(typ, b)
	case stringValue:
		s, err := lengthBytes(b)
		if err == nil {
			err = w.spend(len(s))
		}
		if err != nil {
			return err
		}
		w.dst = format.AppendQuoted(w.dst, s)
		return nil
	case opaque:
		return w.opaque(b)
	}
	return w.scalar(typ, b)
}

// spend fails once more was read than the document has.
func (w *writer) spend(n int) error {
	if w.budget -= n; w.budget < 0 {
		return errDamaged
	}
	return nil
}

func (w *writer) scalar(typ byte, b []byte) error {
	size, ok := scalarSize(typ)
	if !ok || len(b) < size {
		return errDamaged
	}
	switch typ {
	case literal:
		if b[0] > 2 {
			return errDamaged
		}
		w.dst = append(w.dst, [...]string{"null", "true", "false"}[b[0]]...)
	case int16Value:
		w.dst = strconv.AppendInt(w.dst, int64(int16(binary.LittleEndian.Uint16(b))), 10)
	case int32Value:
		w.dst = strconv.AppendInt(w.dst, int64(int32(binary.LittleEndian.Uint32(b))), 10)
	case int64Value:
		w.dst = strconv.AppendInt(w.dst, int64(binary.LittleEndian.Uint64(b)), 10)
	case uint16Value, uint32Value, uint64Value:
		w.dst = strconv.AppendUint(w.dst, wire.UintLE(b[:size]), 10)
	case doubleValue:
		return w.double(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return nil
}

// double writes 1 as 1.0, as MySQL does: it is not the integer.
func (w *writer) double(v float64) error {
	start := len(w.dst)
	var err error
	if w.dst, err = format.AppendFloat(w.dst, v, 64); err != nil {
		return err
	}
	for _, c := range w.dst[start:] {
		if c == '.' || c == 'e' {
			return nil
		}
	}
	w.dst = append(w.dst, '.', '0')
	return nil
}

func (w *writer) container(typ byte, b []byte) error {
	t, err := openTree(typ, b)
	if err != nil {
		return err
	}
	if w.depth++; w.depth > maxDepth {
		return fmt.Errorf("%w: more than %d levels", errDamaged, maxDepth)
	}
	open, end := byte('['), byte(']')
	if t.object {
		open, end = '{', '}'
	}
	w.dst = append(w.dst, open)
	for i := range t.count {
		w.comma(i)
		if t.object {
			key, err := t.key(i)
			if err == nil {
				err = w.spend(len(key))
			}
			if err != nil {
				return err
			}
			w.key(key)
		}
		typ, v, err := t.value(i)
		if err != nil {
			return err
		}
		if err := w.value(typ, v); err != nil {
			return err
		}
	}
	w.dst = append(w.dst, end)
	w.depth--
	return nil
}

func (w *writer) comma(i int) {
	if i == 0 {
		return
	}
	if w.dst = append(w.dst, ','); !w.compact {
		w.dst = append(w.dst, ' ')
	}
}

func (w *writer) key(key []byte) {
	w.dst = append(format.AppendQuoted(w.dst, key), ':')
	if !w.compact {
		w.dst = append(w.dst, ' ')
	}
}

// opaque renders a value of an SQL type: a type byte, a length, the bytes.
func (w *writer) opaque(b []byte) error {
	if len(b) == 0 {
		return errDamaged
	}
	typ := b[0]
	v, err := lengthBytes(b[1:])
	if err == nil {
		err = w.spend(len(v))
	}
	if err != nil {
		return err
	}
	switch typ {
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		if len(v) < 2 || v[0] == 0 || v[1] > v[0] || len(v) != 2+format.DecimalSize(int(v[0]), int(v[1])) {
			return errDamaged
		}
		w.dst = format.AppendDecimal(w.dst, v[2:], int(v[0]), int(v[1]))
		return nil
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE, mysql.MYSQL_TYPE_TIME, mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_TIMESTAMP:
		if len(v) != 8 {
			return errDamaged
		}
		w.temporal(typ, int64(binary.LittleEndian.Uint64(v)))
		return nil
	}
	w.dst = append(w.dst, `"base64:type`...)
	w.dst = append(strconv.AppendUint(w.dst, uint64(typ), 10), ':')
	w.dst = append(base64.StdEncoding.AppendEncode(w.dst, v), '"')
	return nil
}

// temporal renders MySQL's packed form, with 6 digits of fraction as MySQL does.
func (w *writer) temporal(typ byte, v int64) {
	w.dst = append(w.dst, '"')
	if v < 0 {
		v = -v
		if typ == mysql.MYSQL_TYPE_TIME {
			w.dst = append(w.dst, '-')
		}
	}
	whole, fraction := uint64(v>>24), uint32(v&0xffffff)
	switch typ {
	case mysql.MYSQL_TYPE_TIME:
		w.dst = format.AppendClock(w.dst, uint32(whole>>12&0x3ff), uint32(whole>>6&63), uint32(whole&63))
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE:
		ym := uint32(whole >> 22)
		w.dst = append(format.AppendDate(w.dst, ym/13, ym%13, uint32(whole>>17&31)), '"')
		return
	default:
		w.dst = format.AppendPacked(w.dst, whole, ' ')
	}
	w.dst = append(format.AppendDigits(append(w.dst, '.'), fraction, 6), '"')
}
