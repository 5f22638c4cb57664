package cdc

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/cdc/internal/charset"
	"rowcast/cdc/internal/ddl"
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

// parse reads the statement; fold tells whether the server folds names.
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
