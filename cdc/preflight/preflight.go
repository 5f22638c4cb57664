package preflight

import (
	"fmt"
	"strings"
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

// Server is the one to judge, and what is wanted of it.
type Server struct {
	MariaDB  bool
	ServerID uint32                               // as configured; 0: one is picked
	Tables   []string                             // schema.table, with * for any: what the account must be able to SELECT from
	Query    func(sql string) ([][]string, error) // NULL is ""; it takes newer spellings of SHOW statements for older ones where it has to
}

// inspection is what a run knows of the server.
type inspection struct {
	Server
	vars    map[string]string // SHOW GLOBAL VARIABLES, names in lower case
	version [2]int
	account string // as in GRANT … TO
}

// Run judges the server: its settings, what the account may do, and whether a
// server_id is taken. The error says that the server could not be asked.
func Run(s Server) ([]Finding, error) {
	in := &inspection{Server: s, vars: map[string]string{}}
	rows, err := in.Query("SHOW GLOBAL VARIABLES")
	if err != nil {
		return nil, fmt.Errorf("ask for the server's settings: %w", err)
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

func (in *inspection) atLeast(major, minor int) bool {
	return in.version[0] > major || in.version[0] == major && in.version[1] >= minor
}
