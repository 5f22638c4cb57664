package cdc

import (
	"encoding/binary"
	"errors"
)

// Types in MySQL's binary JSON. The first byte of a document is one of them.
const (
	jsonSmallObject = 0
	jsonLargeObject = 1
	jsonSmallArray  = 2
	jsonLargeArray  = 3
	jsonLiteral     = 4
	jsonInt16       = 5
	jsonUint16      = 6
	jsonInt32       = 7
	jsonUint32      = 8
	jsonInt64       = 9
	jsonUint64      = 10
	jsonDouble      = 11
	jsonString      = 12
	jsonOpaque      = 15
)

// maxJSONDepth is more than the 100 levels that MySQL allows.
const maxJSONDepth = 128

var errJSON = errors.New("the binary JSON document is damaged")

// jsonScalarSize is the size of values of fixed size.
func jsonScalarSize(typ byte) (int, bool) {
	switch typ {
	case jsonLiteral:
		return 1, true
	case jsonInt16, jsonUint16:
		return 2, true
	case jsonInt32, jsonUint32:
		return 4, true
	case jsonInt64, jsonUint64, jsonDouble:
		return 8, true
	}
	return 0, false
}

// jsonBytes reads a length of up to five groups of 7 bits, and so many bytes.
func jsonBytes(b []byte) ([]byte, error) {
	n := uint64(0)
	for i := 0; i < 5 && i < len(b); i++ {
		n |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			if b = b[i+1:]; n > uint64(len(b)) {
				return nil, errJSON
			}
			return b[:n], nil
		}
	}
	return nil, errJSON
}

// jsonTree is an object or array in its binary form: number of elements, size in
// bytes, for an object offset and length of each key, then type and offset of each
// value (or the value itself if it is that small). Offsets count from count.
type jsonTree struct {
	b      []byte
	count  int
	object bool
	large  bool
	keys   int // where the key entries begin
	values int // where the value entries begin
}

func openJSON(typ byte, b []byte) (t jsonTree, err error) {
	t = jsonTree{b: b, object: typ <= jsonLargeObject, large: typ == jsonLargeObject || typ == jsonLargeArray}
	width, keyEntry := 2, 4
	if t.large {
		width, keyEntry = 4, 6
	}
	if len(b) < 2*width {
		return t, errJSON
	}
	count, size := uintLE(b[:width]), uintLE(b[width:2*width])
	t.keys = 2 * width
	t.values = t.keys
	if size > uint64(len(b)) || count > size {
		return t, errJSON
	}
	t.b, t.count = b[:size], int(count)
	if t.object {
		t.values += keyEntry * t.count
	}
	if t.values+(1+width)*t.count > len(t.b) {
		return t, errJSON
	}
	return t, nil
}

func (t *jsonTree) key(i int) ([]byte, error) {
	var off, n int
	if t.large {
		e := t.b[t.keys+6*i:]
		off, n = int(binary.LittleEndian.Uint32(e)), int(binary.LittleEndian.Uint16(e[4:]))
	} else {
		e := t.b[t.keys+4*i:]
		off, n = int(binary.LittleEndian.Uint16(e)), int(binary.LittleEndian.Uint16(e[2:]))
	}
	if off+n > len(t.b) {
		return nil, errJSON
	}
	return t.b[off : off+n], nil
}

// value is the type of an element, and the bytes that begin with its value.
func (t *jsonTree) value(i int) (typ byte, b []byte, err error) {
	width := 2
	if t.large {
		width = 4
	}
	e := t.b[t.values+(1+width)*i:][:1+width]
	typ = e[0]
	if size, ok := jsonScalarSize(typ); ok && size <= width {
		return typ, e[1:], nil
	}
	off := uintLE(e[1:])
	if off >= uint64(len(t.b)) {
		return 0, nil, errJSON
	}
	return typ, t.b[off:], nil
}
