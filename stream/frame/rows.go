package frame

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"rowcast/cdc"
)

// RowsRenderer is a Renderer whose streams may have rows: what their tables hold now.
type RowsRenderer interface {
	// Rows is how many rows a subscriber begins with: 0 none.
	Rows(stream int) (limit int, all bool)
	// PlanRows says how the rows of a table are selected, ordered and rendered for a
	// binding; byKey: in the order of the primary key, else as the config has it.
	PlanRows(stream int, t *cdc.Table, b Binding, byKey bool) (RowsPlan, error)
	// Fingerprint is the same for two streams whose rows and changes are the same.
	Fingerprint(stream int) string
}

// RowsPlan is how the rows of a table become those of a stream, for one binding. It
// is immutable and safe for concurrent use.
type RowsPlan interface {
	Columns() []int  // of the table, that it needs
	Where() string   // SQL; "": every row
	OrderBy() string // SQL
	// Descends: what comes first in the order is sent last, so that rows come oldest first.
	Descends() bool
	// Resumable: the order is that of the primary key, which may be sent.
	Resumable() bool
	// After is SQL for the rows past a key, in ascending order of the key.
	After(key *cdc.Image) (string, error)
	// Match judges a row by where.
	Match(im *cdc.Image) (bool, error)
	// AppendPlace appends where a row stands in the order; Compare compares two places.
	AppendPlace(dst []byte, im *cdc.Image) ([]byte, error)
	Compare(a, b []byte) int
	// Within tells whether the row before, and after, the change with a frame's tag
	// stands at or before a place in ascending order of the key; !ok: it can't be told.
	Within(tag any, place []byte) (before, after, ok bool)
	// Text tells that what is rendered is text, not JSON.
	Text() bool
	// Render renders a row; what emit is given is valid until it returns.
	Render(im *cdc.Image, emit func(event string, data []byte) error) error
}

// MaxRowsStreams is how many streams with rows one subscription may have: an id has a
// bit for each.
const MaxRowsStreams = 64

// RowsPart is a subscription's choice of the rows of one stream.
type RowsPart struct {
	Part  *Part
	Limit int  // the newest so many
	All   bool // then Limit is 0
}

// Rows is how many rows a subscriber of a stream begins with, as configured.
func (c *Catalog) Rows(stream int) (limit int, all bool) {
	r, ok := c.Renderer.(RowsRenderer)
	if !ok {
		return 0, false
	}
	return r.Rows(stream)
}

// PlanRows is the plan of a part's rows in a table.
func (c *Catalog) PlanRows(p *Part, t *cdc.Table, byKey bool) (RowsPlan, error) {
	return c.Renderer.(RowsRenderer).PlanRows(p.Stream, t, p.binding, byKey)
}

// askRows notes which rows are asked for: "" as configured, a number, or "all". The
// error is a *RequestError.
func (s *Subscription) askRows(c *Catalog, rows string) error {
	n, err := strconv.Atoi(rows)
	switch {
	case rows == "0":
		return nil
	case rows != "" && rows != "all" && (err != nil || n < 1 || strconv.Itoa(n) != rows):
		return mistake(BadValue, "rows=%s is not a number of rows, 0 for none, or all", strconv.Quote(shorten(rows)))
	}
	for i := range s.Parts {
		p := RowsPart{Part: &s.Parts[i]}
		name := c.Name(p.Part.Stream)
		p.Limit, p.All = c.Rows(p.Part.Stream)
		switch {
		case p.Limit == 0 && !p.All:
			continue
		case rows == "all" && !p.All:
			return mistake(BadValue, "stream %q gives at most %d rows; ask for rows=%d or fewer", name, p.Limit, p.Limit)
		case n > 0 && !p.All && n > p.Limit:
			return mistake(BadValue, "stream %q gives at most %d rows, and rows=%d are asked for", name, p.Limit, n)
		case n > 0:
			p.Limit, p.All = n, false
		}
		s.rows = append(s.rows, p)
	}
	switch {
	case len(s.rows) == 0 && rows != "":
		return mistake(BadValue, "no stream of these has rows, and rows=%s asks for some; set rows in its [[table]]", rows)
	case len(s.rows) > MaxRowsStreams:
		return mistake(BadValue, "%d streams with rows are more than one connection can have, %d; ask for some of them separately, or with rows=0", len(s.rows), MaxRowsStreams)
	}
	return nil
}

// Rows lists the streams whose rows the subscription begins with; a cdc.Rows has a bit
// for each.
func (s *Subscription) Rows() []RowsPart { return s.rows }

// HasRows tells whether the subscription begins with rows of a stream.
func (s *Subscription) HasRows(stream int) bool {
	return slices.ContainsFunc(s.rows, func(p RowsPart) bool { return p.Part.Stream == stream })
}

