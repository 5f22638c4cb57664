package cdc

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/client"
)

// Level is how much a Finding matters.
type Level uint8

// Levels.
const (
	OK   Level = iota
	Warn       // rowcast runs, but not as well as it could
	Fail       // rowcast can't run
)

// String is the word that `rowcast check` prints.
func (l Level) String() string { return [...]string{"ok", "warn", "fail"}[l] }

// Finding is one thing that was looked at on the server.
type Finding struct {
	Level Level
	What  string // a server variable, or "version", "privileges", "server_id"
	Found string // its value, and what follows from it
	Fix   string // what mends it: SQL, or lines of the server's configuration; "" where nothing is to do
}

// String is one line.
func (f Finding) String() string {
	s := f.What + ": " + f.Found
	if f.Fix != "" {
		s += "; " + f.Fix
	}
	return s
}

// Preflight judges the server: its settings, what the account may do, and
// whether a server_id is taken. tables are names as in the config
// (schema.table, with *) that the account must be able to SELECT from. The
// error says that the server could not be asked.
func (s *Source) Preflight(ctx context.Context, tables ...string) ([]Finding, error) {
	c, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer quit(c)
	defer c.Quit() // said, so that the server logs no aborted connection
	stop := context.AfterFunc(ctx, func() { _ = c.Conn.Conn.Close() })
	defer stop()
	findings, err := preflight(c, s.identify(c), s.cfg.ServerID, tables)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return findings, err
}

// inspection is what a preflight knows of the server.
type inspection struct {
	flavor  Flavor
	vars    map[string]string // SHOW GLOBAL VARIABLES, names in lower case
	version [2]int
	query   func(sql string) ([][]string, error)

	account  string // as in GRANT … TO
	serverID uint32 // configured
	tables   []string
}

func preflight(c *client.Conn, flavor Flavor, serverID uint32, tables []string) ([]Finding, error) {
	in := &inspection{flavor: flavor, vars: map[string]string{}, serverID: serverID, tables: tables}
	in.query = func(sql string) ([][]string, error) { return textRows(c, sql) }
	rows, err := in.query("SHOW GLOBAL VARIABLES")
	if err != nil {
		return nil, fmt.Errorf("ask for the server's settings: %w", explain(unwrapTrace(err)))
	}
	for _, row := range rows {
		in.vars[strings.ToLower(row[0])] = row[1]
	}
	_, _ = fmt.Sscanf(in.vars["version"], "%d.%d", &in.version[0], &in.version[1])
	findings := []Finding{in.serverVersion(), in.logBin()}
	if findings[1].Level == Fail {
		return append(findings, in.privileges()...), nil // of a binlog that is off, nothing else is worth a line
	}
	for _, look := range []func() Finding{
		in.storageEngine, in.binlogFormat, in.rowImage, in.rowMetadata, in.rowValueOptions, in.retention,
		in.compression, in.syncBinlog, in.binlogFilter, in.replicated,
	} {
		if f := look(); f.What != "" {
			findings = append(findings, f)
		}
	}
	findings = append(findings, in.privileges()...)
	return append(findings, in.serverIDs()), nil
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

func (in *inspection) atLeast(major, minor int) bool {
	return in.version[0] > major || in.version[0] == major && in.version[1] >= minor
}
