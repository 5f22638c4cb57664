package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rowcast/cdc"
)

// rowsMessage is what the data of a block says in a stream with rows.
type rowsMessage struct {
	Op     string          `json:"op"`
	Table  string          `json:"table"`
	Key    json.RawMessage `json:"key"`
	OldKey json.RawMessage `json:"old_key"`
	Row    json.RawMessage `json:"row"`
	Before json.RawMessage `json:"before"`

	Stream string `json:"stream"` // of rows and ready
	Reason string `json:"reason"`
	Rows   int    `json:"rows"`
	More   bool   `json:"more"`
}

func (e sseEvent) message() (m rowsMessage, err error) {
	if err = json.Unmarshal([]byte(e.data), &m); err != nil {
		err = fmt.Errorf("%s %q: %w", e.id, e.data, err)
	}
	return m, err
}

// position is the place in the binlog that an id names, be it of a row.
func position(id string) (cdc.Position, error) {
	place, _, _ := strings.Cut(id, "!")
	return cdc.ParsePosition(place)
}

// contents are the rows of a table, as JSON, by their key's JSON. Without a key it
// is the row itself, with a number where rows are equal.
type contents map[string]string

// apply does what a page does. It is strict: a row that comes twice, or leaves
// without having come, is an error.
func (c contents) apply(m rowsMessage) error {
	switch m.Op {
	case "row", "insert":
		return c.add(m.Key, m.Row)
	case "update":
		old := m.Key
		if m.OldKey != nil {
			old = m.OldKey
		}
		if err := c.remove(old, m.Before); err != nil {
			return err
		}
		return c.add(m.Key, m.Row)
	case "delete":
		return c.remove(m.Key, m.Before)
	}
	return fmt.Errorf("unknown op %q", m.Op)
}

func (c contents) add(key, row json.RawMessage) error {
	k := string(key)
	for n := 0; key == nil; n++ {
		if k = numberedRow(row, n); c[k] == "" {
			break
		}
	}
	if c[k] != "" {
		return fmt.Errorf("%s comes twice: %s, then %s", k, c[k], row)
	}
	c[k] = string(row)
	return nil
}

func (c contents) remove(key, row json.RawMessage) error {
	k := string(key)
	if key == nil {
		n := 0
		for c[numberedRow(row, n+1)] != "" {
			n++
		}
		k = numberedRow(row, n)
	}
	if c[k] == "" {
		return fmt.Errorf("%s leaves, and had not come", k)
	}
	delete(c, k)
	return nil
}

func numberedRow(row json.RawMessage, n int) string { return fmt.Sprintf("#%d %s", n, row) }

// differs says how c differs from want; "" where it does not.
func (c contents) differs(want contents) string {
	var list []string
	for k, row := range want {
		switch {
		case c[k] == "":
			list = append(list, "lacks "+row)
		case c[k] != row:
			list = append(list, "has "+c[k]+" instead of "+row)
		}
	}
	for k, row := range c {
		if want[k] == "" {
			list = append(list, "has "+row+" too many")
		}
	}
	slices.Sort(list)
	if len(list) > 5 {
		list = append(list[:5], fmt.Sprintf("and %d more differences", len(list)-5))
	}
	return strings.Join(list, "; ")
}

// truth is the history of one stream from when its table was empty, as a client
// without rows was told it.
type truth struct {
	stream, table string
	limit         int    // 0: all
	order         string // the column of numbers by which rows come; "": in any order
	client        *sseClient
	changes       []sseEvent
	at            []cdc.Position // of the changes

	// Visitors are told the same, and comparing them must not read it again each time.
	messages map[string]rowsMessage // by data
	ranks    map[string]int64       // by row
}

// message is e.message.
func (o *truth) message(e sseEvent) (rowsMessage, error) {
	m, known := o.messages[e.data]
	if known {
		return m, nil
	}
	m, err := e.message()
	if err == nil {
		o.messages[e.data] = m
	}
	return m, err
}

// rank is where a row stands in the order.
func (o *truth) rank(row string) int64 {
	n, known := o.ranks[row]
	if !known {
		n = number(row, o.order)
		o.ranks[row] = n
	}
	return n
}

// witness begins to record a stream whose table is empty.
func witness(t testing.TB, i *instance, stream, table, query string) *truth {
	t.Helper()
	return &truth{
		stream: stream, table: table,
		client:   subscribe(t, i.url+"/events/"+stream+"?rows=0"+query, "").begun(t),
		messages: map[string]rowsMessage{}, ranks: map[string]int64{},
	}
}

// close waits for the change that holds a mark, and takes all up to it for the whole.
func (o *truth) close(t testing.TB, mark string) *truth {
	t.Helper()
	o.client.until(t, "the last change", func() bool {
		for _, e := range slices.Backward(o.client.events) {
			if !e.checkpoint() {
				return strings.Contains(e.data, mark)
			}
		}
		return false
	})
	o.changes, o.at = o.client.data(), nil
	for _, e := range o.changes {
		p, err := position(e.id)
		if err != nil || e.event != "" {
			t.Fatalf("%+v: %v", e, err)
		}
		o.at = append(o.at, p)
	}
	return o
}

