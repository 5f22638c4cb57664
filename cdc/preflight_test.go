package cdc

import (
	"fmt"
	"strings"
	"testing"

	"rowcast/cdc/preflight"
	"rowcast/internal/throwaway"
)

// findings runs a preflight as an account; the variable's last finding is kept.
func findings(t *testing.T, s *throwaway.Server, user string, serverID uint32, tables ...string) map[string][]preflight.Finding {
	t.Helper()
	cfg := Config{Addr: s.Addr(), User: user, Password: "p", ServerID: serverID}
	if user == s.User() {
		cfg.Password = s.Password()
	}
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	list, err := src.Preflight(t.Context(), tables...)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string][]preflight.Finding{}
	for _, f := range list {
		byName[f.What] = append(byName[f.What], f)
		if strings.Contains(f.String(), "\n") || f.Level == preflight.Fail && f.Fix == "" {
			t.Errorf("not one line with a fix: %q", f)
		}
	}
	return byName
}

// level is the worst of what was found of one thing.
func level(list []preflight.Finding) preflight.Level {
	worst := preflight.OK
	for _, f := range list {
		worst = max(worst, f.Level)
	}
	return worst
}

func TestPreflightDefaults(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		found := findings(t, s, s.User(), 0, "draft.picks", "draft.*", "*.*")
		for what, list := range found {
			if want := what == "binlog_row_metadata"; (level(list) != preflight.OK) != want {
				t.Errorf("%v", list)
			}
		}
		for _, what := range []string{"version", "log_bin", "binlog_format", "binlog_row_image", "privileges", "server_id", "sync_binlog"} {
			if len(found[what]) == 0 {
				t.Errorf("nothing about %s", what)
			}
		}
	})
}

// Each setting is spoilt, told with its SQL, and mended by just that SQL.
func TestPreflightSettings(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		type spoilt struct {
			spoil, what string
			want        preflight.Level
		}
		cases := []spoilt{
			{"SET GLOBAL binlog_format = 'STATEMENT'", "binlog_format", preflight.Fail},
			{"SET GLOBAL binlog_format = 'MIXED'", "binlog_format", preflight.Fail},
			{"SET GLOBAL binlog_row_image = 'MINIMAL'", "binlog_row_image", preflight.Warn},
			{"SET GLOBAL binlog_row_metadata = 'MINIMAL'", "binlog_row_metadata", preflight.Warn},
			{"SET GLOBAL binlog_expire_logs_seconds = 60", "binlog_expire_logs_seconds", preflight.Warn},
			{"SET GLOBAL sync_binlog = 0", "sync_binlog", preflight.Warn},
		}
		if flavor == throwaway.MySQL {
			cases = append(cases, []spoilt{
				{"SET GLOBAL server_id = 0", "server_id", preflight.Fail}, // MariaDB takes it for 1
				{"SET GLOBAL binlog_row_value_options = 'PARTIAL_JSON', GLOBAL binlog_row_image = 'NOBLOB'", "binlog_row_value_options", preflight.Warn},
			}...)
		} else if found := findings(t, s, s.User(), 0); level(found["binlog_expire_logs_seconds"]) != preflight.OK {
			t.Error(found["binlog_expire_logs_seconds"])
		}
		for _, tc := range cases {
			exec(t, s, tc.spoil)
			list := findings(t, s, s.User(), 0)[tc.what]
			if level(list) != tc.want {
				t.Errorf("%s: %v", tc.spoil, list)
				continue
			}
			fix := list[0].Fix
			for _, end := range []string{"; ", " (and "} {
				fix, _, _ = strings.Cut(fix, end)
			}
			exec(t, s, fix)
			if list := findings(t, s, s.User(), 0)[tc.what]; level(list) != preflight.OK {
				t.Errorf("%s does not mend %s: %v", fix, tc.spoil, list)
			}
		}
	})
}

func TestPreflightWithoutBinlog(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor, "--skip-log-bin")
		list := findings(t, s, s.User(), 0)["log_bin"]
		if level(list) != preflight.Fail || !strings.Contains(list[0].Fix, "log_bin = binlog") {
			t.Error(list)
		}
	})
}

