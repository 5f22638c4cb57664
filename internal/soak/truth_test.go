package soak

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"rowcast/internal/throwaway"
)

// at is an id without lineage, in numbers.
type at struct{ file, pos, event, row uint32 }

func (a at) compare(b at) int {
	return slices.Compare([]uint32{a.file, a.pos, a.event, a.row}, []uint32{b.file, b.pos, b.event, b.row})
}

// fact is one committed change of a configured table.
type fact struct {
	at         at     // event is the first that may hold it, row its place behind that one's first
	lastEvent  uint32 // the last that may: mysqlbinlog prints the rows of a statement behind all of its events
	table, op  uint8
	gOld, gNew int32
	hash       [3]uint64 // of its essence as an insert, update or delete; 0: can't be
}

// truth is what the binlog holds, by mysqlbinlog's reading.
type truth struct {
	mysql    bool
	facts    []fact
	groups   map[[2]uint32]bool // where groups begin
	bounds   map[[2]uint32]bool // where a checkpoint may be: begins and ends of groups, and of events between them
	lineage  map[uint32]uint32
	changes  int // of all tables
	xaGroups int
	orphans  map[[2]uint32]bool // XA COMMITs and ROLLBACKs whose XA PREPARE is not in the binlog, or is ended there: by a crash
}

// readTruth parses every binlog file of the server, which may be running but must be quiet.
func readTruth(ctx context.Context, s *throwaway.Server) (*truth, error) {
	files, err := filepath.Glob(filepath.Join(s.DataDir(), "binlog.[0-9]*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	tr := &truth{mysql: s.Flavor() == throwaway.MySQL, groups: map[[2]uint32]bool{}, bounds: map[[2]uint32]bool{}, orphans: map[[2]uint32]bool{}, lineage: map[uint32]uint32{}}
	p := &parser{truth: tr, xa: map[string][]pending{}}
	for _, f := range files {
		number, err := strconv.ParseUint(strings.TrimPrefix(filepath.Ext(f), "."), 10, 32)
		if err != nil {
			continue // binlog.index, MariaDB's binlog.state
		}
		out, err := s.Binlog(ctx, "-vv", "--base64-output=DECODE-ROWS", filepath.Base(f))
		if err != nil {
			return nil, err
		}
		p.file, p.open, p.rows = uint32(number), false, nil
		if err := p.read(out); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(f), err)
		}
		p.bound(p.end)
	}
	return tr, nil
}