// moment is the table after some of its changes.
type moment struct {
	of   *truth
	next int // of of.changes
	rows contents
}

// advance goes on to a position.
func (m *moment) advance(to cdc.Position) error {
	for ; m.next < len(m.of.at) && m.of.at[m.next].Compare(to) <= 0; m.next++ {
		change, err := m.of.message(m.of.changes[m.next])
		if err == nil {
			err = m.rows.apply(change)
		}
		if err != nil {
			return fmt.Errorf("the witness at %s: %w", m.of.at[m.next], err)
		}
	}
	return nil
}

// newest are the last rows of a window, by their order.
func (o *truth) newest(c contents) map[string]bool {
	rows := slices.Collect(maps.Values(c))
	slices.SortFunc(rows, func(a, b string) int { return cmp.Compare(o.rank(a), o.rank(b)) })
	within := map[string]bool{}
	for _, row := range rows[max(0, len(rows)-o.limit):] {
		within[row] = true
	}
	return within
}

// verify compares what a visitor got of a stream with the truth: at each ready it has
// what SELECT would give at the ready's id, and from there on each change once.
func (o *truth) verify(blocks []sseEvent) error {
	v := &verifier{truth: o, now: moment{of: o, rows: contents{}}}
	for n, e := range blocks {
		if err := v.take(e); err != nil {
			from := max(0, n-3)
			told := o.changes[max(0, v.now.next-5):v.now.next]
			return fmt.Errorf("stream %s, block %d (%+v): %w\nafter %+v\nthe witness got %+v", o.stream, n, e, err, blocks[from:n], told)
		}
	}
	switch {
	case !v.ready:
		return fmt.Errorf("stream %s is never ready", o.stream)
	case v.now.next != len(o.changes):
		return fmt.Errorf("stream %s: %d changes were not told, from %+v on", o.stream, len(o.changes)-v.now.next, o.changes[v.now.next])
	}
	return nil
}

// verifier follows one visitor of one stream.
type verifier struct {
	*truth
	now    moment
	pos    cdc.Position
	begun  bool // rows has come
	ready  bool
	shown  contents
	count  int         // of rows since rows
	last   rowsMessage // the newest row
	change bool        // the block before was a change: what is shown is worth comparing
	cut    bool        // since rows
}

func (v *verifier) take(e sseEvent) error {
	if e.id != "" {
		p, err := position(e.id)
		if err != nil {
			return err
		}
		if p.Compare(v.pos) < 0 {
			return fmt.Errorf("goes back from %s", v.pos)
		}
		v.pos = p
	}
	switch {
	case e.checkpoint():
		return nil
	case e.event == cutHere:
		v.cut = true
		return nil
	}
	m, err := v.message(e)
	switch {
	case err != nil:
		return err
	case e.event == "reset":
		v.begun, v.ready = false, false // rows comes by itself
		return nil
	case m.Stream != "" && m.Stream != v.stream || m.Table != "" && m.Table != v.table:
		return nil
	case e.event == "rows":
		v.begun, v.ready, v.shown, v.count, v.change, v.last, v.cut = true, false, contents{}, 0, false, rowsMessage{}, false
		if m.Reason == "" {
			return fmt.Errorf("no reason")
		}
		return nil
	case e.event == "ready":
		return v.isReady(e, m)
	case e.event != "":
		return fmt.Errorf("unknown event")
	case m.Op == "row":
		return v.row(m)
	case v.ready:
		return v.changed(e)
	case !v.begun:
		return fmt.Errorf("a change before rows")
	}
	if v.last.Row == nil || v.limit > 0 {
		return fmt.Errorf("a change before any row, or within the rows of a window")
	}
	v.change = true
	return v.shown.apply(m)
}

func (v *verifier) row(m rowsMessage) error {
	if !v.begun || v.ready {
		return fmt.Errorf("a row outside of rows")
	}
	if v.order != "" && v.last.Row != nil {
		last := v.rank(string(v.last.Row))
		if v.rank(string(m.Row)) <= last {
			return fmt.Errorf("comes after %s", v.last.Row)
		}
		if v.change {
			if err := v.compare(func(row string) bool { return v.rank(row) <= last }); err != nil {
				return err
			}
		}
	}
	v.count, v.last, v.change = v.count+1, m, false
	return v.shown.apply(m)
}

// compare compares what is shown with the truth, as far as within says.
func (v *verifier) compare(within func(row string) bool) error {
	if err := v.now.advance(v.pos); err != nil {
		return err
	}
	want := contents{}
	for k, row := range v.now.rows {
		if within(row) {
			want[k] = row
		}
	}
	if diff := v.shown.differs(want); diff != "" {
		return fmt.Errorf("at %s the page %s", v.pos, diff)
	}
	return nil
}

