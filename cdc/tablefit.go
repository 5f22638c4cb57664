package cdc

import (
	"fmt"
	"slices"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/schema"
	"rowcast/cdc/row"
)

// needsDef reports whether the event leaves something out that the table's
// definition may add. With full metadata it is a hint only: see table.
func (m *tableMap) needsDef() bool {
	if !m.full() {
		return true
	}
	if m.flavor != MariaDB {
		return false
	}
	for i := range m.columns {
		if ambiguous(&m.columns[i]) {
			return true
		}
	}
	return m.mayBeVersioned() || m.mayBeSequence()
}

// mayBeSequence reports whether the columns are named as those of a MariaDB sequence.
// A write of one is logged as rows of a table; where it is not logged how the columns
// are named, the definition alone can tell.
func (m *tableMap) mayBeSequence() bool {
	return m.flavor == MariaDB && slices.EqualFunc(m.columns, sequenceColumns, func(c Column, name string) bool { return c.Name == name })
}

var sequenceColumns = []string{"next_not_cached_value", "minimum_value", "maximum_value", "start_value", "increment", "cache_size", "cycle_option", "cycle_count"}

// isSequence reports whether the event is of a sequence rather than of a table: by its
// definition, or by its columns if it is gone since.
func (m *tableMap) isSequence(def *schema.Table) bool {
	return def != nil && def.Sequence || def == nil && m.mayBeSequence()
}

// versionType: a time, or with transaction-precise history a transaction's number.
func versionType(c *Column) bool {
	return c.Type == mysql.MYSQL_TYPE_TIMESTAMP2 && c.Meta == 6 || c.Type == mysql.MYSQL_TYPE_LONGLONG
}

// placed reports whether only the definition of the event's own place will do, rather
// than any that is known.
func (m *tableMap) placed() bool { return !m.full() || m.mayBeVersioned() }

// full reports whether the event was logged with binlog_row_metadata=FULL.
func (m *tableMap) full() bool { return m.hasNames && m.hasLabels }

// ambiguous: MariaDB logs several kinds of column under this type.
func ambiguous(c *Column) bool {
	switch c.Type {
	case mysql.MYSQL_TYPE_STRING:
		return c.Collation == row.BinaryCollation && (c.Meta == 16 || c.Meta == 4)
	case mysql.MYSQL_TYPE_BLOB:
		return c.Collation != row.BinaryCollation && c.Meta == 4
	}
	return row.OldTemporal(c.Type)
}

// table makes the Table of the event. Without full metadata the definition must
// be there and fit: the error wraps ErrSchema otherwise. With it the definition
// adds only what MariaDB's binlog leaves out, and may be nil unless rows may have
// versions.
func (m *tableMap) table(def *schema.Table) (*Table, error) {
	t := &Table{Schema: m.schema, Name: m.name, Columns: append([]Column(nil), m.columns...), Key: append([]int(nil), m.key...)}
	if m.full() {
		m.hint(t, def)
		if m.mayBeVersioned() {
			if def == nil {
				return nil, fmt.Errorf("%w: %s: the event does not tell whether its rows have versions, and the database has no such table now", ErrSchema, t)
			}
			if err := m.setRowEnd(t, def); err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrSchema, t, err)
			}
		}
		return row.New(t), nil
	}
	if def == nil {
		return nil, fmt.Errorf("%w: %s: the event carries no column names, and the database has no such table now; %s", ErrSchema, t, fullWouldHelp)
	}
	if err := m.fill(t, def); err != nil {
		return nil, fmt.Errorf("%w: %s: %w; the event carries no column names: %s", ErrSchema, t, err, fullWouldHelp)
	}
	return row.New(t), nil
}

const fullWouldHelp = "SET GLOBAL binlog_row_metadata = FULL makes later events carry them"

