package soak

import (
	"fmt"
	"sort"
	"strings"
	"sync"
)

// mirror is a copy of the tables as a page would keep it.
type mirror struct {
	lost bool // a reset came: a page would read the tables anew
	mu   sync.Mutex
	rows map[string]map[string]string // table → key → columns
}

func newMirror() *mirror { return &mirror{rows: map[string]map[string]string{}} }

func (m *mirror) apply(data []byte) error {
	msg, _, err := readMessage(data)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// A crash may leave a MyISAM table with a change that the binlog lacks.
	strict := tables[tableIndex(strings.TrimPrefix(msg.Table, "soak."))].more == "" && !m.lost
	t := m.rows[msg.Table]
	if t == nil {
		t = map[string]string{}
		m.rows[msg.Table] = t
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

// differs compares a table with what SELECT says; rows in JSON form.
func (m *mirror) differs(t *table, rows []row) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	have := m.rows["soak."+t.name]
	var diff []string
	for _, r := range rows {
		key, want := pairsOf(t.key, r), pairsOf(t.send, r)
		if got, ok := have[key]; !ok {
			diff = append(diff, "lacks "+want)
		} else if got != want {
			diff = append(diff, "has "+got+" for "+want)
		}
	}
	if len(have) > len(rows) {
		want := map[string]bool{}
		for _, r := range rows {
			want[pairsOf(t.key, r)] = true
		}
		for key := range have {
			if !want[key] {
				diff = append(diff, "has "+key+" too many")
			}
		}
	}
	sort.Strings(diff)
	if len(diff) > 5 {
		diff = append(diff[:5], fmt.Sprintf("and %d more", len(diff)-5))
	}
	return strings.Join(diff, "; ")
}

func pairsOf(cols []int, r row) string {
	var pairs [][2]string
	for _, c := range cols {
		pairs = append(pairs, [2]string{columns[c], r[c]})
	}
	return fmt.Sprint(pairs)
}
