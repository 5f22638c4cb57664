package cdc

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/internal/sqlname"
)

// standing reads a table's definition and the place in the binlog that it is of.
// An open transaction that has used the table keeps ALTER away from it: without
// that, a statement could be logged between the two, or be logged already and not
// yet be seen, and columns would be given each other's names.
func (s *Source) standing(c *client.Conn, name ddl.Name) (k knownTable, err error) {
	for _, q := range []string{
		fmt.Sprintf("SET SESSION lock_wait_timeout = %d, wait_timeout = %d", tableWait, connWait),
		"START TRANSACTION READ ONLY",
		"SELECT 1 FROM " + sqlname.Quote(name.Schema) + "." + sqlname.Quote(name.Table) + " LIMIT 0",
	} {
		r, err := c.Execute(q)
		if err != nil {
			return k, openError(unwrapTrace(err))
		}
		r.Close()
	}
	if k.def, err = LoadTableDef(c, s.identify(c), name.Schema, name.Table); err != nil {
		return k, err
	}
	if k.since, err = endOf(c); err != nil {
		return k, err
	}
	return k, c.Rollback()
}

// In seconds: how long a table that somebody has locked is waited for, and after
// how long the server ends our connection, should it hear no more of us: else it
// would keep everybody from altering the table for hours.
const (
	tableWait = 1
	connWait  = 10
)

// errBusy: a statement that alters or locks the table is under way, or waits for a
// transaction to end.
var errBusy = errors.New("the table is locked, or about to be altered")

// glimpse is standing for a table that is locked, as the restore of a dump does it
// for as long as it takes. It reads the definition twice, with the time of another
// wait between: it is of the second place if it did not change, nor does a
// statement between the two name the table.
func (s *Source) glimpse(ctx context.Context, c *client.Conn, name ddl.Name) (k knownTable, err error) {
	flavor := s.identify(c)
	first, err := bothOf(c, flavor, name)
	if err != nil {
		return k, err
	}
	if k, err = s.standing(c, name); !errors.Is(err, errBusy) {
		return k, err
	}
	if k, err = bothOf(c, flavor, name); err != nil {
		return k, err
	}
	between, err := s.statements(ctx, first.since, k.since)
	if err != nil {
		return k, err
	}
	altered := slices.ContainsFunc(between, func(x seenStatement) bool { return x.st.Touches(name.Schema, name.Table) })
	if altered || !reflect.DeepEqual(first.def, k.def) {
		return k, fmt.Errorf("%w: %s.%s is being altered", ErrSchema, name.Schema, name.Table)
	}
	return k, nil
}

// bothOf reads where the binlog ends and a definition, whatever happens meanwhile.
func bothOf(c *client.Conn, flavor Flavor, name ddl.Name) (k knownTable, err error) {
	if k.since, err = endOf(c); err != nil {
		return k, err
	}
	k.def, err = LoadTableDef(c, flavor, name.Schema, name.Table)
	return k, err
}

// openError judges why a table can't be used: it is not there for this account,
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
