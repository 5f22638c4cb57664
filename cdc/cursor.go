package cdc

import (
	"encoding/binary"
	"fmt"
)

// cursor reads the parts of an event; going past the end sets bad and reads zeros.
type cursor struct {
	b   []byte
	at  int
	bad bool
}

func (c *cursor) left() int { return len(c.b) - c.at }

func (c *cursor) take(n int) []byte {
	if c.bad || n < 0 || n > c.left() {
		c.bad = true
		return nil
	}
	c.at += n
	return c.b[c.at-n : c.at : c.at]
}

func (c *cursor) skip(n int) { c.take(n) }

// uint reads n bytes, little-endian.
func (c *cursor) uint(n int) (v uint64) {
	for i, b := range c.take(n) {
		v |= uint64(b) << (8 * i)
	}
	return v
}

// lenenc reads MySQL's length-encoded integer.
func (c *cursor) lenenc() uint64 {
	switch first := c.uint(1); first {
	case 0xfc:
		return c.uint(2)
	case 0xfd:
		return c.uint(3)
	case 0xfe:
		return c.uint(8)
	case 0xfb, 0xff:
		c.bad = true
		return 0
	default:
		return first
	}
}

// length is lenenc as the length of something that follows.
func (c *cursor) length() int {
	n := c.lenenc()
	if n > uint64(c.left()) {
		c.bad = true
		return 0
	}
	return int(n)
}

func (c *cursor) failed(what string) error {
	if c.bad {
		return fmt.Errorf("%w: the %s is cut short", ErrCorrupt, what)
	}
	return nil
}

// uintLE reads a little-endian integer of len(b) ≤ 8 bytes.
func uintLE(b []byte) (v uint64) {
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

// uintBE reads a big-endian integer of len(b) ≤ 8 bytes.
func uintBE(b []byte) (v uint64) {
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}
