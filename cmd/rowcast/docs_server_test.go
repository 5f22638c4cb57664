package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// statements takes SQL apart.
func statements(sql string) (all []string) {
	for _, statement := range strings.Split(strings.TrimSpace(sql), ";\n") {
		all = append(all, strings.TrimSuffix(strings.TrimSpace(statement), ";"))
	}
	return all
}

// The SQL of the docs runs, and what makes an account is all that `check` asks
// for; operating.md explains each thing that `check` looks at.
func TestDocsSQL(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		setting := regexp.MustCompile(`(?m)^(\w+) = (\w+)$`)
		inis := []snippet{{}} // MySQL needs none
		if f == throwaway.MariaDB {
			inis = chosen(t, "ini", "mariadb")
		}
		for _, ini := range inis {
			args := []string{"--log-bin=binlog"}
			for _, m := range setting.FindAllStringSubmatch(ini.text, -1) {
				args = append(args, "--"+m[1]+"="+m[2])
			}
			s := throwaway.Test(t, f, args...)
			exec(t, s, draftSchema...)
			exec(t, s, "CREATE DATABASE shop", "CREATE TABLE shop.orders (id INT PRIMARY KEY)")
			for n, block := range chosen(t, "sql", string(f)) {
				tryAccount(t, s, block, fmt.Sprintf("reader%d", n))
			}
		}
	})
}

func tryAccount(t *testing.T, s *throwaway.Server, block snippet, user string) {
	t.Helper()
	for _, statement := range statements(strings.NewReplacer("'rowcast'@", "'"+user+"'@", "'…'", "'p'").Replace(block.text)) {
		if err := s.Exec(statement); err != nil {
			t.Errorf("%s:%d: %s: %v", block.file, block.line, statement, err)
		}
	}
	if !strings.Contains(block.text, "CREATE USER") {
		return
	}
	streams := twoStreams
	if strings.Contains(block.text, "shop.orders") {
		streams += "[[table]]\nname = \"shop.orders\"\n"
	}
	config := regexp.MustCompile(`(?m)^(user|password) = .*$`).ReplaceAllStringFunc(configFor(s, streams), func(line string) string {
		if strings.HasPrefix(line, "user") {
			return fmt.Sprintf("user = %q", user)
		}
		return `password = "p"`
	})
	code, out, stderr := command(t, "check", "--config", writeConfig(t, config))
	if code != 0 || strings.Contains(out, "warn") || strings.Contains(out, "fail") {
		t.Errorf("%s:%d: exit %d\n%s%s", block.file, block.line, code, out, stderr)
	}
	manual := document(t, root+"docs/operating.md")
	for _, m := range regexp.MustCompile(`(?m)^ok +([a-z_]+): `).FindAllStringSubmatch(out, -1) {
		if !strings.Contains(manual, "`"+m[1]+"`") {
			t.Errorf("operating.md does not tell of %s", m[1])
		}
	}
}

// config.toml at the root works as it stands, on a server that was given what
// its head says.
func TestConfigReferenceWorks(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f)
		exec(t, s, "DROP USER 'rowcast'@'%'", "DROP USER 'rowcast'@'localhost'")
		var sql string
		for line := range strings.Lines(document(t, root+"config.toml")) {
			if line, ok := strings.CutPrefix(line, "#   "); ok {
				sql += line
			}
		}
		exec(t, s, statements(sql)...)
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"check", "--config", root + "config.toml"}, &out, &errs, []string{"ROWCAST_SOURCE_ADDR=" + s.Addr()})
		if code != 0 || strings.Contains(out.String(), "fail") || !strings.Contains(out.String(), "ok    stream picks: insert, update of draft.picks (id, round, team, player)") {
			t.Errorf("exit %d\n%s%s", code, &out, &errs)
		}
	})
}

var (
	metricUse  = regexp.MustCompile(`\b((?:rowcast|process|go)_[a-z][a-z_]*)(?:\{([^}]*)\})?`)
	labelUse   = regexp.MustCompile(`([a-z]+)\s*(?:=|!|,|$)`)
	quotedText = regexp.MustCompile(`\\?"[^"]*"`)
)

// The metrics that alerts, dashboard and operating.md name are there, with the
// labels that they use; and operating.md has them all.
func TestDocsMetrics(t *testing.T) {
	s := draft(t, throwaway.MariaDB)
	i := launch(t, configFor(s, twoStreams)).ready(t)
	insertPick(t, s, 1, "first")
	c := subscribe(t, i.url+"/events/picks", "nonsense")
	poll(t, "a reset", func() string {
		for _, e := range c.data() {
			if e.event == "reset" {
				return ""
			}
		}
		return fmt.Sprint(c.data())
	})
	insertPick(t, s, 1, "second")
	c.wait(t, 2)
	code, shown := get(t, i.admin+"/metrics")
	if code != 200 {
		t.Fatal(shown)
	}
	for _, file := range []string{"docs/alerts.yaml", "docs/grafana.json", "docs/operating.md"} {
		for _, m := range metricUse.FindAllStringSubmatch(document(t, root+file), -1) {
			lines := regexp.MustCompile(`(?m)^` + m[1] + `(?:\{.*\})? \S+$`).FindString(shown)
			if lines == "" {
				t.Errorf("%s: no metric %s", file, m[1])
			}
			for _, label := range labelUse.FindAllStringSubmatch(quotedText.ReplaceAllString(m[2], ""), -1) {
				if label[1] != "instance" && label[1] != "job" && !strings.Contains(lines, label[1]+`="`) {
					t.Errorf("%s: %s has no label %s", file, m[1], label[1])
				}
			}
		}
	}
	manual := document(t, root+"docs/operating.md")
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (rowcast_\w+)`).FindAllStringSubmatch(shown, -1) {
		if !regexp.MustCompile("\\| `" + m[1] + "[`{]").MatchString(manual) {
			t.Errorf("operating.md lacks %s", m[1])
		}
	}
}
