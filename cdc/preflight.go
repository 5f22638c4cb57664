package cdc

import (
	"context"

	"rowcast/cdc/preflight"
)

// Preflight judges the server by preflight.Run. tables are names as in the config
// (schema.table, with *) that the account must be able to SELECT from.
func (s *Source) Preflight(ctx context.Context, tables ...string) ([]preflight.Finding, error) {
	c, err := s.connect(ctx)
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
				err = explain(err)
			}
			return rows, err
		},
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return findings, err
}
