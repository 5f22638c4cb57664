package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrCorrupt: bytes of the binlog are not what they must be.
var ErrCorrupt = errors.New("damaged binlog event")

// Cursor reads the parts of B one after another. Going past the end sets Bad, from
// where on it reads zeros, so that a caller may check once, after all its reads.
type Cursor struct {
	B   []byte
	At  int
	Bad bool
}

// Left is how many bytes are still to come: none once Bad, so that a loop over what
// is left ends.
func (c *Cursor) Left() int {
	if c.Bad {
		return 0
	}
	return len(c.B) - c.At
}

// Take returns the next n bytes, a view of B.
func (c *Cursor) Take(n int) []byte {
	if c.Bad || n < 0 || n > c.Left() {
		c.Bad = true
		return nil
	}
	c.At += n
	return c.B[c.At-n : c.At : c.At]
}

// Skip passes n bytes.
func (c *Cursor) Skip(n int) { c.Take(n) }

// Uint reads n bytes, little-endian.
func (c *Cursor) Uint(n int) (v uint64) {
	for i, b := range c.Take(n) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

// Lenenc reads MySQL's length-encoded integer.
func (c *Cursor) Lenenc() uint64 {
	switch first := c.Uint(1); first {
	case 0xfc:
		return c.Uint(2)
	case 0xfd:
		return c.Uint(3)
	case 0xfe:
		return c.Uint(8)
	case 0xfb, 0xff:
		c.Bad = true
		return 0
	default:
		return first
	}
}

// Length is Lenenc as the length of something that follows.
func (c *Cursor) Length() int {
	n := c.Lenenc()
	if n > uint64(c.Left()) {
		c.Bad = true
		return 0
	}
	return int(n)
}

// Failed is the error of an event that ends within what was read of it; nil if it does not.
func (c *Cursor) Failed(what string) error {
	if c.Bad {
		return fmt.Errorf("%w: the %s is cut short", ErrCorrupt, what)
	}
	return nil
}

// UintLE reads a little-endian integer of len(b) ≤ 8 bytes.
func UintLE(b []byte) (v uint64) {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	case 8:
		return binary.LittleEndian.Uint64(b)
	}
	for i, x := range b {
		v |= uint64(x) << (8 * i)
	}
	return v
}

// UintBE reads a big-endian integer of len(b) ≤ 8 bytes.
func UintBE(b []byte) (v uint64) {
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}