func (v *verifier) isReady(e sseEvent, m rowsMessage) error {
	if !v.begun || v.ready || e.id == "" {
		return fmt.Errorf("out of place")
	}
	if err := v.now.advance(v.pos); err != nil {
		return err
	}
	total := len(v.now.rows)
	within := func(string) bool { return true }
	if v.limit > 0 {
		newest := v.newest(v.now.rows)
		within = func(row string) bool { return newest[row] }
	}
	if err := v.compare(within); err != nil {
		return err
	}
	if v.ready = true; m.More != (v.limit > 0 && total > v.limit) {
		return fmt.Errorf("more is wrong: %d of %d rows", len(v.shown), total)
	}
	if !v.cut && m.Rows != v.count {
		return fmt.Errorf("there were %d rows", v.count)
	}
	return nil
}

// changed: each change after the ready comes once and in order.
func (v *verifier) changed(e sseEvent) error {
	if v.now.next >= len(v.changes) {
		return fmt.Errorf("a change that the witness did not see")
	}
	want := v.changes[v.now.next]
	id, _, _ := strings.Cut(e.id, "!")
	if id != want.id || e.data != want.data {
		return fmt.Errorf("want %+v", want)
	}
	m, err := v.message(e)
	if err != nil {
		return err
	}
	if v.limit == 0 {
		if err := v.shown.apply(m); err != nil {
			return err
		}
	}
	return v.now.advance(v.pos)
}

// visitor is a page that stays for a while, over many connections.
type visitor struct {
	path   string
	blocks []sseEvent // what came to it, of all connections
	id     string
	on     *instance
	conn   *sseClient
	taken  int // of conn's blocks
}

func visit(t testing.TB, i *instance, path string) *visitor {
	t.Helper()
	v := &visitor{path: path}
	v.connect(t, i)
	return v
}

// connect comes back with the last id.
func (v *visitor) connect(t testing.TB, i *instance) {
	t.Helper()
	v.on, v.taken = i, 0
	v.conn = subscribe(t, i.url+v.path, v.id)
	if v.conn.status != 200 {
		t.Fatalf("%s: %d %s", v.path, v.conn.status, v.conn.body)
	}
}

// cutHere stands among a visitor's blocks where it lost its connection.
const cutHere = "(cut)"

// cut loses the connection, and whatever was not taken from it.
func (v *visitor) cut() {
	v.conn.close()
	v.blocks = append(v.blocks, sseEvent{event: cutHere})
}

// next is the next block; like a browser, it comes back where the response has ended.
func (v *visitor) next(t testing.TB) sseEvent {
	t.Helper()
	limit := time.NewTimer(testPatience)
	defer limit.Stop()
	for {
		c := v.conn
		c.mu.Lock()
		news, ended, retry := c.news, c.ended, c.retry
		if v.taken < len(c.events) {
			e := c.events[v.taken]
			c.mu.Unlock()
			v.taken++
			v.blocks = append(v.blocks, e)
			if e.id != "" {
				v.id = e.id
			}
			return e
		}
		c.mu.Unlock()
		if ended {
			ms, err := strconv.Atoi(retry)
			if err != nil {
				t.Fatalf("retry %q: %v", retry, err)
			}
			select {
			case <-time.After(time.Duration(ms) * time.Millisecond):
			case <-limit.C:
				t.Fatalf("waited %s for a block", testPatience)
			}
			v.connect(t, v.on)
			continue
		}
		select {
		case <-news:
		case <-limit.C:
			t.Fatalf("waited %s for a block of %s after %d; the last is %+v", testPatience, v.path, len(v.blocks), v.blocks[max(0, len(v.blocks)-1):])
		}
	}
}

// until takes blocks up to one that is ok.
func (v *visitor) until(t testing.TB, ok func(e sseEvent) bool) sseEvent {
	t.Helper()
	limit := time.Now().Add(2 * testPatience) // heartbeats are blocks as well
	for {
		if e := v.next(t); ok(e) {
			return e
		}
		if time.Now().After(limit) {
			t.Fatalf("%s: what is waited for does not come; the last blocks are %+v", v.path, v.blocks[max(0, len(v.blocks)-5):])
		}
	}
}

func (v *visitor) untilReady(t testing.TB) sseEvent {
	t.Helper()
	return v.until(t, func(e sseEvent) bool { return e.event == "ready" })
}

// untilMark takes blocks up to the one whose data holds a mark, and past ready.
func (v *visitor) untilMark(t testing.TB, mark string) {
	t.Helper()
	marked, ready := false, false
	for _, e := range v.blocks {
		ready = e.event == "ready" || ready && e.event != "rows" && e.event != "reset"
	}
	v.until(t, func(e sseEvent) bool {
		marked = marked || strings.Contains(e.data, mark)
		ready = e.event == "ready" || ready && e.event != "rows" && e.event != "reset"
		return marked && ready
	})
}

// rows are the data of the rows that came after the last rows event.
func (v *visitor) rows() (list []sseEvent) {
	for _, e := range v.blocks {
		switch {
		case e.event == "rows":
			list = nil
		case strings.Contains(e.data, `"op":"row"`):
			list = append(list, e)
		}
	}
	return list
}

// begins is how often the rows began.
func (v *visitor) begins() (n int) {
	for _, e := range v.blocks {
		if e.event == "rows" {
			n++
		}
	}
	return n
}
