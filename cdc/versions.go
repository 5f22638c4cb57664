package cdc

import (
	"sync"

	"rowcast/cdc/internal/ddl"
)

// versions counts, for each table, the statements that may have touched it: that altered
// it, took it away, or changed its rows without rows events. What was SELECTed before one
// of them does not go together with what the binlog says after it.
type versions struct {
	mu    sync.Mutex
	count uint64
	all   uint64            // the last that may have touched any table
	of    map[uint64]uint64 // the last that may have touched a table or a schema, by its hash
}

// maxVersions bounds the hashes: tables with ever new names may come and go.
const maxVersions = 1 << 16

func (v *versions) touch(st *ddl.Statement) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count++
	touched := st.Touch()
	if st.AnyTable || len(v.of)+len(touched) > maxVersions {
		v.touchAll()
		return
	}
	if v.of == nil {
		v.of = map[uint64]uint64{}
	}
	for _, h := range touched {
		v.of[h] = v.count
	}
}

func (v *versions) touchAll() {
	v.all = v.count
	clear(v.of)
}

// forget is for when nobody has read what the binlog held meanwhile.
func (v *versions) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count++
	v.touchAll()
}

func (v *versions) get(name ddl.Name) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	last := v.all
	for _, h := range name.Keys().All() {
		last = max(last, v.of[h])
	}
	return last
}

// Version moves when the live reading passes a statement that may have touched the table:
// that altered it, or changed its rows without rows events. It has moved before the
// Handler hears of that statement's Checkpoint. It moves for every table when the live
// reading begins from now, or ends for good.
func (s *Source) Version(schema, table string) uint64 {
	return s.versions.get(ddl.Name{Schema: schema, Table: table})
}
