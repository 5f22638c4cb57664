package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// readme returns the README's blocks of a language.
func readme(t testing.TB, language string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("no %s in the README", language)
	}
	return blocks
}

func TestReadmeConfig(t *testing.T) {
	conf, err := parseConfig("README.md", readme(t, "toml")[0], []string{"ROWCAST_VALUES_MASK_KEY=k"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conf.compile(); err != nil {
		t.Error(err)
	}
}

// The SQL of the README is all that `check` asks for.
func TestReadmeGrants(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		args := []string{"--log-bin=binlog"}
		sql := readme(t, "sql")[0]
		if f == throwaway.MariaDB {
			sql = readme(t, "sql")[1]
			for line := range strings.Lines(readme(t, "ini")[0]) {
				if name, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
					args = append(args, "--"+name+"="+value)
				}
			}
		}
		s := throwaway.Test(t, f, args...)
		exec(t, s, draftSchema...)
		sql = strings.NewReplacer("'rowcast'", "'reader'", "'…'", "'p'").Replace(sql)
		for _, statement := range strings.Split(strings.TrimSpace(sql), ";\n") {
			exec(t, s, strings.TrimSuffix(statement, ";"))
		}
		config := strings.NewReplacer(`user = "rowcast"`, `user = "reader"`, `password = "rowcast"`, `password = "p"`).Replace(configFor(s, twoStreams))
		code, out, stderr := command(t, "check", "--config", writeConfig(t, config))
		if code != 0 || strings.Contains(out, "warn") || strings.Contains(out, "fail") {
			t.Errorf("exit %d\n%s%s", code, out, stderr)
		}
	})
}

// config.toml at the root works as it stands, on a server that was given what
// its head says.
func TestConfigReferenceWorks(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		text, err := os.ReadFile("../../config.toml")
		if err != nil {
			t.Fatal(err)
		}
		s := throwaway.Test(t, f)
		exec(t, s, "DROP USER 'rowcast'@'%'", "DROP USER 'rowcast'@'localhost'")
		var sql string
		for line := range strings.Lines(string(text)) {
			if line, ok := strings.CutPrefix(line, "#   "); ok {
				sql += line
			}
		}
		for _, statement := range strings.Split(strings.TrimSpace(sql), ";\n") {
			exec(t, s, strings.TrimSuffix(statement, ";"))
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"check", "--config", "../../config.toml"}, &out, &errs, []string{"ROWCAST_SOURCE_ADDR=" + s.Addr()})
		if code != 0 || strings.Contains(out.String(), "fail") || !strings.Contains(out.String(), "ok    stream picks: insert, update of draft.picks (id, round, team, player)") {
			t.Errorf("exit %d\n%s%s", code, &out, &errs)
		}
	})
}