// SameRows tells whether the rows that a client of s has are those of t, the same
// request under another config.
func (s *Subscription) SameRows(t *Subscription) bool {
	if len(s.rows) != len(t.rows) {
		return len(s.rows) == 0
	}
	for i := range s.rows {
		a, b := s.catalog.Renderer.(RowsRenderer), t.catalog.Renderer.(RowsRenderer)
		if a.Fingerprint(s.rows[i].Part.Stream) != b.Fingerprint(t.rows[i].Part.Stream) {
			return false
		}
	}
	return true
}

// AllRows is of a client that has still to get every row.
func (s *Subscription) AllRows() cdc.Rows {
	return cdc.Rows{Of: s.rowsOf, Pending: 1<<len(s.rows) - 1}
}

// During says how far a client has come with the rows of its streams.
type During struct {
	Rows  *cdc.Rows
	Plan  RowsPlan // of the stream whose rows are under way, ordered by key
	Place []byte   // of the last row that the client has; nil: it has none of that stream
	Key   []byte   // key record of that row

	// Missed is set by a change of the stream whose rows are under way, where Place does
	// not say for which rows: what the client has of them is not what the stream has now.
	Missed bool
}

// has tells whether a client in the midst of rows has some, or all, of a part's.
func (s *Subscription) has(p *Part, d *During) bool {
	for i := range s.rows {
		if s.rows[i].Part == p && d.Rows.Pending>>i&1 != 0 {
			return i == d.Rows.Next() && d.Place != nil
		}
	}
	return true
}

// during is what a client in the midst of rows gets of what others would get: nothing of
// a stream whose rows are still to come, and of the one that is under way the changes of
// rows that it has.
func (s *Subscription) during(p *Part, c Choice, run []*Frame, d *During) Choice {
	switch {
	case !s.has(p, d):
		c.Skip = true
		d.Missed = d.Missed || p == s.rows[d.Rows.Next()].Part
		return c
	case c.Err != nil || p != s.rows[d.Rows.Next()].Part:
		return c
	}
	before, after, ok := d.Plan.Within(c.Tag, d.Place)
	switch op := c.Op; {
	case !ok:
		c.Err = errRedefined
	case op == cdc.Insert:
		c.Skip = !after
	case op == cdc.Delete:
		c.Skip = !before
	case before == after:
		c.Skip = !before
	default: // the row comes, or goes
		want := cdc.Insert
		if before {
			want = cdc.Delete
		}
		for _, f := range run {
			if f.Crossing && f.Stream == p.Stream && f.Op == want && p.fits(f.Key) {
				if ok, err := p.Matches(f); ok || err != nil {
					return Choice{Frame: f, Err: err}
				}
			}
		}
		c.Skip = s.sends(p.Stream, want) // another binding's rows
	}
	return c
}

// sends tells whether a stream has an operation.
func (s *Subscription) sends(stream int, op cdc.Op) bool {
	for _, name := range s.catalog.infos[stream].Ops {
		if name == op.String() {
			return true
		}
	}
	return false
}

var errRedefined = fmt.Errorf("the table was altered while its rows were being sent")

// AppendRows begins the rows of a stream. reason says why they come: start, resume,
// reset or config. id is what the client holds from here on, unless it is zero.
func AppendRows(b []byte, id cdc.ID, stream, reason string) []byte {
	data, _ := json.Marshal(struct { // a struct of strings can always be encoded
		Stream string `json:"stream"`
		Reason string `json:"reason"`
	}{stream, reason})
	return appendEvent(b, id, "rows", data)
}

// AppendReady ends the rows of a stream: n of them; more: its table has others.
func AppendReady(b []byte, id cdc.ID, stream string, n int, more bool) []byte {
	data, _ := json.Marshal(struct {
		Stream string `json:"stream"`
		Rows   int    `json:"rows"`
		More   bool   `json:"more"`
	}{stream, n, more})
	return appendEvent(b, id, "ready", data)
}

// AppendRow appends a row.
func AppendRow(b []byte, id cdc.ID, event string, data []byte) []byte {
	return appendEvent(b, id, event, data)
}

func appendEvent(b []byte, id cdc.ID, event string, data []byte) []byte {
	if !id.IsZero() {
		b = append(id.Append(append(b, "id: "...)), '\n')
	}
	if event = cleanEvent(event); event != "" {
		b = append(append(append(b, "event: "...), event...), '\n')
	}
	return append(appendData(b, data), '\n')
}

// AppendDuring appends a block for a client that has rows still to come: its id says so.
func AppendDuring(b, block []byte, rows *cdc.Rows) []byte {
	end := bytes.IndexByte(block, '\n') // of the line with the id, which every block begins with
	b = rows.Append(append(b, block[:end]...))
	return append(b, block[end:]...)
}
