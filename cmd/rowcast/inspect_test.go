package main

import (
	"net"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// What an operator may have got wrong, and the one line that `serve` ends with.
func TestServeRefuses(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		exec(t, s, "CREATE USER 'nobody'@'%' IDENTIFIED BY 'rowcast'", "GRANT SELECT ON draft.* TO 'nobody'@'%'", "CREATE VIEW draft.v AS SELECT 1")
		monitor := "REPLICATION CLIENT"
		if f == throwaway.MariaDB {
			monitor = "BINLOG MONITOR"
		}
		fresh := configFor(s, twoStreams)
		type mistake struct{ config, want string }
		cases := map[string]mistake{
			"wrong password": {strings.Replace(fresh, `password = "rowcast"`, `password = "hush"`, 1),
				"check [source] user and password"},
			"missing privilege": {strings.Replace(fresh, `user = "rowcast"`, `user = "nobody"`, 1),
				"privileges: 'nobody'@'%' lacks REPLICATION SLAVE, " + monitor + "; GRANT REPLICATION SLAVE, " + monitor + " ON *.* TO 'nobody'@'%'"},
			"unknown table": {strings.Replace(fresh, "draft.picks", "draft.pick", 1),
				`:11: table.name: there is no table pick in database draft, did you mean picks?, or the account may not SELECT from it`},
			"unknown database": {strings.Replace(fresh, "draft.picks", "darft.picks", 1),
				`:11: table.name: there is no table in a database darft, did you mean draft?, or the account may not SELECT from it`},
			"view": {strings.Replace(fresh, "draft.picks", "draft.v", 1),
				`:11: table.name: draft.v is a view, and the binlog knows tables only; publish the tables that it reads`},
			"unknown column": {fresh + "columns = [\"id\", \"nmae\"]\n",
				`table.columns: "nmae" is not a column of draft.teams`},
		}
		if f == throwaway.MariaDB {
			exec(t, s, "CREATE SEQUENCE draft.sq")
			cases["sequence"] = mistake{strings.Replace(fresh, "draft.picks", "draft.sq", 1),
				`:11: table.name: draft.sq is a sequence, whose numbers are not rows; publish the tables that use it`}
		}
		for name, tc := range cases {
			t.Run(name, func(t *testing.T) {
				code, _, stderr := command(t, "serve", "--config", writeConfig(t, tc.config))
				lines := strings.Split(strings.TrimSpace(stderr), "\n")
				if last := lines[len(lines)-1]; code != 1 || !strings.HasPrefix(last, "rowcast: ") || !strings.Contains(last, tc.want) {
					t.Errorf("exit %d, %q\nwant %s", code, stderr, tc.want)
				}
				if strings.Contains(stderr, "hush") {
					t.Errorf("the password is told: %s", stderr)
				}
				code, stdout, stderr := command(t, "check", "--config", writeConfig(t, tc.config))
				if code != 1 || stderr != "" || !strings.Contains(stdout, tc.want) || !strings.Contains(stdout, "fail  ") {
					t.Errorf("check: exit %d, %q %q", code, stdout, stderr)
				}
			})
		}
	})
}

// TestServeRefusesCase: a server that keeps names in lower case has no others.
func TestServeRefusesCase(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f, "--lower-case-table-names=1")
		for name, want := range map[string]string{"draft.Picks": "draft.picks", "Draft.*": "draft.*"} {
			config := configFor(s, "[[table]]\nname = \""+name+"\"\n")
			code, stdout, stderr := command(t, "check", "--config", writeConfig(t, config))
			if code != 1 || stderr != "" || !strings.Contains(stdout, `table.name: the server keeps names in lower case (lower_case_table_names); write "`+want+`"`) {
				t.Errorf("%s: exit %d, %q %q", name, code, stdout, stderr)
			}
		}
	})
}

func TestServeRefusesServer(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		file := writeConfig(t, configFor(s, twoStreams))
		if code, stdout, stderr := command(t, "check", "--config", file); code != 0 || strings.Contains(stdout, "fail") || strings.Contains(stdout, "warn") {
			t.Errorf("check of a good server: exit %d\n%s%s", code, stdout, stderr)
		}
		refused := func(want string) {
			t.Helper()
			code, _, stderr := command(t, "serve", "--config", file)
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			if code != 1 || !strings.HasPrefix(lines[len(lines)-1], want) {
				t.Errorf("exit %d, %q, want %s", code, stderr, want)
			}
			if code, stdout, _ := command(t, "check", "--config", file); code != 1 || !strings.Contains(stdout, "fail  "+strings.TrimPrefix(want, "rowcast: ")) {
				t.Errorf("check: exit %d\n%s", code, stdout)
			}
		}
		exec(t, s, "SET GLOBAL binlog_format = 'STATEMENT'")
		refused("rowcast: binlog_format: STATEMENT: ")
		if err := s.Restart(t.Context(), "--skip-log-bin"); err != nil {
			t.Fatal(err)
		}
		refused("rowcast: log_bin: OFF: the server writes no binlog; ")
	})
}

func TestServePortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	config := "[source]\naddr = \"127.0.0.1:1\"\n[http]\nlisten = \"" + addr + "\"\n[admin]\nlisten = \"\"\n" + twoStreams
	code, _, stderr := command(t, "serve", "--config", writeConfig(t, config))
	if want := "rowcast: " + addr + " is taken by another program; stop that one, or choose another port in [http] listen\n"; code != 1 || stderr != want {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

// The database is away at the start: streams say so, and begin when it comes.
func TestServeWaitsForDatabase(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		i := launch(t, configFor(s, twoStreams))
		poll(t, "a word about the wait", func() string {
			if strings.Contains(i.out.String(), "waiting for the database") {
				return ""
			}
			return "so far: " + i.out.String()
		})
		if code, text := get(t, i.url+"/readyz"); code == 200 || !strings.Contains(text, "connect to the database at "+s.Addr()) {
			t.Errorf("without a database: %d %s", code, text)
		}
		if code, _ := get(t, i.url+"/healthz"); code != 200 {
			t.Errorf("healthz: %d", code)
		}
		if code, out, stderr := command(t, "health", i.url); code != 0 || out != "ok\n" {
			t.Errorf("health: %d %s%s", code, out, stderr)
		}
		if code, _, stderr := command(t, "health", i.url+"/readyz"); code != 1 {
			t.Errorf("health of /readyz: %d %s", code, stderr)
		} else {
			oneLineEach(t, stderr, 1)
		}
		c := subscribe(t, i.url+"/events/picks", "")
		c.mu.Lock()
		status := c.status
		c.mu.Unlock()
		if status != 200 {
			t.Errorf("a browser would give up for good: %d", status)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		i.ready(t)
		c = subscribe(t, i.url+"/events/picks", "").begun(t)
		insertPick(t, s, 1, "p0")
		numbered(t, players(t, c.wait(t, 1)), 1)
		if code := i.stop(); code != 0 {
			t.Errorf("exit %d", code)
		}
		if code, _, stderr := command(t, "health", i.url); code != 1 {
			t.Errorf("health of nothing: %d %s", code, stderr)
		}
	})
}

// TestCheckWarns of what works, and does not do what it looks like.
func TestCheckWarns(t *testing.T) {
	s := draft(t, throwaway.MariaDB)
	exec(t, s, "SET GLOBAL binlog_row_image = 'NOBLOB'", "ALTER TABLE draft.picks ADD note TEXT")
	for config, want := range map[string]string{
		"before = true\ndata = \"row\"\n":                   `warn  stream picks: before does nothing with data = "row"; `,
		"columns = [\"team\"]\n":                            "warn  stream picks: a part of the primary key of draft.picks is not sent",
		"before = true\ndata = \"change\"\n":                "",
		"where = \"team = 'Oilers'\"\n":                     "",
		"where = \"note <> ''\"\n":                          "warn  stream picks: with binlog_row_image = NOBLOB a change of draft.picks may lack note, which where, text or event needs: ",
		"data = \"text\"\ntext = \"{{.note}} {{.team}}\"\n": "may lack note, which",
	} {
		code, out, stderr := command(t, "check", "--config", writeConfig(t, configFor(s, "[[table]]\nname = \"draft.picks\"\nas = \"picks\"\n"+config)))
		if code != 0 || !strings.Contains(out, want) || strings.Contains(out, "warn  stream picks") != (want != "") {
			t.Errorf("%s: exit %d\n%s%s", config, code, out, stderr)
		}
	}
}

// TestCheckWarnsOfImages: what check warns of is what then happens, and nothing
// else is, for each row image that the servers know.
func TestCheckWarnsOfImages(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		exec(t, s, "ALTER TABLE draft.picks ADD note TEXT")
		for _, image := range []string{"FULL", "NOBLOB", "MINIMAL"} {
			exec(t, s, "SET GLOBAL binlog_row_image = '"+image+"'", "SET SESSION binlog_row_image = '"+image+"'",
				"REPLACE INTO draft.picks (id, round, team, player, note) VALUES (1, 1, 'Oilers', 'p0', 'n')")
			for where, lacks := range map[string]bool{
				"team = 'Oilers'": image == "MINIMAL", "note = 'n'": image != "FULL", "id > 0": image == "MINIMAL",
			} {
				file := writeConfig(t, configFor(s, "[[table]]\nname = \"draft.picks\"\nas = \"picks\"\nwhere = \""+where+"\"\n"))
				if _, out, _ := command(t, "check", "--config", file); strings.Contains(out, "warn  stream picks: with binlog_row_image = "+image) != lacks {
					t.Errorf("%s, %s:\n%s", image, where, out)
				}
				i := launchFile(t, file).ready(t)
				c := subscribe(t, i.url+"/events/picks", "").begun(t)
				exec(t, s, "UPDATE draft.picks SET round = round + 1")
				if got := c.wait(t, 1)[0]; (got.event == "reset") != lacks {
					t.Errorf("%s, %s: %+v", image, where, got)
				}
				i.stop()
			}
		}
	})
}