func TestPreflightPrivileges(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		exec(t, s, "CREATE DATABASE draft", "CREATE TABLE draft.picks (id INT, email TEXT)", "CREATE TABLE draft.teams (id INT)",
			"CREATE DATABASE dra_t", "CREATE TABLE dra_t.x (id INT)")
		monitor := "REPLICATION CLIENT"
		if flavor == throwaway.MariaDB {
			monitor = "BINLOG MONITOR"
		}
		n := 0
		try := func(want string, tables []string, grants ...string) {
			t.Helper()
			n++
			user := fmt.Sprintf("u%d", n)
			account := "'" + user + "'@'%'"
			exec(t, s, "CREATE USER "+account+" IDENTIFIED BY 'p'")
			for _, g := range grants {
				exec(t, s, strings.ReplaceAll(g, "USER", account))
			}
			var got, fixes []string
			for _, f := range findings(t, s, user, 0, tables...)["privileges"] {
				if f.Level != preflight.OK {
					got = append(got, f.Level.String()+": "+f.Found+"; "+f.Fix)
					fixes = append(fixes, f.Fix)
				}
			}
			want = strings.NewReplacer("USER", account, "MONITOR", monitor).Replace(want)
			if strings.Join(got, "\n") != want {
				t.Errorf("%v:\n got %s\nwant %s", grants, strings.Join(got, "\n"), want)
			}
			if want == "" {
				return
			}
			exec(t, s, fixes...)
			if list := findings(t, s, user, 0, tables...)["privileges"]; level(list) != preflight.OK {
				t.Errorf("%v mends nothing: %v", fixes, list)
			}
		}
		picks := []string{"draft.picks"}
		try("fail: USER lacks REPLICATION SLAVE, MONITOR; GRANT REPLICATION SLAVE, MONITOR ON *.* TO USER\n"+
			"fail: USER may not SELECT from draft.picks; GRANT SELECT ON `draft`.`picks` TO USER", picks)
		try("fail: USER lacks MONITOR; GRANT MONITOR ON *.* TO USER", picks, "GRANT REPLICATION SLAVE, SELECT ON *.* TO USER")
		try("", []string{"draft.picks", "*.*"}, "GRANT ALL PRIVILEGES ON *.* TO USER")
		both := "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO USER"
		try("", picks, both, "GRANT SELECT ON draft.* TO USER")
		try("", []string{"draft.picks", "dra_t.x"}, both, "GRANT SELECT ON `dra_t`.* TO USER")
		try("fail: USER may not SELECT from draft.picks; GRANT SELECT ON `draft`.`picks` TO USER", picks, both, "GRANT SELECT ON `dra\\_t`.* TO USER")
		try("", picks, both, "GRANT SELECT (id), INSERT (id, email) ON draft.picks TO USER")
		try("warn: USER may not SELECT from all of draft.*; tables that it may not see can't be checked; GRANT SELECT ON `draft`.* TO USER",
			[]string{"draft.*"}, both, "GRANT SELECT ON draft.picks TO USER")
		if flavor == throwaway.MySQL {
			exec(t, s, "CREATE ROLE reader", "GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO reader")
			try("", picks, "GRANT reader TO USER", "SET DEFAULT ROLE reader TO USER")
			exec(t, s, "SET GLOBAL partial_revokes = ON")
			try("fail: USER may not SELECT from draft.picks; GRANT SELECT ON `draft`.`picks` TO USER", picks, both,
				"GRANT SELECT ON *.* TO USER", "REVOKE SELECT ON draft.* FROM USER")
		} else {
			exec(t, s, "CREATE ROLE reader", "GRANT REPLICATION SLAVE, BINLOG MONITOR, SELECT ON *.* TO reader")
			try("", picks, "GRANT reader TO USER", "SET DEFAULT ROLE reader FOR USER")
		}
	})
}

// A server_id that is the server's own, or that a running replica has.
func TestPreflightServerID(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		if list := findings(t, s, s.User(), 1)["server_id"]; level(list) != preflight.Fail {
			t.Error(list)
		}
		exec(t, s, "CREATE USER 'u'@'%' IDENTIFIED BY 'p'", "GRANT ALL PRIVILEGES ON *.* TO 'u'@'%'")
		if list := findings(t, s, "u", 4711)["server_id"]; level(list) != preflight.OK {
			t.Error(list)
		}
		if flavor == throwaway.MariaDB {
			list := findings(t, s, s.User(), 4711)["server_id"]
			if level(list) != preflight.Warn || !strings.Contains(list[0].Fix, "GRANT REPLICATION MASTER ADMIN ON *.* TO 'rowcast'@") {
				t.Error(list)
			}
		}
		src, err := New(Config{Addr: s.Addr(), User: s.User(), Password: s.Password(), ServerID: 4711})
		if err != nil {
			t.Fatal(err)
		}
		read(t, src, Position{}, newRecorder())
		poll(t, "the replica to be seen", func() bool { return level(findings(t, s, "u", 4711)["server_id"]) == preflight.Warn })
	})
}

func TestPreflightUnreachable(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		src, err := New(Config{Addr: s.Addr(), User: s.User(), Password: "wrong"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := src.Preflight(t.Context()); !fatal(err) || strings.Contains(err.Error(), "\n") {
			t.Error(err)
		}
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if _, err := src.Preflight(t.Context()); err == nil || fatal(err) {
			t.Error(err)
		}
	})
}
