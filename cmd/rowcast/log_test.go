package main

import (
	"encoding/json"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// TestLogJSON: who collects JSON can read every line, those of the start too.
func TestLogJSON(t *testing.T) {
	s := draft(t, throwaway.MariaDB)
	i := launchFile(t, writeConfig(t, configFor(s, twoStreams)), "--log", "json")
	poll(t, "the streams", func() string {
		if strings.Contains(i.out.String(), "stream teams") {
			return ""
		}
		return "so far: " + i.out.String()
	})
	i.stop()
	for line := range strings.Lines(i.out.String()) {
		var entry struct{ Time, Level, Msg, Drain string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time == "" || entry.Level == "" || entry.Msg == "" {
			t.Errorf("%q: %v", line, err)
		}
		if entry.Msg == "shutting down" && entry.Drain != "10s" {
			t.Errorf("a duration reads %q", entry.Drain)
		}
	}
	if !strings.Contains(i.out.String(), "shutting down") {
		t.Errorf("nothing of the end in %s", i.out)
	}
}

// TestResetNamesNothingHidden: a stream that no longer fits its table, or whose
// where can't be judged, is reset. The log says why, which is no business of
// clients: it names columns that they don't get.
func TestResetNamesNothingHidden(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := draft(t, f)
		exec(t, s, "CREATE TABLE draft.users (id INT PRIMARY KEY, nick VARCHAR(20), password_hash VARCHAR(20))")
		i := launch(t, configFor(s, twoStreams+"\n[[table]]\nname = \"draft.users\"\nas = \"users\"\ncolumns = [\"id\", \"nick\"]\n\n"+
			"[[table]]\nname = \"draft.users\"\nas = \"some\"\ncolumns = [\"id\", \"nick\"]\nwhere = \"password_hash <> ''\"\n")).ready(t)
		some := subscribe(t, i.url+"/events/some", "").begun(t)
		exec(t, s, "INSERT INTO draft.users VALUES (0, 'a', 'x')", "SET SESSION binlog_row_image = 'MINIMAL'", "UPDATE draft.users SET nick = 'b'")
		if reset := some.wait(t, 2)[1]; reset.event != "reset" || !strings.Contains(reset.data, "stream some: where can't be judged") || strings.Contains(reset.data, "password") {
			t.Errorf("the client was told %+v", reset)
		}
		if log := i.out.String(); !strings.Contains(log, `lacks column \"password_hash\"`) {
			t.Errorf("the log doesn't say why: %s", log)
		}
		c := subscribe(t, i.url+"/events/users", "").begun(t)
		exec(t, s, "ALTER TABLE draft.users DROP COLUMN nick", "INSERT INTO draft.users VALUES (1, 'x')")
		reset := c.wait(t, 1)[0]
		if reset.event != "reset" || !strings.Contains(reset.data, `"schema"`) || !strings.Contains(reset.data, "draft.users") || strings.Contains(reset.data, "password") {
			t.Errorf("the client was told %+v", reset)
		}
		if log := i.out.String(); !strings.Contains(log, `[[table]] at line 18: columns: \"nick\" is not a column of draft.users`) || !strings.Contains(log, "password_hash") {
			t.Errorf("the log doesn't say why: %s", log)
		}
	})
}
