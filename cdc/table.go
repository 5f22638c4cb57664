package cdc

import (
	"reflect"
	"slices"
	"sync"

	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/row"
)

// Flavor is the kind of server that wrote a binlog.
type Flavor string

// The two flavors.
const (
	MySQL   Flavor = "mysql"
	MariaDB Flavor = "mariadb"
)

// What a change is about; package row has their meaning.
type (
	Table  = row.Table
	Column = row.Column
	Kind   = row.Kind
	Image  = row.Image
	Format = row.Format
)

// Kinds.
const (
	Plain    = row.Plain
	JSONText = row.JSONText
	UUID     = row.UUID
	INET4    = row.INET4
	INET6    = row.INET6
)

// same implements server.
func (s *Source) same(t *Table) *Table { return s.tables.of(t) }

// sameTables interns Tables: the live feed, replays and second readings share one
// pointer per definition, so that caches keyed by *Table do not multiply.
type sameTables struct {
	mu     sync.Mutex
	newest map[ddl.Name]*Table
}

// maxSame bounds the names: tables with ever new ones may come and go.
const maxSame = 4096

// of is t, or a Table that says the same.
func (s *sameTables) of(t *Table) *Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := ddl.Name{Schema: t.Schema, Table: t.Name}
	if old := s.newest[name]; old != nil && slices.Equal(old.Key, t.Key) && reflect.DeepEqual(old.Columns, t.Columns) {
		return old
	}
	if s.newest == nil || len(s.newest) >= maxSame {
		s.newest = map[ddl.Name]*Table{}
	}
	s.newest[name] = t
	return t
}
