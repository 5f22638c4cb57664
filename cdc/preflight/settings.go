package preflight

import (
	"fmt"
	"strconv"
	"strings"
)

// set is the SQL that changes a variable for good.
func (in *inspection) set(name, value string) string {
	if !in.MariaDB {
		return fmt.Sprintf("SET PERSIST %s = %s", name, value)
	}
	return fmt.Sprintf("SET GLOBAL %s = %s (and %s = %s under [mariadbd] in its configuration, for the next start)",
		name, value, name, strings.Trim(value, "'"))
}

// section of the server's configuration file.
func (in *inspection) section() string {
	if !in.MariaDB {
		return "[mysqld]"
	}
	return "[mariadbd]"
}

func (in *inspection) serverVersion() Finding {
	version := in.vars["version"]
	f := Finding{What: "version"}
	if in.MariaDB {
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
	if !in.MariaDB {
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
