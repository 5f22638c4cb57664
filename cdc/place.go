package cdc

import (
	"fmt"

	"github.com/go-mysql-org/go-mysql/replication"
)

// place follows where in the binlog a dump is.
type place struct {
	file    string
	lineage uint32
	end     uint64 // offset after the last event; 64 bits, where events carry 32
	known   bool   // lineage is of file
	next    string
}

// follow moves the place over e, which comes from the server itself rather than
// from inside another event. rotated is true where a new file begins.
func (p *place) follow(e *event) (rotated bool, err error) {
	switch e.typ {
	case replication.ROTATE_EVENT:
		if len(e.body) <= 8 {
			return false, fmt.Errorf("%w: rotate event of %d bytes", ErrCorrupt, len(e.body))
		}
		// Real or fake, it names the file whose format description follows. A fake
		// one at the start of a dump names the file that was asked for.
		p.next = string(e.body[8:])
		return false, nil
	case replication.FORMAT_DESCRIPTION_EVENT:
		rotated = p.next != "" && p.next != p.file
		if rotated {
			p.file, p.end = p.next, firstPos
		}
		p.lineage, p.known = e.time, true
		if e.logPos != 0 {
			p.end = uint64(e.logPos)
		}
		return rotated, nil
	}
	switch {
	case e.class().kind == heartbeat: // says where the server is, not where we are
	case e.artificial():
	case e.logPos != 0:
		n := p.end&^maxOffset | uint64(e.logPos)
		if n < p.end {
			n += 1 << 32
		}
		p.end = n
	default: // MariaDB 11.4 and later, inside groups
		p.end += uint64(e.size)
	}
	return false, nil
}

// begin is the position of the group that e, just followed, begins.
func (p *place) begin(e *event) (Position, error) {
	at := p.end - uint64(e.size)
	if at > maxOffset || p.end < uint64(e.size) {
		return Position{}, fmt.Errorf("%w: a group begins at offset %d of %s", ErrCorrupt, at, p.file)
	}
	return Checkpoint(p.file, uint32(at), p.lineage)
}

// checkpoint is the position after the last event; ok is false where no dump
// can start there: past 4 GiB.
func (p *place) checkpoint() (_ Position, ok bool) {
	if p.end > maxOffset {
		return Position{}, false
	}
	cp, err := Checkpoint(p.file, uint32(p.end), p.lineage)
	return cp, err == nil
}

// located adds to an error which event it is of.
func (p *place) located(err error) error {
	if err != nil {
		err = fmt.Errorf("%w (%s, ends at offset %d)", err, p.file, p.end)
	}
	return err
}
