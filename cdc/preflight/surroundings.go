package preflight

import (
	"fmt"
	"strconv"
)

// What depends on the servers around: other replicas, filters, a source above.

// binlogFilter: a database that is not logged is silent.
func (in *inspection) binlogFilter() Finding {
	rows, err := in.Query("SHOW BINARY LOG STATUS")
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
	if !in.replicates() {
		return Finding{}
	}
	return Finding{Warn, name, "OFF on a replica: what it replicates is not in its own binlog",
		"set " + name + " = ON under " + in.section() + " in the server's configuration and restart it, or read from its source"}
}

// replicates tells whether the server is a replica. MariaDB answers the first
// question only to accounts with REPLICA MONITOR.
func (in *inspection) replicates() bool {
	rows, err := in.Query("SHOW REPLICA STATUS")
	if err == nil {
		return len(rows) > 0
	}
	rows, err = in.Query("SHOW GLOBAL STATUS LIKE 'Slaves_running'")
	return err == nil && len(rows) > 0 && rows[0][1] != "0"
}

// serverIDs: of two dumps with one server_id, the server ends the first.
func (in *inspection) serverIDs() Finding {
	f := Finding{What: "server_id"}
	own := in.vars["server_id"]
	if own == "0" {
		return Finding{Fail, "server_id", "0: a server without an id serves no binlog", in.set("server_id", "1")}
	}
	if in.ServerID != 0 && own == strconv.FormatUint(uint64(in.ServerID), 10) {
		return Finding{Fail, "server_id", own + " is the server's own", "choose another [source] server_id, or 0 to have one picked"}
	}
	replicas, err := in.Query("SHOW REPLICAS")
	if in.ServerID == 0 {
		f.Found = "0: one that no replica uses is picked"
		return f
	}
	f.Found = fmt.Sprint(in.ServerID)
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
	if in.MariaDB {
		return "REPLICATION MASTER ADMIN"
	}
	return "REPLICATION SLAVE"
}
