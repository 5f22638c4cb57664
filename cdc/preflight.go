package cdc

import (
	"context"
	"fmt"
	"strconv"
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
	defer c.Close()
	defer c.Quit() // said, so that the server logs no aborted connection
	stop := context.AfterFunc(ctx, func() { _ = c.Conn.Close() })
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

// set is the SQL that changes a variable for good.
func (in *inspection) set(name, value string) string {
	if in.flavor == MySQL {
		return fmt.Sprintf("SET PERSIST %s = %s", name, value)
	}
	return fmt.Sprintf("SET GLOBAL %s = %s (and %s = %s under [mariadbd] in its configuration, for the next start)",
		name, value, name, strings.Trim(value, "'"))
}

// section of the server's configuration file.
func (in *inspection) section() string {
	if in.flavor == MySQL {
		return "[mysqld]"
	}
	return "[mariadbd]"
}

func (in *inspection) serverVersion() Finding {
	version := in.vars["version"]
	f := Finding{What: "version"}
	if in.flavor == MariaDB {
		f.Found = "MariaDB " + version
		if !in.atLeast(10, 6) {
			f.Level, f.Found, f.Fix = Fail, f.Found+" is too old", "upgrade to MariaDB 10.6 or later"
		}
		return f
	}
	f.Found = "MySQL " + version
	switch {
	case !in.atLeast(8, 0):
		f.Level, f.Found, f.Fix = Fail, f.Found+" is too old", "upgrade to MySQL 8.0 or later"
	case in.atLeast(10, 0):
		f.Level, f.Found = Warn, f.Found+" is newer than what rowcast was tested with (8.0 to 9.x)"
	}
	return f
}

// on reads a boolean variable, which servers print in two ways.
func (in *inspection) on(name string) bool {
	v := in.vars[name]
	return strings.EqualFold(v, "ON") || v == "1"
}

func (in *inspection) logBin() Finding {
	if in.on("log_bin") {
		return Finding{What: "log_bin", Found: "ON"}
	}
	f := Finding{Fail, "log_bin", "OFF: the server writes no binlog",
		"set log_bin = binlog under " + in.section() + " in the server's configuration and restart it"}
	if in.flavor == MySQL {
		f.Fix = "remove skip_log_bin or disable_log_bin from the server's configuration, or set log_bin = binlog under [mysqld], and restart it"
	}
	return f
}

// storageEngine: MariaDB 12.3 can keep the binlog in InnoDB, where there are no
// files and offsets that an id could name.
func (in *inspection) storageEngine() Finding {
	engine := in.vars["binlog_storage_engine"]
	if engine == "" {
		return Finding{}
	}
	return Finding{Fail, "binlog_storage_engine", engine + ": such a binlog has no files and offsets, which event ids are made of",
		"remove binlog_storage_engine from the server's configuration and restart it"}
}

func (in *inspection) binlogFormat() Finding {
	format := in.vars["binlog_format"]
	if format == "" || strings.EqualFold(format, "ROW") { // a MySQL without the variable knows no other
		return Finding{What: "binlog_format", Found: "ROW"}
	}
	return Finding{Fail, "binlog_format", format + ": changes are logged as statements, which do not tell the rows",
		in.set("binlog_format", "'ROW'") + "; sessions that are open keep theirs until they connect again"}
}

func (in *inspection) rowImage() Finding {
	image := in.vars["binlog_row_image"]
	if strings.EqualFold(image, "FULL") {
		return Finding{What: "binlog_row_image", Found: image}
	}
	return Finding{Warn, "binlog_row_image", image + ": columns that an update did not change are left out of its events, and can't be filtered by",
		in.set("binlog_row_image", "'FULL'")}
}

func (in *inspection) rowMetadata() Finding {
	metadata, ok := in.vars["binlog_row_metadata"]
	if !ok || strings.EqualFold(metadata, "FULL") {
		return Finding{What: "binlog_row_metadata", Found: metadata}
	}
	return Finding{Warn, "binlog_row_metadata", metadata + ": the binlog has no column names; they are looked up in information_schema, and events from before an ALTER TABLE can't be read",
		in.set("binlog_row_metadata", "'FULL'")}
}

func (in *inspection) rowValueOptions() Finding {
	options, ok := in.vars["binlog_row_value_options"]
	if !ok {
		return Finding{}
	}
	f := Finding{What: "binlog_row_value_options", Found: options}
	switch {
	case options == "":
		f.Found = "none"
	case strings.EqualFold(in.vars["binlog_row_image"], "FULL"):
		f.Found = options + ": fine, since binlog_row_image is FULL"
	default:
		f.Level, f.Found = Warn, options+": of JSON documents only parts are logged, which can't be put together unless binlog_row_image is FULL"
		f.Fix = in.set("binlog_row_value_options", "''")
	}
	return f
}

// retention is how long a client may be away.
func (in *inspection) retention() Finding {
	name := "binlog_expire_logs_seconds"
	text, ok := in.vars[name]
	seconds, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil {
		name = "expire_logs_days"
		seconds, _ = strconv.ParseFloat(in.vars[name], 64)
		seconds *= 86400
	}
	f := Finding{What: name}
	switch {
	case seconds == 0, in.vars["binlog_expire_logs_auto_purge"] == "OFF":
		f.Found = "never by age: purge the binlog by hand before the disk is full"
	case seconds < 3600:
		f.Level, f.Found = Warn, fmt.Sprintf("%.0f seconds: who is away for longer misses changes and gets a reset", seconds)
		f.Fix = in.set("binlog_expire_logs_seconds", "604800")
	case seconds < 2*86400:
		f.Found = fmt.Sprintf("%.0f hours", seconds/3600)
	default:
		f.Found = fmt.Sprintf("%.0f days", seconds/86400)
	}
	if most := in.vars["max_binlog_total_size"]; most != "" && most != "0" {
		f.Found += ", or " + most + " bytes (max_binlog_total_size)"
	}
	return f
}

func (in *inspection) compression() Finding {
	for _, name := range []string{"binlog_transaction_compression", "log_bin_compress"} {
		if v, ok := in.vars[name]; ok {
			return Finding{What: name, Found: v}
		}
	}
	return Finding{}
}

func (in *inspection) syncBinlog() Finding {
	v := in.vars["sync_binlog"]
	if v == "1" {
		return Finding{What: "sync_binlog", Found: v}
	}
	return Finding{Warn, "sync_binlog", v + ": when the machine crashes, changes that clients have seen may be gone, and others take their ids",
		in.set("sync_binlog", "1")}
}

// binlogFilter: a database that is not logged is silent.
func (in *inspection) binlogFilter() Finding {
	rows, err := in.query("SHOW BINARY LOG STATUS")
	if err != nil {
		rows, err = in.query("SHOW MASTER STATUS")
	}
	if err != nil || len(rows) == 0 || len(rows[0]) < 4 {
		return Finding{} // the privilege is missing, which has a line of its own
	}
	for i, name := range []string{"binlog_do_db", "binlog_ignore_db"} {
		if list := rows[0][2+i]; list != "" {
			return Finding{Warn, name, list + ": not every database is logged",
				"remove " + name + " from the server's configuration and restart it, unless no other database is published"}
		}
	}
	return Finding{}
}

// replicated: what a replica takes over from its own source is in its binlog
// only with log_replica_updates, which MariaDB has off by default.
func (in *inspection) replicated() Finding {
	name := "log_replica_updates"
	if _, ok := in.vars[name]; !ok {
		name = "log_slave_updates"
	}
	if in.on(name) {
		return Finding{}
	}
	rows, err := in.query("SHOW REPLICA STATUS")
	if err != nil || len(rows) == 0 {
		return Finding{}
	}
	return Finding{Warn, name, "OFF on a replica: what it replicates is not in its own binlog",
		"set " + name + " = ON under " + in.section() + " in the server's configuration and restart it, or read from its source"}
}

// serverIDs: of two dumps with one server_id, the server ends the first.
func (in *inspection) serverIDs() Finding {
	f := Finding{What: "server_id"}
	own := in.vars["server_id"]
	if own == "0" {
		return Finding{Fail, "server_id", "0: a server without an id serves no binlog", in.set("server_id", "1")}
	}
	if in.serverID != 0 && own == strconv.FormatUint(uint64(in.serverID), 10) {
		return Finding{Fail, "server_id", own + " is the server's own", "choose another [source] server_id, or 0 to have one picked"}
	}
	replicas, err := in.query("SHOW REPLICAS")
	if err != nil {
		replicas, err = in.query("SHOW SLAVE HOSTS")
	}
	if in.serverID == 0 {
		f.Found = "0: one that no replica uses is picked"
		return f
	}
	f.Found = fmt.Sprint(in.serverID)
	if err != nil {
		f.Level, f.Found = Warn, f.Found+": whether a replica uses it can't be seen"
		f.Fix = "GRANT " + in.mayListReplicas() + " ON *.* TO " + in.account
		return f
	}
	for _, row := range replicas {
		if row[0] == f.Found {
			f.Level = Warn
			f.Found += " is in use by a replica"
			if len(row) > 1 && row[1] != "" {
				f.Found += " on " + row[1]
			}
			f.Fix = "unless that is this rowcast itself, choose another [source] server_id, or 0 to have one picked"
			return f
		}
	}
	f.Found += ": no replica uses it"
	return f
}

func (in *inspection) mayListReplicas() string {
	if in.flavor == MariaDB {
		return "REPLICATION MASTER ADMIN"
	}
	return "REPLICATION SLAVE"
}
