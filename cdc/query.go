package cdc

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/charset"
	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/internal/sqlname"
	"rowcast/cdc/internal/wire"
)

// query is a QUERY event's content.
type query struct {
	schema  string // the default database
	text    []byte // in UTF-8
	sqlMode uint64
}

func parseQuery(e *event) (q query, err error) {
	body, fixed := e.body, 13 // thread, seconds, schema length, error code, length of status variables
	if e.typ == replication.EXECUTE_LOAD_QUERY_EVENT {
		fixed += 13 // file, where its name begins and ends in the text, what to do with duplicates
	}
	if len(body) < fixed {
		return q, fmt.Errorf("%w: query event of %d bytes", ErrCorrupt, len(body))
	}
	at := fixed + int(binary.LittleEndian.Uint16(body[11:]))
	end := at + int(body[8])
	if len(body) <= end {
		return q, fmt.Errorf("%w: query event of %d bytes", ErrCorrupt, len(body))
	}
	q.schema, q.text = string(body[at:end]), body[end+1:]
	if e.typ == replication.MARIADB_QUERY_COMPRESSED_EVENT {
		var z inflater
		if q.text, err = z.inflate(q.text); err != nil {
			return q, fmt.Errorf("%w: compressed query event: %w", ErrCorrupt, err)
		}
	}
	q.text = bytes.TrimSpace(q.text)
	var collation uint64
	q.sqlMode, collation = statusVars(body[fixed:at])
	if cs := charset.Of(collation); cs != nil && !cs.IsUTF8() && !cs.IsBinary() {
		q.text = cs.AppendUTF8(nil, q.text)
	}
	return q, nil
}

// parse reads the statement; fold reports whether the server folds names.
func (q query) parse(fold bool) *ddl.Statement {
	return ddl.Parse(q.schema, q.text, ddl.Mode{SQL: q.sqlMode, Fold: fold})
}

// statusVars reads the sql_mode of the session and the collation of the text, 0
// where the event does not say. Both servers write these variables before all others.
func statusVars(b []byte) (sqlMode, collation uint64) {
	const (
		flags, mode, autoIncrement, charsets, catalog = 0, 1, 3, 4, 6
	)
	c := wire.Cursor{B: b}
	for c.Left() > 0 {
		switch c.Uint(1) {
		case flags:
			c.Skip(4)
		case mode:
			sqlMode = c.Uint(8)
		case autoIncrement:
			c.Skip(4)
		case charsets:
			return sqlMode, c.Uint(2) // character_set_client
		case catalog:
			c.Skip(int(c.Uint(1)))
		default:
			return sqlMode, collation
		}
	}
	return sqlMode, collation
}

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
		if name := savepointName(rest); !r.group.rollbackTo(name) {
			r.note(Notice{
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
	r.lose(st)
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
	}
	if st.Alters || st.AltersIndexes || st.UnloggedRows {
		r.server.touch(st, r.group.start)
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
		r.note(Notice{Schema: st.Dropped, Message: what})
	}
	for _, n := range st.Names {
		if r.h.Wants([]byte(n.Schema), []byte(n.Table)) {
			r.note(Notice{Schema: n.Schema, Table: n.Table, Message: fmt.Sprintf("%s: %s.%s", what, n.Schema, n.Table)})
		}
	}
}
