package cdc

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/schema"
)

// MariaDB's system-versioned tables keep each row's past among the rows. An UPDATE
// is logged as such and then as the insert of the old row, a DELETE as an update
// that ends the row's version. A row is current, and found by SELECT, as long as its
// version ends at the latest time there is: what ends earlier is history, and for
// readers of the table not there.
//
// Tables with transaction-precise history (BIGINT period columns) are not among
// them: the server logs every change of those as a statement, which is a loss.

// isCurrent tells whether v, a TIMESTAMP(6), is the latest time: in 2038, or in 2106
// from MariaDB 11.5 on.
func isCurrent(v []byte) bool {
	return string(v) == "\x7f\xff\xff\xff\x0f\x42\x3f" || string(v) == "\xff\xff\xff\xff\x0f\x42\x3f"
}

// seen is what a change of a versioned table's rows does to the current ones; 0 is
// nothing. Images that op does not have are not looked at.
func seen(t *Table, op Op, before, after *Image) (Op, error) {
	was, is := false, false
	if op != Insert {
		v := before.Bytes(t.RowEnd())
		if was = isCurrent(v); v == nil {
			return 0, noRowEnd(t)
		}
	}
	if op == Update && !after.Has(t.RowEnd()) { // binlog_row_image = MINIMAL or FULL_NODUP: it is as it was
		is = was
	} else if op != Delete {
		v := after.Bytes(t.RowEnd())
		if is = isCurrent(v); v == nil {
			return 0, noRowEnd(t)
		}
	}
	switch {
	case was && is:
		return Update, nil
	case is:
		return Insert, nil
	case was:
		return Delete, nil
	}
	return 0, nil
}

func noRowEnd(t *Table) error {
	return fmt.Errorf("%w: %s: a row without %s, which tells current rows from history; set binlog_row_image = FULL",
		ErrValue, t, t.Columns[t.RowEnd()].Name)
}

// mayBeVersioned tells whether the columns could be those of a versioned table: two
// of them are TIMESTAMP(6) NOT NULL, and the later time is part of the primary key,
// if there is one. The event does not say more, even with full metadata.
func (m *tableMap) mayBeVersioned() bool {
	if m.flavor != MariaDB {
		return false
	}
	times, end := 0, !m.hasKey
	for i := range m.columns {
		if m.isRowTime(i) {
			times++
			end = end || slices.Contains(m.key, i)
		}
	}
	return times >= 2 && end
}

func (m *tableMap) isRowTime(i int) bool {
	c := &m.columns[i]
	return c.Type == mysql.MYSQL_TYPE_TIMESTAMP2 && c.Meta == 6 && m.nullable[i/8]>>(i%8)&1 == 0
}

// setRowEnd marks the column that ends a row's version, which the server has added to
// the primary key: the key of the current rows is what the user made it.
func (m *tableMap) setRowEnd(t *Table, def *schema.Table) error {
	end := def.RowEnd()
	if end < 0 {
		return nil
	}
	if end >= len(t.Columns) || !m.isRowTime(end) {
		return errors.New("the table is system-versioned now, and was not at the event")
	}
	if def.Versioned {
		t.Columns[end-1].Hidden, t.Columns[end].Hidden = true, true
	}
	t.Columns[end].RowEnd = true
	t.Key = slices.DeleteFunc(t.Key, func(i int) bool { return i == end })
	return nil
}
