package cdc

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestPositionText(t *testing.T) {
	for _, id := range []string{
		"binlog.000042/15795~67a1f3b2",
		"binlog.000042/15873/0.0~67a1f3b2",
		"binlog.000042/15873/12.4294967295",
		"binlog.000042/15873/0.0~67a1f3b2.1",
		"binlog.000042/15873/0.0~67a1f3b2.63",
		"binlog.000042/15873/0.7.2",
		"mysql-bin.999999/4",
		"a%20b%2Fc.1/4294967295",
	} {
		p, err := ParsePosition(id)
		if strings.Contains(id, "%2F") {
			if err == nil {
				t.Errorf("%s: a file name with a slash was taken", id)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", id, err)
		} else if p.String() != id {
			t.Errorf("%s became %s", id, p)
		}
	}
}

func TestPositionRefusals(t *testing.T) {
	for id, why := range map[string]string{
		"":                                        "empty",
		"x":                                       "missing /",
		"binlog.000001":                           "missing /",
		"binlog/4":                                "ends in a dot and a number",
		"binlog.00x/4":                            "ends in a dot and a number",
		"binlog.000001/":                          "offset",
		"binlog.000001/03":                        "plain decimal",
		"binlog.000001/+4":                        "plain decimal",
		"binlog.000001/3":                         "before the first event",
		"binlog.000001/4294967296":                "over 4294967295",
		"binlog.000001/4/":                        "event.row",
		"binlog.000001/4/1":                       "event.row",
		"binlog.000001/4/1.":                      "row",
		"binlog.000001/4/1.2.3.4":                 "plain decimal",
		"binlog.000001/4/1.2.3~67a1f3b2":          "plain decimal",
		"binlog.000001/4/1.2.0":                   "not from 1 to 63",
		"binlog.000001/4/1.2~67a1f3b2.":           "plain decimal",
		"binlog.000001/4/1.2~67a1f3b2.0":          "not from 1 to 63",
		"binlog.000001/4/1.2~67a1f3b2.01":         "plain decimal",
		"binlog.000001/4/1.2~67a1f3b2.-1":         "plain decimal",
		"binlog.000001/4/1.2~67a1f3b2.64":         "not from 1 to 63",
		"binlog.000001/4/1.2~67a1f3b2.1.":         "plain decimal",
		"binlog.000001/4/1.2~67a1f3b2.4294967297": "over 4294967295",
		"binlog.000001/4.1":                       "plain decimal",
		"binlog.000001/4~67a1f3b2.1":              "a checkpoint has no events",
		"binlog.000001/4~67a1f3b":                 "8 lower-case hex",
		"binlog.000001/4~67A1F3B2":                "8 lower-case hex",
		"binlog.000001/4~67a1f3b2~":               "8 lower-case hex",
		"bin log.000001/4":                        "percent-encoded",
		"bin%6cog.000001/4":                       "encoded",
		"bin%2flog.000001/4":                      "encoded",
		"bin%0Alog.000001/4":                      "can't be in the name",
		"../../etc/passwd.1/4":                    "not the name of a binlog file",
		"gtid/whatever":                           "reserved",
		strings.Repeat("a", 600) + ".1/4":         "at most",
		"binlog.000001/4\n":                       "plain decimal",
	} {
		_, err := ParsePosition(id)
		if !errors.Is(err, ErrBadID) {
			t.Errorf("%q: got %v", id, err)
		} else if !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v does not say %q", id, err, why)
		} else if len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("%q: the error is no short line: %q", id, err)
		}
	}
}

func TestPositionOrder(t *testing.T) {
	ordered := []string{
		"binlog.000009/4", "binlog.000009/4/0.0", "binlog.000009/4/0.0.1", "binlog.000009/4/0.0.2", "binlog.000009/4/0.0.10",
		"binlog.000009/4/0.1", "binlog.000009/4/0.10", "binlog.000009/4/1.0", "binlog.000009/4/1.0.63",
		"binlog.000009/157", "binlog.000010/4", "binlog.999999/200/3.4", "binlog.1000000/4",
	}
	for i, a := range ordered {
		for j, b := range ordered {
			p, _ := ParsePosition(a)
			q, _ := ParsePosition(b)
			if got := p.Compare(q); got != cmp.Compare(i, j) || p.Same(&q) != (i == j) {
				t.Errorf("%s against %s: %d", a, b, got)
			}
		}
	}
	group, _ := ParsePosition("binlog.000009/4")
	past := group
	past.kind = pastGroup
	last, _ := ParsePosition("binlog.000009/4/4294967295.4294967295")
	next, _ := ParsePosition("binlog.000009/5")
	if past.Compare(last) <= 0 || past.Compare(next) >= 0 {
		t.Error("the end of a group is not between its last change and the next group")
	}
}

