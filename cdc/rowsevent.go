package cdc

import (
	"fmt"

	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/wire"
	"rowcast/cdc/row"
)

// rowsEvent is a rows event being read. It and the images that next fills are
// views of the event's bytes.
type rowsEvent struct {
	eventClass
	columns       int
	first, second row.Present // of the before (or only) and the after image
	table         *Table
	rows          []byte // what is left to read
}

// parseRows reads the head of a rows event: body is the event without its header
// and checksum. Rows come after bind.
func parseRows(eventType byte, body []byte) (rowsEvent, error) {
	r := rowsEvent{eventClass: classes[eventType]}
	if r.kind != rowsOfTable {
		return r, fmt.Errorf("%w: %s (%d) is not a rows event that rowcast knows", ErrValue, replication.EventType(eventType), eventType)
	}
	c := wire.Cursor{B: body}
	c.Skip(6 + 2) // table id, flags
	if r.version2 {
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

// tableID is the number by which a rows event refers to its table map.
func tableID(body []byte) uint64 {
	c := wire.Cursor{B: body}
	return c.Uint(6)
}

// bind says whose rows these are. z may be nil; it keeps the buffers into which
// MariaDB's compressed events are decompressed, and belongs to one event at a time.
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
// after, a delete before, an update both; the one that is not filled may be nil. ok is false after the last row. The images refer to the
// event's bytes.
func (r *rowsEvent) next(before, after *Image) (ok bool, err error) {
	if len(r.rows) == 0 {
		return false, nil
	}
	switch r.op {
	case Insert:
		r.rows, err = after.Read(r.table, &r.first, r.rows)
	case Delete:
		r.rows, err = before.Read(r.table, &r.first, r.rows)
	case Update:
		if r.rows, err = before.Read(r.table, &r.first, r.rows); err != nil {
			break
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
