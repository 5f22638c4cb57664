package jsonb

import (
	"encoding/binary"
	"errors"

	"rowcast/cdc/internal/wire"
)

// Types in MySQL's binary JSON. The first byte of a document is one of them.
const (
	smallObject = 0
	largeObject = 1
	smallArray  = 2
	largeArray  = 3
	literal     = 4
	int16Value  = 5
	uint16Value = 6
	int32Value  = 7
	uint32Value = 8
	int64Value  = 9
	uint64Value = 10
	doubleValue = 11
	stringValue = 12
	opaque      = 15
)

// maxDepth is more than the 100 levels that MySQL allows.
const maxDepth = 128

var errDamaged = errors.New("the binary JSON document is damaged")

// scalarSize is the size of values of fixed size.
func scalarSize(typ byte) (int, bool) {
	switch typ {
	case literal:
		return 1, true
	case int16Value, uint16Value:
		return 2, true
	case int32Value, uint32Value:
		return 4, true
	case int64Value, uint64Value, doubleValue:
		return 8, true
	}
	return 0, false
}

// lengthBytes reads a length of up to five groups of 7 bits, and so many bytes.
func lengthBytes(b []byte) ([]byte, error) {
	n := uint64(0)
	for i := 0; i < 5 && i < len(b); i++ {
		n |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			if b = b[i+1:]; n > uint64(len(b)) {
				return nil, errDamaged
			}
			return b[:n], nil
		}
	}
	return nil, errDamaged
}

// tree is an object or array in its binary form: number of elements, size in
// bytes, for an object offset and length of each key, then type and offset of each
// value (or the value itself if it is that small). Offsets count from count.
type tree struct {
	b      []byte
	count  int
	object bool
	large  bool
	keys   int // where the key entries begin
	values int // where the value entries begin
}

func openTree(typ byte, b []byte) (t tree, err error) {
	t = tree{b: b, object: typ <= largeObject, large: typ == largeObject || typ == largeArray}
	width, keyEntry := 2, 4
	if t.large {
		width, keyEntry = 4, 6
	}
	if len(b) < 2*width {
		return t, errDamaged
	}
	count, size := wire.UintLE(b[:width]), wire.UintLE(b[width:2*width])
	t.keys = 2 * width
	t.values = t.keys
	if size > uint64(len(b)) || count > size {
		return t, errDamaged
	}
	t.b, t.count = b[:size], int(count)
	if t.object {
		t.values += keyEntry * t.count
	}
	if t.values+(1+width)*t.count > len(t.b) {
		return t, errDamaged
	}
	return t, nil
}

func (t *tree) key(i int) ([]byte, error) {
	var off, n int
	if t.large {
		e := t.b[t.keys+6*i:]
		off, n = int(binary.LittleEndian.Uint32(e)), int(binary.LittleEndian.Uint16(e[4:]))
	} else {
		e := t.b[t.keys+4*i:]
		off, n = int(binary.LittleEndian.Uint16(e)), int(binary.LittleEndian.Uint16(e[2:]))
	}
	if off+n > len(t.b) {
		return nil, errDamaged
	}
	return t.b[off : off+n], nil
}

// value is the type of an element, and the bytes that begin with its value.
func (t *tree) value(i int) (typ byte, b []byte, err error) {
	width := 2
	if t.large {
		width = 4
	}
	e := t.b[t.values+(1+width)*i:][:1+width]
	typ = e[0]
	if size, ok := scalarSize(typ); ok && size <= width {
		return typ, e[1:], nil
	}
	off := wire.UintLE(e[1:])
	if off >= uint64(len(t.b)) {
		return 0, nil, errDamaged
	}
	return typ, t.b[off:], nil
}
