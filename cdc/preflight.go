package cdc

import (
	"context"
	"strings"

	"github.com/go-mysql-org/go-mysql/client"

	"rowcast/cdc/preflight"
)

// Preflight judges the server by preflight.Run. tables are names as in the config
// (schema.table, with *) that the account must be able to SELECT from.
func (s *Source) Preflight(ctx context.Context, tables ...string) ([]preflight.Finding, error) {
	c, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer quit(c)
	findings, err := preflight.Run(preflight.Server{
		MariaDB:  s.identify(c) == MariaDB,
		ServerID: s.cfg.ServerID,
		Tables:   tables,
		Query: func(sql string) ([][]string, error) {
			rows, err := textRows(c, sql)
			if err != nil {
				err = explain(unwrapTrace(err))
			}
			return rows, err
		},
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return findings, err
}

// textRows runs a query whose answer is small; NULL is "".
func textRows(c *client.Conn, sql string) ([][]string, error) {
	r, err := c.Execute(sql)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Resultset == nil {
		return nil, nil
	}
	rows := make([][]string, r.RowNumber())
	for i := range rows {
		for j := range r.ColumnNumber() {
			if null, err := r.IsNull(i, j); err == nil && null {
				rows[i] = append(rows[i], "")
				continue
			}
			s, err := r.GetString(i, j)
			if err != nil {
				return nil, err
			}
			rows[i] = append(rows[i], strings.Clone(s))
		}
	}
	return rows, nil
}
