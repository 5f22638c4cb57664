package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/client"

	"rowcast/cdc"
	"rowcast/filters"
)

// verdict is what was found of one stream on the live server.
type verdict struct {
	stream filters.Info
	tables []*cdc.TableDef
	errs   []error
	warns  []string
}

// judgeTables holds each stream against the tables that the server has. The
// error says that the server could not be asked.
func judgeTables(ctx context.Context, src *cdc.Source, conf *config, set *filters.Set) ([]verdict, error) {
	c, err := src.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Conn.Conn.Close() })
	defer stop()
	at, err := src.Now(ctx)
	if err != nil && !errors.Is(err, cdc.ErrNotReplicable) && !errors.Is(err, cdc.ErrDenied) { // these the preflight tells
		return nil, err
	}
	var all []verdict
	for i, info := range set.Streams() {
		v := verdict{stream: info}
		if err := v.judge(c, src.Status().Flavor, conf, set, i, at); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

func (v *verdict) judge(c *client.Conn, flavor cdc.Flavor, conf *config, set *filters.Set, i int, at cdc.Position) error {
	schema, table, _ := strings.Cut(v.stream.Table, ".")
	if entry := conf.Tables[i]; entry.Before && entry.Data != "" && entry.Data != "change" {
		v.warns = append(v.warns, fmt.Sprintf(`before does nothing with data = %q; data = "change" carries the old row too`, entry.Data))
	}
	if strings.Contains(v.stream.Table, "*") {
		defs, err := cdc.LoadTableDefs(c, flavor, schema, table)
		if err != nil {
			return err
		}
		if len(defs) == 0 {
			v.warns = append(v.warns, fmt.Sprintf("no table matches %s yet, or the account may not SELECT from any", v.stream.Table))
		}
		v.tables = defs
	} else {
		def, err := cdc.LoadTableDef(c, flavor, schema, table)
		switch {
		case errors.Is(err, cdc.ErrNoTable), err == nil && (def.Schema != schema || def.Name != table):
			why, err := noTable(c, schema, table)
			if err != nil {
				return err
			}
			v.errs = append(v.errs, conf.placed(&filters.Error{Line: conf.Tables[i].Line, Key: "name", Msg: why}))
			return nil
		case err != nil:
			return err
		}
		v.tables = []*cdc.TableDef{def}
	}
	for _, def := range v.tables {
		t := def.Table()
		for _, err := range set.CheckTable(i, t, at) {
			v.errs = append(v.errs, conf.placed(err))
		}
		if warning := set.KeyWarning(i, t); warning != "" {
			v.warns = append(v.warns, warning)
		}
	}
	return nil
}

// noTable says what is there instead.
func noTable(c *client.Conn, schema, table string) (string, error) {
	r, err := c.Execute("SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?", schema)
	if err != nil {
		return "", fmt.Errorf("list the tables of %s: %w", schema, err)
	}
	defer r.Close()
	var names []string
	for i := range r.RowNumber() {
		name, _ := r.GetString(i, 0)
		kind, _ := r.GetString(i, 1)
		if name == table && strings.Contains(kind, "VIEW") {
			return fmt.Sprintf("%s.%s is a view, and the binlog knows tables only; publish what it is made of", schema, table), nil
		}
		names = append(names, strings.Clone(name))
	}
	if len(names) > 0 {
		return fmt.Sprintf("there is no table %s in database %s%s, or the account may not SELECT from it", table, schema, didYouMean(table, names)), nil
	}
	schemas, err := c.Execute("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
	if err != nil {
		return "", fmt.Errorf("list the databases: %w", err)
	}
	defer schemas.Close()
	for i := range schemas.RowNumber() {
		name, _ := schemas.GetString(i, 0)
		names = append(names, strings.Clone(name))
	}
	return fmt.Sprintf("there is no table in a database %s%s, or the account may not SELECT from it", schema, didYouMean(schema, names)), nil
}
