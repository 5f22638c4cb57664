package preflight

import (
	"fmt"
	"testing"
)

// What no server here has.
func TestPreflightOtherServers(t *testing.T) {
	noQuery := func(string) ([][]string, error) { return nil, nil }
	for _, tc := range []struct {
		maria bool
		vars  map[string]string
		look  func(*inspection) Finding
		want  Level
	}{
		{false, map[string]string{"version": "5.7.44-log"}, (*inspection).serverVersion, Fail},
		{false, map[string]string{"version": "8.0.40"}, (*inspection).serverVersion, OK},
		{false, map[string]string{"version": "10.1.0"}, (*inspection).serverVersion, Warn},
		{true, map[string]string{"version": "10.5.9-MariaDB"}, (*inspection).serverVersion, Fail},
		{true, map[string]string{"version": "12.3.1-MariaDB"}, (*inspection).serverVersion, OK},
		{true, map[string]string{"binlog_storage_engine": "innodb"}, (*inspection).storageEngine, Fail},
		{true, map[string]string{"expire_logs_days": "10"}, (*inspection).retention, OK},
		{false, map[string]string{"binlog_expire_logs_seconds": "0"}, (*inspection).retention, OK},
		{false, map[string]string{"binlog_expire_logs_seconds": "60", "binlog_expire_logs_auto_purge": "OFF"}, (*inspection).retention, OK},
		{false, map[string]string{}, (*inspection).binlogFormat, OK},
		{true, map[string]string{"log_slave_updates": "OFF"}, (*inspection).replicated, OK},
	} {
		in := &inspection{Server: Server{MariaDB: tc.maria, Query: noQuery}, vars: tc.vars}
		_, _ = fmt.Sscanf(tc.vars["version"], "%d.%d", &in.version[0], &in.version[1])
		if f := tc.look(in); f.Level != tc.want {
			t.Errorf("%v: %v %v", tc.vars, f.Level, f)
		}
	}
	in := &inspection{Server: Server{MariaDB: true}, vars: map[string]string{"log_slave_updates": "OFF"}}
	in.Query = func(string) ([][]string, error) { return [][]string{{"Waiting"}}, nil }
	if f := in.replicated(); f.Level != Warn {
		t.Error(f)
	}
	in.Query = func(string) ([][]string, error) { return [][]string{{"binlog.000001", "4", "", "draft"}}, nil }
	if f := in.binlogFilter(); f.Level != Warn || f.What != "binlog_ignore_db" {
		t.Error(f)
	}
}
