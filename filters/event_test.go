package filters

import (
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// A name that comes from the database neither ends the line nor is taken for one of
// rowcast's own events; an empty one is none.
func TestEventNamesAreSafe(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE names", "CREATE TABLE names.reset (id INT PRIMARY KEY, kind VARCHAR(40))"))
		set := compile(t, Options{}, Table{Name: "names.reset", As: "kinds", Event: "{row.kind}", Data: "row", Columns: []string{"id", "kind"}},
			Table{Name: "names.reset", As: "tables", Event: "{table}", Data: "row", Columns: []string{"id"}})
		frames := rendered(t, s, "names", set,
			"INSERT INTO names.reset VALUES (1, 'score'), (2, 'reset'), (3, 'a\\ndata: b\\r'), (4, ''), (5, NULL), (6, 'ready')")
		var got []string
		for _, f := range frames {
			got = append(got, f.event)
		}
		const table = "%72eset"
		want := []string{"score", table, "%72eset", table, "a%0Adata: b%0D", table, "", table, "", table, "%72eady", table}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		must(t, s.Exec("DROP DATABASE names"))
	})
}

// The column of an event's name must be sent, and as it is.
func TestEventColumns(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		must(t, s.Exec("CREATE DATABASE names", "CREATE TABLE names.t (id INT PRIMARY KEY, kind VARCHAR(40), email TEXT)"))
		for event, want := range map[string]string{
			"{row.king}":  "event: {row.king} is not a column of names.t",
			"{row.kind}":  "event: {row.kind} is not in columns, so it is not sent",
			"{row.email}": "event: {row.email} is masked, and an event name would show it",
		} {
			set := compile(t, Options{MaskKey: "k"}, Table{Name: "names.t", As: "s", Event: event, Columns: []string{"id", "email"}, Mask: map[string]string{"email": "sha256"}})
			frames := rendered(t, s, "names", set, "DELETE FROM names.t", "INSERT INTO names.t VALUES (1, 'a', 'b')")
			if len(frames) == 0 {
				t.Errorf("%s: nothing was rendered", event)
			}
			for _, f := range frames {
				if f.err == nil || !strings.Contains(f.err.Error(), want) {
					t.Errorf("%s: %v, want %s", event, f.err, want)
				}
			}
		}
		must(t, s.Exec("DROP DATABASE names"))
	})
}

func TestTimeInText(t *testing.T) {
	for _, c := range []struct {
		value  any
		layout string
		zone   []string
		want   string
	}{
		{"2026-11-24T21:36:21Z", "2006-01-02 15:04:05", nil, "2026-11-24 21:36:21"},
		{"2026-11-24T21:36:21.250Z", "02.01.2006 15:04:05.00", []string{"Europe/Prague"}, "24.11.2026 22:36:21.25"},
		{"2026-07-24T21:36:21Z", "15:04 MST", []string{"Europe/Prague"}, "23:36 CEST"},
		{"2026-11-24T21:36:21", "15:04", []string{"Europe/Prague"}, "21:36"}, // DATETIME is in no zone
		{"2026-11-24", "2 Jan 2006", nil, "24 Nov 2026"},
		{"0000-00-00T00:00:00Z", "15:04", nil, "0000-00-00T00:00:00Z"},
		{"", "15:04", nil, ""},
	} {
		if got, err := formatTime(c.value, c.layout, c.zone...); got != c.want || err != nil {
			t.Errorf("%v: %q, %v, want %q", c, got, err, c.want)
		}
	}
	if _, err := formatTime(int64(1), "15:04"); err == nil {
		t.Error("a number is a time")
	}
	for text, want := range map[string]string{
		`{{time .at "15:04" "Europe/Prag"}}`:                  `time: "Europe/Prag" is not a time zone`,
		`{{if true}}{{time .at "15:04" "UTC" "more"}}{{end}}`: "not 4 arguments",
		`{{time .at}}`:             "not 1 arguments",
		`{{time .at "Y-m-d H:i"}}`: "has no date or time in it",
	} {
		if _, err := parseTemplate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := parseTemplate(`{{time .at "15:04" "Europe/Prague"}} {{.at | printf "%s"}}`); err != nil {
		t.Error(err)
	}
}
