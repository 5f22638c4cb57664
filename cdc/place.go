package cdc

import (
	"fmt"

	"github.com/go-mysql-org/go-mysql/replication"
)

// place follows where in the binlog a dump is.
type place struct {
	file    string
	lineage uint32
	end     uint64 // offset behind the last event; 64 bits, where events carry 32
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
	case replication.HEARTBEAT_EVENT, replication.HEARTBEAT_LOG_EVENT_V2:
		return false, nil // says where the server is, not where we are
	}
	switch {
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

// checkpoint is the position behind the last event; ok is false where no dump
// can start there: behind 4 GiB.
func (p *place) checkpoint() (_ Position, ok bool) {
	if p.end > maxOffset {
		return Position{}, false
	}
	cp, err := Checkpoint(p.file, uint32(p.end), p.lineage)
	return cp, err == nil
}

// beginsGroup: MySQL writes a GTID or anonymous GTID event first, MariaDB its own.
func beginsGroup(t replication.EventType) bool {
	switch t {
	case replication.GTID_EVENT, replication.ANONYMOUS_GTID_EVENT, replication.GTID_TAGGED_LOG_EVENT, replication.MARIADB_GTID_EVENT:
		return true
	}
	return false
}

// insideGroup: events that no dump from a group's start begins with.
func insideGroup(t replication.EventType) bool {
	switch t {
	case replication.QUERY_EVENT, replication.MARIADB_QUERY_COMPRESSED_EVENT, replication.XID_EVENT,
		replication.TABLE_MAP_EVENT, replication.XA_PREPARE_LOG_EVENT, replication.TRANSACTION_PAYLOAD_EVENT,
		replication.ROWS_QUERY_EVENT, replication.MARIADB_ANNOTATE_ROWS_EVENT,
		replication.INTVAR_EVENT, replication.RAND_EVENT, replication.USER_VAR_EVENT,
		replication.BEGIN_LOAD_QUERY_EVENT, replication.EXECUTE_LOAD_QUERY_EVENT, replication.APPEND_BLOCK_EVENT:
		return true
	}
	return rowsEventType(t)
}

func rowsEventType(t replication.EventType) bool {
	switch t {
	case replication.WRITE_ROWS_EVENTv1, replication.UPDATE_ROWS_EVENTv1, replication.DELETE_ROWS_EVENTv1,
		replication.WRITE_ROWS_EVENTv2, replication.UPDATE_ROWS_EVENTv2, replication.DELETE_ROWS_EVENTv2,
		replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1, replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1,
		replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1, replication.PARTIAL_UPDATE_ROWS_EVENT,
		mariaWriteCompressed2, mariaUpdateCompressed2, mariaDeleteCompressed2:
		return true
	}
	return false
}
