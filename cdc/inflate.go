package cdc

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"

	"rowcast/cdc/internal/wire"
)

// maxInflated bounds the size of a decompressed event: no server sends an
// event of more than max_allowed_packet, whose greatest value this is.
const maxInflated = 1 << 30

// inflater decompresses MariaDB's compressed rows events, reusing its buffers.
type inflater struct {
	in  bytes.Reader
	z   io.ReadCloser
	out []byte
}

// inflate undoes MariaDB's compression: a byte with the algorithm and the number
// of length bytes, the length, big-endian, then a zlib stream.
func (f *inflater) inflate(b []byte) ([]byte, error) {
	c := wire.Cursor{B: b}
	head := c.Uint(1)
	size := wire.UintBE(c.Take(int(head & 7)))
	if c.Bad || head&7 == 0 || head&7 > 4 || head&0x70 != 0 || size > maxInflated {
		return nil, fmt.Errorf("%w: the head of a compressed event is %x", ErrCorrupt, b[:min(len(b), 5)])
	}
	f.in.Reset(c.Take(c.Left()))
	var err error
	if f.z == nil {
		f.z, err = zlib.NewReader(&f.in)
	} else {
		err = f.z.(zlib.Resetter).Reset(&f.in, nil)
	}
	if err == nil {
		err = f.fill(int(size))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: decompress an event: %w", ErrCorrupt, err)
	}
	return f.out, nil
}

// fill reads exactly size bytes, growing as they come: a forged length alone
// must not make us allocate.
func (f *inflater) fill(size int) error {
	f.out = f.out[:0]
	for len(f.out) < size {
		if len(f.out) == cap(f.out) {
			grown := make([]byte, len(f.out), min(size, max(64<<10, 2*cap(f.out))))
			copy(grown, f.out)
			f.out = grown
		}
		n, err := f.z.Read(f.out[len(f.out):min(size, cap(f.out))])
		f.out = f.out[:len(f.out)+n]
		if err != nil && len(f.out) < size {
			return fmt.Errorf("%d of %d bytes: %w", len(f.out), size, err)
		}
	}
	// The end of the stream, where its own checksum is compared.
	if n, err := f.z.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return fmt.Errorf("more than %d bytes, or a wrong checksum: %v", size, err)
	}
	return nil
}
