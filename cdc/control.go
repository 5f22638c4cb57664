package cdc

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/internal/sqlname"
)

// query takes what is logged as a statement: transaction control, DDL, and DML of
// sessions that chose to log it so.
func (r *reader) query(ctx context.Context, e *event) error {
	q, err := parseQuery(e)
	if err != nil {
		return err
	}
	if !r.group.open {
		start, err := r.place.begin(e)
		if err != nil {
			return err
		}
		if err := r.open(start, time.Time{}); err != nil {
			return err
		}
	}
	return r.statement(ctx, e, q)
}

func (r *reader) statement(ctx context.Context, e *event, q query) error {
	verb, ok := ddl.TransactionControl(q.text)
	if !ok {
		return r.ddl(ctx, e, q)
	}
	rest := q.text[len(verb):]
	switch verb {
	case "BEGIN", "XA START":
		r.group.inTx = true
	case "SAVEPOINT":
		r.group.mark(savepointName(rest))
	case "ROLLBACK TO":
		if name := savepointName(rest); !r.group.rollbackTo(name) && r.direct == nil {
			r.group.note(Notice{
				Message: fmt.Sprintf("the transaction at %s goes back to a savepoint %q that it does not have", r.group.start, name)})
		}
	case "COMMIT":
		return r.commit(ctx, e)
	case "ROLLBACK":
		return r.rollback(ctx, e)
	case "XA COMMIT":
		return r.commitPrepared(ctx, e, xidOf(rest))
	case "XA ROLLBACK":
		return r.rollbackPrepared(ctx, e, xidOf(rest))
	}
	return nil // XA END, RELEASE SAVEPOINT
}

// savepointName is the name after SAVEPOINT or ROLLBACK TO.
func savepointName(b []byte) string {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || b[0] != '`' && b[0] != '"' {
		return string(b)
	}
	name, _, _ := sqlname.Unquote(b, false)
	return name
}

// ddl handles everything that is not transaction control: DDL, and DML that was logged as a
// statement, by a session's own binlog_format.
func (r *reader) ddl(ctx context.Context, e *event, q query) error {
	st := q.parse(r.foldNames)
	if r.direct == nil {
		r.lose(st)
	}
	if st.OpensTransaction {
		r.group.inTx = true
		return nil
	}
	if r.group.inTx {
		return nil
	}
	return r.finish(ctx, e)
}

func (r *reader) lose(st *ddl.Statement) {
	if st.Alters || st.AltersIndexes {
		clear(r.maps) // a table may be another one from here on
		r.server.alter(st, r.group.start)
	}
	if !st.UnloggedRows {
		return
	}
	did := "changed rows without logging them one by one"
	switch verb, _, _ := strings.Cut(st.Verb, " "); verb {
	case "DROP", "RENAME", "CREATE":
		did = "took a table away, or put another in its place"
	}
	what := fmt.Sprintf("%s at %s %s", st.Verb, r.group.start, did)
	if st.Dropped != "" || st.AnyTable {
		r.group.note(Notice{Schema: st.Dropped, Message: what})
	}
	for _, n := range st.Names {
		if r.h.Wants([]byte(n.Schema), []byte(n.Table)) {
			r.group.note(Notice{Schema: n.Schema, Table: n.Table, Message: what})
		}
	}
}
