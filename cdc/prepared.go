package cdc

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/ddl"
)

// prepares knows the XA transactions of files that were looked through to their
// end: each file is read once, however many commits are looked for.
type prepares struct {
	searching chan struct{} // capacity 1: who has put something in owns files
	files     map[string]xaStates
}

// xaStates holds what a file says last of each xid.
type xaStates map[string]xaState

type xaState struct {
	prepared  // start is zero where it was ended since
	committed bool
}

// prepared implements server: it looks from the file that the transaction's end
// is in back to the oldest. A reading needs it for what was prepared before it
// began; it stands still meanwhile, which is logged.
func (s *Source) prepared(ctx context.Context, xid string, before Position) (xaState, error) {
	s.log.Info("looking in the binlog for where an XA transaction was prepared", "xid", xid, "ended", before)
	c, err := s.Connect(ctx)
	if err != nil {
		return xaState{}, err
	}
	files, err := filesOf(c)
	quit(c)
	if err != nil {
		return xaState{}, err
	}
	select { // who waits for another's search must be able to leave
	case s.prepares.searching <- struct{}{}:
	case <-ctx.Done():
		return xaState{}, ctx.Err()
	}
	defer func() { <-s.prepares.searching }()
	to := before
	for i := len(files) - 1; i >= 0; i-- {
		from, err := Checkpoint(files[i].name, firstPos, 0)
		if err != nil {
			return xaState{}, err
		}
		if from.Compare(before) > 0 {
			continue
		}
		known, ok := s.prepares.files[from.file]
		if own := from.file == before.file; own || !ok { // what is known of a file holds at its end, and so not in the commit's own
			if known, err = s.xaIn(ctx, from, to); err != nil {
				return xaState{}, err
			}
			if !own {
				s.prepares.files[from.file] = known
			}
		}
		if last, ok := known[xid]; ok {
			return last, nil
		}
		to = from
	}
	return xaState{}, fmt.Errorf("%w: XA transaction %s", ErrPurged, xid)
}

// forget is for when files of the same names may be others: behind a RESET.
func (p *prepares) forget() {
	p.searching <- struct{}{}
	p.files = map[string]xaStates{}
	<-p.searching
}

// xaIn looks through the binlog between two checkpoints.
func (s *Source) xaIn(ctx context.Context, from, to Position) (xaStates, error) {
	found := xaStates{}
	var g group // as far as it says where a transaction begins, and which of its rows were rolled back
	var unpack payload
	look := func(e *event) error {
		if rowsEventType(e.typ) {
			g.events++
			return nil
		}
		switch e.typ {
		case replication.XA_PREPARE_LOG_EVENT:
			xid, onePhase, err := parsePrepare(e.body)
			if err == nil && !onePhase {
				found[xid] = xaState{prepared: prepared{start: g.start, undone: g.undone}}
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
				found[xidOf(rest)] = xaState{committed: verb == "XA COMMIT"}
			}
			return err
		}
		return nil
	}
	err := s.scan(ctx, from, to, func(p *place, e *event) (err error) {
		if beginsGroup(e.typ) {
			g.reset()
			g.start, err = p.begin(e)
			return err
		}
		if e.typ == replication.TRANSACTION_PAYLOAD_EVENT {
			return unpack.each(e, look)
		}
		return look(e)
	})
	if errors.Is(err, ErrPurged) {
		err = nil // it was purged while we looked: go on with what is left
	}
	return found, err
}
