package cdc

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/internal/schema"
	"rowcast/cdc/internal/sqlname"
)

// In seconds: how long to wait for a locked table, and how long the server keeps our
// idle connection. Without the second limit a dead connection would block ALTER for hours.
const (
	tableWait = 1
	connWait  = 10
)

// errBusy: a statement that alters or locks the table is under way, or waits for a
// transaction to end.
var errBusy = errors.New("the table is locked, or about to be altered")

// load asks the server for a table's definition and the place in the binlog that it is of.
func (rd *reading) load(ctx context.Context, name ddl.Name) (definition, error) {
	conn, err := rd.connect(ctx)
	if err != nil {
		return definition{}, err
	}
	defer quit(conn)
	d, err := rd.lockedDefinition(conn, name)
	if errors.Is(err, errBusy) {
		d, err = rd.optimisticDefinition(ctx, conn, name)
	}
	if err != nil {
		return d, fmt.Errorf("read the columns of %s.%s: %w", name.Schema, name.Table, err)
	}
	return d, nil
}

// lockedDefinition reads a table's definition and its place under a metadata lock:
// an open transaction that has used the table keeps ALTER away from it. Without
// that, a statement could be logged between the two, or be logged already and not
// yet be visible, and columns would get each other's names.
func (s *Source) lockedDefinition(c *client.Conn, name ddl.Name) (d definition, err error) {
	for _, q := range []string{
		fmt.Sprintf("SET SESSION lock_wait_timeout = %d, wait_timeout = %d", tableWait, connWait),
		"START TRANSACTION READ ONLY",
		"SELECT 1 FROM " + sqlname.Quote(name.Schema) + "." + sqlname.Quote(name.Table) + " LIMIT 0",
	} {
		r, err := c.Execute(q)
		if err != nil {
			return d, openError(plainError(err))
		}
		r.Close()
	}
	if d.def, err = schema.Load(c, name.Schema, name.Table); err != nil {
		return d, err
	}
	if d.at, err = endOf(c); err != nil {
		return d, err
	}
	return d, c.Rollback()
}

// optimisticDefinition serves tables that stay locked, as during a restore. It reads
// the definition twice, one lock wait apart, and trusts it if both readings agree and
// no statement that was logged in between names the table.
func (rd *reading) optimisticDefinition(ctx context.Context, c *client.Conn, name ddl.Name) (d definition, err error) {
	first, err := unlockedDefinition(c, name)
	if err != nil {
		return d, err
	}
	if d, err = rd.lockedDefinition(c, name); !errors.Is(err, errBusy) {
		return d, err
	}
	if d, err = unlockedDefinition(c, name); err != nil {
		return d, err
	}
	between, err := rd.alterations(ctx, first.at, d.at)
	if err != nil {
		return d, err
	}
	if touching(between, name) != nil || !reflect.DeepEqual(first.def, d.def) {
		return d, fmt.Errorf("%w: %s.%s is being altered", ErrSchema, name.Schema, name.Table)
	}
	return d, nil
}

// unlockedDefinition reads where the binlog ends and then a definition, whatever
// happens meanwhile.
func unlockedDefinition(c *client.Conn, name ddl.Name) (d definition, err error) {
	if d.at, err = endOf(c); err != nil {
		return d, err
	}
	d.def, err = schema.Load(c, name.Schema, name.Table)
	return d, err
}

// openError classifies why a table can't be used: it is not there for this account,
// it is in use, or anything else, which may pass.
func openError(err error) error {
	var my *mysql.MyError
	if !errors.As(err, &my) {
		return explain(err)
	}
	switch my.Code {
	case mysql.ER_NO_SUCH_TABLE, mysql.ER_BAD_DB_ERROR, mysql.ER_DBACCESS_DENIED_ERROR, mysql.ER_TABLEACCESS_DENIED_ERROR,
		mysql.ER_COLUMNACCESS_DENIED_ERROR, mysql.ER_VIEW_INVALID, 1932 /* ER_NO_SUCH_TABLE_IN_ENGINE */ :
		return fmt.Errorf("%w: %s; check the name, and that the account may SELECT from it", ErrNoTable, my.Message)
	case mysql.ER_LOCK_WAIT_TIMEOUT, mysql.ER_QUERY_INTERRUPTED, 3024 /* ER_QUERY_TIMEOUT */, 1969 /* MariaDB: ER_STATEMENT_TIMEOUT */ :
		return fmt.Errorf("%w (%s)", errBusy, my.Message)
	}
	return err
}
