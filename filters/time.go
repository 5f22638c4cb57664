package filters

import (
	"errors"
	"fmt"
	"strconv"
	"text/template/parse"
	"time"
)

// timeForms are the forms in which columns hold times: a TIMESTAMP is UTC, a DATETIME
// is in no zone.
var timeForms = []struct {
	layout string
	utc    bool
}{{"2006-01-02T15:04:05Z", true}, {"2006-01-02T15:04:05", false}, {"2006-01-02", false}}

// errNotTime quotes no value: it is shown to clients.
var errNotTime = errors.New("time takes a TIMESTAMP, DATETIME or DATE column")

// formatTime is the function time of templates: {{time .at "02.01.2006 15:04" "Europe/Prague"}}
// writes a TIMESTAMP, DATETIME or DATE by a layout of Go's package time, a TIMESTAMP in
// that zone (UTC without one). NULL stays empty; zero and partial dates, which are no
// moments, stay as they are.
func formatTime(value any, layout string, zone ...string) (string, error) {
	text, ok := value.(string)
	if !ok {
		return "", errNotTime
	}
	in := time.UTC
	if len(zone) > 0 {
		var err error
		if in, err = time.LoadLocation(zone[0]); err != nil {
			return "", err
		}
	}
	for _, form := range timeForms {
		t, err := time.Parse(form.layout, text) // takes a fraction as well
		if err != nil {
			continue
		}
		if form.utc {
			t = t.In(in)
		}
		return t.Format(layout), nil
	}
	return text, nil
}

// checkTime refuses a call of time that would fail, or write the same, for every row.
func checkTime(n *parse.CommandNode) error {
	if len(n.Args) == 0 {
		return nil
	}
	name, ok := n.Args[0].(*parse.IdentifierNode)
	if !ok || name.Ident != "time" {
		return nil
	}
	if len(n.Args) < 3 || len(n.Args) > 4 {
		return fmt.Errorf(`time takes a column, a layout and perhaps a time zone, not %d arguments: {{time .at "2006-01-02 15:04" "Europe/Prague"}}`, len(n.Args)-1)
	}
	if layout, ok := n.Args[2].(*parse.StringNode); ok && time.Unix(0, 0).UTC().Format(layout.Text) == layout.Text {
		return fmt.Errorf(`time: layout %q has no date or time in it; write Go's reference time in your own form, such as "2006-01-02 15:04:05"`, layout.Text)
	}
	if len(n.Args) < 4 {
		return nil
	}
	zone, ok := n.Args[3].(*parse.StringNode)
	if !ok {
		return nil
	}
	if _, err := time.LoadLocation(zone.Text); err != nil {
		return fmt.Errorf("time: %s is not a time zone; use a name such as \"Europe/Prague\" or \"UTC\"", strconv.Quote(zone.Text))
	}
	return nil
}
