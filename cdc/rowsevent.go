package cdc

import (
	"fmt"

	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/wire"
	"rowcast/cdc/row"
)

// Rows event types that go-mysql has no names for. MariaDB numbers them so for
// row format 2, which it reserves but does not write.
const (
	mariaWriteCompressed2  = 169
	mariaUpdateCompressed2 = 170
	mariaDeleteCompressed2 = 171
)

// rowsEvent is a rows event being read. It and the images that next fills are
// views of the event's bytes.
type rowsEvent struct {
	op    Op
	id    uint64
	flags uint16

	columns       int
	first, second row.Present // of the before (or only) and the after image
	partial       bool
	compressed    bool

	table *Table
	rows  []byte // what is left to read
	spare Image  // a before image that the caller did not ask for
}

// parseRows reads the head of a rows event: body is the event without its header
// and checksum. Rows come after bind.
func parseRows(eventType byte, body []byte) (rowsEvent, error) {
	r := rowsEvent{}
	version2, err := r.classify(replication.EventType(eventType))
	if err != nil {
		return r, err
	}
	c := wire.Cursor{B: body}
	r.id = c.Uint(6)
	r.flags = uint16(c.Uint(2))
	if version2 {
		c.Skip(int(c.Uint(2)) - 2) // partition ids and the like
	}
	columns := c.Lenenc()
	if columns > maxColumns {
		return r, fmt.Errorf("%w: rows of %d columns", ErrCorrupt, columns)
	}
	r.columns = int(columns)
	r.first.Read(&c, r.columns)
	if r.op == Update {
		r.second.Read(&c, r.columns)
	}
	if err := c.Failed("rows event"); err != nil {
		return r, err
	}
	r.rows = c.Take(c.Left())
	if r.first.Count() == 0 && (r.op != Update || r.second.Count() == 0) {
		// With binlog_row_image=MINIMAL an INSERT of nothing but defaults.
		return r, fmt.Errorf("%w: its rows hold no column at all, so that not even their number is known; set binlog_row_image = FULL", ErrValue)
	}
	return r, nil
}

// classify sorts the event types out; anything but rows is a corrupt event here.
func (r *rowsEvent) classify(typ replication.EventType) (version2 bool, err error) {
	switch typ {
	case replication.WRITE_ROWS_EVENTv1, replication.WRITE_ROWS_EVENTv2, replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1, mariaWriteCompressed2:
		r.op = Insert
	case replication.UPDATE_ROWS_EVENTv1, replication.UPDATE_ROWS_EVENTv2, replication.PARTIAL_UPDATE_ROWS_EVENT,
		replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1, mariaUpdateCompressed2:
		r.op = Update
	case replication.DELETE_ROWS_EVENTv1, replication.DELETE_ROWS_EVENTv2, replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1, mariaDeleteCompressed2:
		r.op = Delete
	default:
		return false, fmt.Errorf("%w: %s (%d) is no rows event that rowcast knows", ErrValue, typ, byte(typ))
	}
	switch typ {
	case replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1, replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1, replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1:
		r.compressed = true
	case mariaWriteCompressed2, mariaUpdateCompressed2, mariaDeleteCompressed2:
		r.compressed, version2 = true, true
	case replication.WRITE_ROWS_EVENTv2, replication.UPDATE_ROWS_EVENTv2, replication.DELETE_ROWS_EVENTv2:
		version2 = true
	case replication.PARTIAL_UPDATE_ROWS_EVENT:
		r.partial, version2 = true, true
	}
	return version2, nil
}

// tableID is the number by which the event refers to its table map.
func (r *rowsEvent) tableID() uint64 { return r.id }

// bind says whose rows these are. z may be nil; it keeps the buffers into which
// MariaDB's compressed events are unfolded, and belongs to one event at a time.
func (r *rowsEvent) bind(t *Table, z *inflater) error {
	if len(t.Columns) != r.columns {
		return fmt.Errorf("%w: rows of %d columns for %s, which has %d", ErrCorrupt, r.columns, t, len(t.Columns))
	}
	if err := t.Undecodable(); err != nil {
		return err
	}
	r.table = t
	if !r.compressed {
		return nil
	}
	if z == nil {
		z = &inflater{}
	}
	rows, err := z.inflate(r.rows)
	if err != nil {
		return fmt.Errorf("rows of %s: %w", t, err)
	}
	r.rows, r.compressed = rows, false
	return nil
}

// next reads one change into the images, which are overwritten. An insert fills
// after, a delete before, an update both; either may be nil. ok is false behind
// the last row. The images refer to the event's bytes.
func (r *rowsEvent) next(before, after *Image) (ok bool, err error) {
	if len(r.rows) == 0 {
		return false, nil
	}
	if before == nil && r.op != Insert {
		before = &r.spare
	}
	switch r.op {
	case Insert:
		if after == nil {
			after = &r.spare
		}
		r.rows, err = after.Read(r.table, &r.first, r.rows)
	case Delete:
		r.rows, err = before.Read(r.table, &r.first, r.rows)
	case Update:
		if r.rows, err = before.Read(r.table, &r.first, r.rows); err != nil {
			break
		}
		if after == nil {
			after = &Image{}
		}
		if r.partial {
			r.rows, err = after.ReadPartial(r.table, &r.second, r.rows, before)
		} else {
			r.rows, err = after.Read(r.table, &r.second, r.rows)
		}
	}
	if err != nil {
		return false, fmt.Errorf("rows of %s: %w", r.table, err)
	}
	return true, nil
}
