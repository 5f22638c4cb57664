package cdc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/ddl"
)

// xaMark is where an XA transaction is prepared, or ended.
type xaMark struct {
	xid       string
	prepared  bool
	committed bool
	undone    []span // of what is prepared
}

// maxMarks bounds the marks that are remembered; parts of the binlog that hold more are read again.
const maxMarks = 200_000

type xaState struct {
	prepared  // start is zero where it was ended since
	committed bool
}

// prepared implements server: it looks from the file that the transaction's end
// is in back to the oldest. A reading needs it for what was prepared before it
// began; it stands still meanwhile, which is logged.
func (rd *tracker) prepared(ctx context.Context, xid string, before Position) (xaState, error) {
	rd.log.Info("looking in the binlog for where an XA transaction was prepared", "xid", xid, "ended", before)
	c, err := rd.Connect(ctx)
	if err != nil {
		return xaState{}, err
	}
	files, err := filesOf(c)
	quit(c)
	if err != nil {
		return xaState{}, err
	}
	to := before.Group()
	for _, f := range slices.Backward(files) {
		from, err := Checkpoint(f.name, firstPos, 0)
		if err != nil {
			return xaState{}, err
		}
		if from.Compare(before) > 0 {
			continue
		}
		marks, err := rd.xa.between(ctx, from, to, rd.live, rd.searchXA)
		if err != nil && !errors.Is(err, ErrPurged) { // purged while we looked: go on with what is left
			return xaState{}, err
		}
		for _, m := range slices.Backward(marks) {
			if m.what.xid == xid && m.at.Compare(before) < 0 {
				return state(m), nil
			}
		}
		to = from
	}
	return xaState{}, fmt.Errorf("%w: XA transaction %s", ErrPurged, xid)
}

func state(m found[xaMark]) xaState {
	if m.what.prepared {
		return xaState{prepared: prepared{start: m.at, undone: m.what.undone}}
	}
	return xaState{committed: m.what.committed}
}

// searchXA looks through the binlog between two checkpoints.
func (s *Source) searchXA(ctx context.Context, from, to Position) (list []found[xaMark], reached Position, err error) {
	var g group // as far as it says which rows of a transaction were rolled back
	var unpack payload
	mark := func(m xaMark) { list = append(list, found[xaMark]{g.start, m}) }
	look := func(e *event) error {
		if e.class().kind == rowsOfTable {
			g.events++
			return nil
		}
		switch e.typ {
		case replication.XA_PREPARE_LOG_EVENT:
			xid, onePhase, err := parsePrepare(e.body)
			if err == nil && !onePhase {
				mark(xaMark{xid: xid, prepared: true, undone: g.undone})
			}
			return err
		case replication.QUERY_EVENT, replication.MARIADB_QUERY_COMPRESSED_EVENT:
			q, err := parseQuery(e)
			verb, _ := ddl.TransactionControl(q.text)
			rest := q.text[len(verb):]
			switch verb {
			case "SAVEPOINT":
				g.mark(savepointName(rest))
			case "ROLLBACK TO":
				g.rollbackTo(savepointName(rest))
			case "XA COMMIT", "XA ROLLBACK":
				mark(xaMark{xid: xidOf(rest), committed: verb == "XA COMMIT"})
			}
			return err
		}
		return nil
	}
	reached, err = s.scan(ctx, from, to, func(start Position, e *event) error {
		if e.beginsGroup() {
			g.reset()
			g.start = start
		}
		if e.typ == replication.TRANSACTION_PAYLOAD_EVENT {
			return unpack.each(e, look)
		}
		return look(e)
	})
	return list, reached, err
}