// TestEventsOfOneChange: the places of a change's events lie between those of the
// changes around it, and differ from it in nothing else.
func TestEventsOfOneChange(t *testing.T) {
	previous, _ := ParsePosition("binlog.000009/4/1.1.63")
	p, _ := ParsePosition("binlog.000009/4/1.2")
	next, _ := ParsePosition("binlog.000009/4/1.3")
	places := []Position{previous, p.BeforeChange(), p, p.Nth(1), p.Nth(MaxEvents - 1), next.BeforeChange(), next}
	for i, a := range places {
		for j, b := range places {
			if got := a.Compare(b); got != cmp.Compare(i, j) || a.Same(&b) != (i == j) {
				t.Errorf("%d against %d: %d", i, j, got)
			}
		}
	}
	for _, q := range places[1:5] {
		if q.IsBeforeChange() != (q == places[1]) || q.Change() != p || q.Group() != p.Group() || !q.IsChange() || q.IsCheckpoint() {
			t.Errorf("%s is not of the change %s", q, p)
		}
	}
}

func TestSameHistory(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"binlog.000001/4~00000001", "binlog.000001/9~00000001", true},
		{"binlog.000001/4~00000001", "binlog.000001/9~00000002", false},
		{"binlog.000001/4~00000001", "binlog.000002/9~00000002", true},
		{"binlog.000001/4", "binlog.000001/9~00000002", true},
		{"binlog.000001/4", "mysql-bin.000001/4", false},
	} {
		p, _ := ParsePosition(c.a)
		q, _ := ParsePosition(c.b)
		if p.SameHistory(q) != c.same || q.SameHistory(p) != c.same {
			t.Errorf("%s and %s: not %v", c.a, c.b, c.same)
		}
	}
}

func FuzzParsePosition(f *testing.F) {
	for _, id := range []string{"binlog.000042/15873/0.0~67a1f3b2", "binlog.000042/15873/0.0~67a1f3b2.1", "binlog.000042/15873/0.0.63",
		"a%20b.1/4", "gtid/x", "binlog.000001/4~", ""} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		p, err := ParsePosition(id)
		if err != nil {
			if !errors.Is(err, ErrBadID) || !p.IsZero() {
				t.Fatalf("%q: %v, %v", id, p, err)
			}
			return
		}
		if got := p.String(); got != id {
			t.Fatalf("%q became %q", id, got)
		}
		if strings.ContainsAny(id, "\r\n\x00 :") {
			t.Fatalf("%q was taken", id)
		}
		if n := int(p.nth); n < 0 || n >= MaxEvents || n > 0 && (!p.IsChange() || !strings.HasSuffix(id, fmt.Sprintf(".%d", n))) {
			t.Fatalf("%q is the event number %d", id, n)
		}
	})
}

// TestIDs: what is written from memory is what Append writes.
func TestIDs(t *testing.T) {
	var w IDs
	for _, id := range []string{
		"binlog.000042/15795~67a1f3b2", "binlog.000042/15873/0.0~67a1f3b2", "binlog.000042/15873/0.1~67a1f3b2",
		"binlog.000042/15873/0.4294967295~67a1f3b2", "binlog.000042/15873/1.0~67a1f3b2", "binlog.000042/15873/1.7",
		"binlog.000043/15873/1.7", "binlog.000043/15873", "binlog.000043/15874/1.7~00000001", "binlog.000043/15874/1.8~00000002",
		"binlog.000043/15874/1.8~00000002.3", "binlog.000043/15874/1.8~00000002", "binlog.000043/15874/1.9~00000002",
	} {
		p, err := ParsePosition(id)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(w.Append([]byte("x"), p)); got != "x"+id {
			t.Errorf("%s was written as %s", id, got)
		}
	}
}
