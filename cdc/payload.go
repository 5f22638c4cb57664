package cdc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"rowcast/cdc/internal/wire"
)

// payload unpacks TRANSACTION_PAYLOAD events (MySQL's binlog_transaction_compression)
// event by event: what is held at once is one of them, however large the whole.
type payload struct {
	src bytes.Reader
	z   *zstd.Decoder
	buf []byte
}

// maxWindow is the most that a zstd frame may ask of our memory; servers use 8 MiB at the most.
const maxWindow = 128 << 20

// each calls f with each event inside e. Those carry neither position nor checksum.
func (p *payload) each(e *event, f func(*event) error) error {
	data, compressed, err := payloadOf(e.body)
	if err != nil {
		return err
	}
	p.src.Reset(data)
	var r io.Reader = &p.src
	if compressed {
		if p.z == nil {
			// One at a time and in this goroutine: a reader owns no others.
			if p.z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)); err != nil {
				return fmt.Errorf("unpack a transaction payload: %w", err)
			}
		}
		if err := p.z.Reset(&p.src); err != nil {
			return fmt.Errorf("%w: transaction payload: %w", ErrCorrupt, err)
		}
		r = p.z
	}
	for {
		inner, err := p.next(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: transaction payload: %w", ErrCorrupt, err)
		}
		if err := f(inner); err != nil {
			return err
		}
	}
}

// next reads one event; io.EOF where the payload ends between two.
func (p *payload) next(r io.Reader) (*event, error) {
	if cap(p.buf) > keepBuffer {
		p.buf = nil
	}
	p.buf = slices.Grow(p.buf[:0], headerSize)[:headerSize]
	if _, err := io.ReadFull(r, p.buf); err != nil {
		return nil, err
	}
	var e event
	if err := parseHeader(p.buf, &e); err != nil {
		return nil, err
	}
	if e.size < headerSize || e.size > maxEvent {
		return nil, fmt.Errorf("an event of %d bytes", e.size)
	}
	p.buf = slices.Grow(p.buf, int(e.size)-headerSize)[:e.size]
	if _, err := io.ReadFull(r, p.buf[headerSize:]); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	e.body = p.buf[headerSize:]
	return &e, nil
}

// payloadOf splits the fields of a payload event from what they describe.
func payloadOf(body []byte) (data []byte, compressed bool, err error) {
	const (
		end, size, method = 0, 1, 2
		zstdMethod, none  = 0, 255
	)
	compressed = true
	length := -1
	c := wire.Cursor{B: body}
	for c.Left() > 0 {
		kind := c.Lenenc()
		if kind == end {
			if data = c.Take(length); c.Bad {
				break
			}
			return data, compressed, nil
		}
		v := wire.Cursor{B: c.Take(c.Length())}
		n := v.Lenenc()
		if v.Bad {
			break
		}
		switch kind {
		case size:
			length = int(min(n, maxPacket<<8)) // a body is shorter
		case method:
			if n != zstdMethod && n != none {
				return nil, false, fmt.Errorf("%w: transaction payload compressed by method %d, which rowcast does not know", ErrCorrupt, n)
			}
			compressed = n == zstdMethod
		}
	}
	return nil, false, fmt.Errorf("%w: transaction payload event of %d bytes", ErrCorrupt, len(body))
}
