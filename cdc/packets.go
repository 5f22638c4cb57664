package cdc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

const (
	maxPacket = 1<<24 - 1
	// keepBuffer is the largest scratch buffer that is kept for the next event.
	keepBuffer = 4 << 20
)

// packets reads the packets of the MySQL protocol from a connection on which nothing
// else is read: most are looked at where they lie, without a copy.
type packets struct {
	raw      net.Conn
	r        *bufio.Reader
	patience time.Duration // with each read: a slow network is not a dead one
	seq      uint8         // of the next packet
	pending  int           // bytes of the last packet still in r
	big      []byte

	// sizeOf tells by the first bytes of a packet of several parts how large the whole
	// is, so that it is copied once; nil: nothing tells.
	sizeOf func(head []byte) int
}

func (p *packets) open(raw net.Conn, buffer int) {
	p.raw = raw
	p.r = bufio.NewReaderSize(patient{p}, buffer)
}

// patient gives each read its own deadline.
type patient struct{ *packets }

func (p patient) Read(b []byte) (int, error) {
	if err := p.raw.SetReadDeadline(time.Now().Add(p.patience)); err != nil {
		return 0, err
	}
	return p.raw.Read(b)
}

// hears tells whether something comes within the time, after the last packet.
func (p *packets) hears(within time.Duration) bool {
	if _, err := p.r.Discard(p.pending); err != nil {
		return false
	}
	p.pending = 0
	defer func(was time.Duration) { p.patience = was }(p.patience)
	p.patience = within
	_, err := p.r.Peek(1)
	return err == nil
}

// errSilent: nothing came for the time of patience, between two packets. Reading can go on.
var errSilent = errors.New("the database said nothing for too long, though it was asked for heartbeats")

// packet returns the next packet, valid until the one after it is read; parts of 16 MiB
// are joined.
func (p *packets) packet() ([]byte, error) {
	if _, err := p.r.Discard(p.pending); err != nil {
		return nil, err
	}
	p.pending = 0
	n, err := p.head()
	if err != nil {
		if timedOut(err) && p.r.Buffered() == 0 {
			return nil, errSilent
		}
		return nil, err
	}
	if n <= p.r.Size() && n < maxPacket {
		b, err := p.r.Peek(n)
		p.pending = len(b)
		return b, err
	}
	total := n
	if n == maxPacket && p.sizeOf != nil { // there is more
		head, err := p.r.Peek(1 + headerSize)
		if err != nil {
			return nil, err
		}
		total = p.sizeOf(head)
	}
	if p.big = p.big[:0]; cap(p.big) < total {
		p.big = make([]byte, 0, total) // nothing of the old bytes is to be copied
	}
	for {
		had := len(p.big)
		p.big = slices.Grow(p.big, n)[:had+n]
		if _, err := io.ReadFull(p.r, p.big[had:]); err != nil {
			return nil, err
		}
		if n < maxPacket {
			break
		}
		if n, err = p.head(); err != nil {
			return nil, err
		}
	}
	b := p.big
	if cap(p.big) > keepBuffer {
		p.big = nil // one huge row must not be paid for ever after
	}
	return b, nil
}

func (p *packets) head() (int, error) {
	h, err := p.r.Peek(4)
	if err != nil {
		return 0, err
	}
	n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	if h[3] != p.seq {
		return 0, fmt.Errorf("%w: packet number %d instead of %d", ErrCorrupt, h[3], p.seq)
	}
	p.seq++
	_, err = p.r.Discard(4)
	return n, err
}

// timedOut tells a silent server from a broken connection.
func timedOut(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
