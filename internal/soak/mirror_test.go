package soak

import (
	"fmt"
	"maps"
)

// mirror is a copy of the tables as a page would keep it: the rows, then changes,
// and after a reset the rows again.
type mirror struct {
	s       *subscriber
	quiet   *quiet
	next    int  // snapshot
	lost    bool // a reset came, and no snapshot since
	begun   int  // turns before the last snapshot
	rows    map[int]map[string]string
	diffs   []diff
	checked int // tables compared
}

// diff is where the copy was not the table.
type diff struct {
	at         id
	table      int
	text       string
	from, upTo int // turns since the copy was right
}

func newMirror(s *subscriber, q *quiet) *mirror {
	return &mirror{s: s, quiet: q, rows: map[int]map[string]string{}}
}

// look compares the copy at the snapshots that lie before now. Only who has lost
// something takes the rows over.
func (m *mirror) look(now id, turns int, reset bool) {
	for {
		snap := m.quiet.nth(m.next)
		if snap == nil || now.compare(snap.at) < 0 {
			break
		}
		told := turns
		if reset && now.compare(snap.at) > 0 {
			told-- // this reset speaks of what comes after
		}
		m.compare(snap, told)
		m.quiet.passed(snap)
		m.next++
		m.lost, m.begun = false, told
	}
	if reset {
		m.lost = true
		m.quiet.ask()
	}
}

func (m *mirror) compare(snap *snapshot, turns int) {
	for _, i := range m.s.streams {
		t := m.s.tables[i]
		want, unjudged := t.published(snap.rows[i], m.s.binds[i])
		for key := range unjudged {
			delete(m.rows[i], key) // a reset had to speak of it
		}
		if t.ops == allOps && !snap.adopt[i] && !snap.unsure[i] {
			m.checked++
			if text := difference(m.rows[i], want); text != "" {
				m.diffs = append(m.diffs, diff{snap.at, i, text, m.begun, turns})
			}
		}
		m.rows[i] = maps.Clone(want)
	}
}

func (m *mirror) apply(i int, data []byte) error {
	msg, _, err := readMessage(data)
	if err != nil {
		return err
	}
	// A crash may leave a MyISAM table with a change that the binlog lacks.
	strict := m.s.tables[i].more == "" && m.s.tables[i].ops == allOps && !m.lost
	t := m.rows[i]
	if t == nil {
		t = map[string]string{}
		m.rows[i] = t
	}
	key, old := fmt.Sprint(msg.key), fmt.Sprint(msg.old)
	switch msg.Op {
	case "insert":
		if _, ok := t[key]; ok && strict {
			return fmt.Errorf("insert of a row that is there: %s", data)
		}
		t[key] = fmt.Sprint(msg.row)
	case "update":
		if msg.old == nil {
			old = key
		}
		if _, ok := t[old]; !ok && strict {
			return fmt.Errorf("update of a row that is not there: %s", data)
		}
		delete(t, old)
		t[key] = fmt.Sprint(msg.row)
	case "delete":
		if _, ok := t[key]; !ok && strict {
			return fmt.Errorf("delete of a row that is not there: %s", data)
		}
		delete(t, key)
	}
	return nil
}
