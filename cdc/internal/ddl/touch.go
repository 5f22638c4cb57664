package ddl

import (
	"hash/maphash"
	"slices"
	"strings"
)

// Touch is what is kept of a statement: the tables that it may touch, as hashes of
// eight bytes. The texts of thousands of statements would be too much to keep, and
// two names with one hash cost no more than a needless look at a table.
type Touch []uint64

// Keys are the hashes by which a Touch knows a table.
type Keys struct{ table, schema uint64 }

var seed = maphash.MakeSeed()

// hash ignores case: some servers fold names, and a needless look harms nobody.
func hash(schema, table string) uint64 {
	return maphash.String(seed, strings.ToLower(schema)+"\x00"+strings.ToLower(table))
}

// Keys returns the hashes of a table's name.
func (n Name) Keys() Keys { return Keys{hash(n.Schema, n.Table), hash(n.Schema, "")} }

// All are the hashes: of the table, and of all tables of its schema.
func (k Keys) All() [2]uint64 { return [2]uint64{k.table, k.schema} }

// Touch returns which tables the statement may touch, in any role.
func (st *Statement) Touch() Touch {
	t := make(Touch, 0, len(st.Names)+1)
	for _, n := range st.Names {
		t = append(t, hash(n.Schema, n.Table))
	}
	if st.Dropped != "" {
		t = append(t, hash(st.Dropped, "")) // all of its tables
	}
	slices.Sort(t)
	return slices.Clip(slices.Compact(t))
}

// Has reports whether a table is among those that may be touched.
func (t Touch) Has(k Keys) bool {
	_, table := slices.BinarySearch(t, k.table)
	_, schema := slices.BinarySearch(t, k.schema)
	return table || schema
}
