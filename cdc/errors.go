package cdc

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/schema"
	"rowcast/cdc/internal/wire"
	"rowcast/cdc/row"
)

// What a position or a server can be. Callers decide by errors.Is; the wrapped
// text is for people.
var (
	// ErrPurged: the binlog no longer holds the position.
	ErrPurged = errors.New("the binlog no longer holds that position")
	// ErrAhead: the position is past the end of the binlog.
	ErrAhead = errors.New("that position is past the end of the binlog")
	// ErrForeign: the position is of another server, or from before a RESET.
	ErrForeign = errors.New("that position is of another binlog")
	// ErrInvalid: no group begins at the position.
	ErrInvalid = errors.New("no transaction begins at that position")
	// ErrDenied: the account may not connect, or may not read the binlog. Waiting does not help.
	ErrDenied = errors.New("the database refused")
	// ErrNotReplicable: the server has no binlog that rowcast can read. Waiting does not help.
	ErrNotReplicable = errors.New("the database has no binlog to read")
	// ErrCorrupt: bytes of the binlog are not what they must be.
	ErrCorrupt = wire.ErrCorrupt
)

// Why rows can't be decoded; the text that wraps them names table, column and type.
var (
	// ErrValue: a value or a column can't be decoded.
	ErrValue = row.ErrValue
	// ErrSchema: the event is of an older or newer form of the table than the database has.
	ErrSchema = errors.New("the table's definition does not fit the event")
	// ErrNoTable: the database has no such table.
	ErrNoTable = schema.ErrNoTable
)

// fatal tells whether err ends a reading for good; everything else is tried again.
func fatal(err error) bool {
	for _, target := range []error{ErrPurged, ErrAhead, ErrForeign, ErrInvalid, ErrDenied, ErrNotReplicable} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// hint adds what to do to errors that the way to the server makes.
func hint(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Errorf("%w; check that the server runs, and [source] addr", err)
	}
	if text := err.Error(); strings.Contains(text, "x509: ") { // it has many types
		return fmt.Errorf("%w; set [source] tls_ca to the certificate of the server's CA, and addr to a name that its own is for; tls = \"required\" checks neither", err)
	}
	if strings.Contains(err.Error(), "readInitialHandshake") { // go-mysql has no type for it
		return fmt.Errorf("what answers there does not say what a MySQL or MariaDB server says first; check [source] addr: %w", err)
	}
	return err
}

// explain turns the server's refusal to connect or to be queried into one of the
// sentinels where waiting can't help.
func explain(err error) error {
	err = plainError(err)
	my, ok := err.(*mysql.MyError)
	if !ok {
		return hint(err)
	}
	switch my.Code {
	case mysql.ER_ACCESS_DENIED_ERROR, 1698 /* ER_ACCESS_DENIED_NO_PASSWORD_ERROR */ :
		return fmt.Errorf("%w: %s; check [source] user and password, and tls if the account demands it", ErrDenied, my.Message)
	case mysql.ER_SPECIFIC_ACCESS_DENIED_ERROR, mysql.ER_DBACCESS_DENIED_ERROR, mysql.ER_TABLEACCESS_DENIED_ERROR:
		return fmt.Errorf("%w: %s; `rowcast check` prints the GRANT that is missing", ErrDenied, my.Message)
	case mysql.ER_NO_BINARY_LOGGING:
		return fmt.Errorf("%w: binary logging is off; set log_bin in the server's configuration and restart it", ErrNotReplicable)
	}
	return err
}

// plainError takes off go-mysql's layers, whose texts name its functions
// rather than what the operator can do.
func plainError(err error) error {
	if my, ok := errors.AsType[*mysql.MyError](err); ok {
		return my
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op
	}
	return err
}
