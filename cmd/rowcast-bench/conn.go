//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// An event carries when and as what number it was published, in a fixed width so
// that clients find both without parsing what is around them: "~t", nanoseconds
// since 1970 in 19 digits, "n", the number in 10.
const (
	markStart = "~t"
	markSize  = len(markStart) + 19 + 1 + 10
	eventSize = 200
)

// body is what event number n, published at t, holds.
func body(t, n int64) string {
	mark := fmt.Sprintf("%s%019dn%010d", markStart, t, n)
	return mark + strings.Repeat("x", eventSize-len(mark))
}

type connState uint8

const (
	inHeader connState = iota
	inPlain            // a body that is not chunked
	inSize             // of a chunk
	inSizeRest
	inData
	inDataEnd
)

// conn is one client.
type conn struct {
	fd     int
	state  connState
	kept   uint8 // of carry
	carry  [markSize]byte
	left   int    // of the chunk
	header []byte // so far
	last   int64  // number of the last event
}

// feed takes bytes from the connection and appends to sent when each event in
// them was published. Events that are missing or come twice are an error.
func (k *conn) feed(b []byte, sent []int64) ([]int64, error) {
	if k.state == inHeader {
		k.header = append(k.header, b...)
		end := bytes.Index(k.header, []byte("\r\n\r\n"))
		if end < 0 {
			return sent, nil
		}
		head := strings.ToLower(string(k.header[:end]))
		if !strings.HasPrefix(head, "http/1.1 200") {
			return sent, fmt.Errorf("the answer is %q", k.header)
		}
		b, k.header, k.state = k.header[end+4:], nil, inPlain
		if strings.Contains(head, "transfer-encoding: chunked") {
			k.state = inSize
		}
	}
	if k.state == inPlain {
		return k.scan(b, sent)
	}
	var err error
	for len(b) > 0 && err == nil {
		switch k.state {
		case inSize, inSizeRest:
			b, err = k.size(b)
		case inData:
			n := min(len(b), k.left)
			sent, err = k.scan(b[:n], sent)
			if b, k.left = b[n:], k.left-n; k.left == 0 {
				k.state = inDataEnd
			}
		case inDataEnd:
			if b[0] == '\n' {
				k.state = inSize
			}
			b = b[1:]
		}
	}
	return sent, err
}

// size reads one byte of a chunk's size line.
func (k *conn) size(b []byte) ([]byte, error) {
	c := b[0]
	switch {
	case c == '\n':
		if k.left == 0 {
			return nil, errors.New("the server ended the response")
		}
		k.state = inData
	case k.state == inSizeRest:
	case c >= '0' && c <= '9':
		k.left = k.left<<4 | int(c-'0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		k.left = k.left<<4 | int(c|0x20-'a'+10)
	default:
		k.state = inSizeRest
	}
	return b[1:], nil
}

// scan looks for marks; one that is cut off at the end of b is kept.
func (k *conn) scan(b []byte, sent []int64) ([]int64, error) {
	if k.kept > 0 {
		b = append(append(make([]byte, 0, int(k.kept)+len(b)), k.carry[:k.kept]...), b...)
		k.kept = 0
	}
	for {
		i := bytes.IndexByte(b, markStart[0])
		if i < 0 {
			return sent, nil
		}
		if b = b[i:]; len(b) < markSize {
			k.kept = uint8(copy(k.carry[:], b))
			return sent, nil
		}
		t, n, ok := parseMark(b[:markSize])
		if !ok {
			b = b[1:]
			continue
		}
		if n != k.last+1 {
			return sent, fmt.Errorf("event %d came where %d was due", n, k.last+1)
		}
		k.last = n
		sent, b = append(sent, t), b[markSize:]
	}
}

func parseMark(b []byte) (t, n int64, ok bool) {
	if b[1] != markStart[1] || b[len(markStart)+19] != 'n' {
		return 0, 0, false
	}
	t, ok = digits(b[len(markStart) : len(markStart)+19])
	if !ok {
		return 0, 0, false
	}
	n, ok = digits(b[len(markStart)+20:])
	return t, n, ok
}

func digits(b []byte) (v int64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	return v, true
}