// hint sets kinds from the columns of the definition that have the same name and type.
func (m *tableMap) hint(t *Table, def *schema.Table) {
	for i := range t.Columns {
		col := &t.Columns[i]
		if m.flavor != MariaDB || !ambiguous(col) {
			continue
		}
		col.Meta = m.oldPrecision(col)
		if def == nil {
			continue
		}
		if j := def.Find(col.Name); j >= 0 && m.differs(col, &def.Columns[j]) == "" {
			m.take(col, &def.Columns[j])
		}
	}
}

// undecidable is the Meta of an old temporal column of MariaDB whose fraction
// digits, and with them its width, are not known.
const undecidable = 0xff

func (m *tableMap) oldPrecision(col *Column) uint16 {
	if row.OldTemporal(col.Type) {
		return undecidable
	}
	return col.Meta
}

func (m *tableMap) take(col *Column, def *schema.Column) {
	col.Kind = def.Kind()
	if row.OldTemporal(col.Type) {
		col.Meta = uint16(def.Precision)
	}
}

// fill sets all that the event leaves out, column by column in order.
func (m *tableMap) fill(t *Table, def *schema.Table) error {
	if hidden := len(t.Columns) - len(def.Columns); hidden != def.Hidden() {
		return fmt.Errorf("the event has %d columns, the table has %d now", len(t.Columns), len(def.Columns)+def.Hidden())
	}
	for i := range t.Columns {
		col := &t.Columns[i]
		if i >= len(def.Columns) {
			if !versionType(col) {
				return fmt.Errorf("column %d, now made by the server: %s in the event", i+1, col.TypeName())
			}
			col.Name, col.Hidden = fmt.Sprintf("hidden column %d", i+1), true
			continue
		}
		d := &def.Columns[i]
		if what := m.differs(col, d); what != "" {
			return fmt.Errorf("column %d, now %s: %s", i+1, d.Name, what)
		}
		now := d.Logged()
		col.Name, col.Labels = now.Name, now.Labels
		if !m.hasSigns {
			col.Unsigned = now.Unsigned
		}
		if col.Collation == 0 && !isBlobLike(col.Type) {
			col.Collation = now.Collation
		}
		m.take(col, d)
	}
	t.Key = append([]int(nil), def.Key...)
	return m.setRowEnd(t, def)
}

// differs explains why a logged column can't be the defined one; "" if it can.
func (m *tableMap) differs(col *Column, def *schema.Column) string {
	want := def.Logged()
	got := *col
	got.Kind = want.Kind // not logged
	if row.OldTemporal(want.Type) {
		want.Type = newTemporal(want.Type) // the format may be another one since
	}
	switch {
	case got.Type == mysql.MYSQL_TYPE_VAR_STRING:
		got.Type = mysql.MYSQL_TYPE_VARCHAR
	case got.Type == mysql.MYSQL_TYPE_NEWDATE:
		got.Type = mysql.MYSQL_TYPE_DATE
	case row.OldTemporal(got.Type):
		got.Type, got.Meta = newTemporal(got.Type), want.Meta
	case got.Type == row.TypeVarcharCompressed:
		got.Meta = want.Meta // counts its own header
	}
	if !m.hasSigns || !isNumber(got.Type) {
		got.Unsigned = want.Unsigned
	}
	if got.Collation == 0 || want.Collation == 0 {
		got.Collation = want.Collation
	}
	text := (got.Collation == row.BinaryCollation) != (want.Collation == row.BinaryCollation)
	if got.Type != want.Type || got.Meta != want.Meta || got.Unsigned != want.Unsigned || text {
		return fmt.Sprintf("%s in the event, %s in the table", got.TypeName(), def.FullType)
	}
	return ""
}

func newTemporal(typ byte) byte {
	switch typ {
	case mysql.MYSQL_TYPE_TIMESTAMP:
		return mysql.MYSQL_TYPE_TIMESTAMP2
	case mysql.MYSQL_TYPE_DATETIME:
		return mysql.MYSQL_TYPE_DATETIME2
	}
	return mysql.MYSQL_TYPE_TIME2
}
