package frame

import "rowcast/cdc"

// Info describes one public stream.
type Info struct {
	Name    string   `json:"name"`
	Table   string   `json:"table"`             // schema.table, may hold *
	Columns []string `json:"columns,omitempty"` // empty: all
	Ops     []string `json:"ops"`
	Params  []Param  `json:"params,omitempty"`
	Event   string   `json:"event,omitempty"` // as configured, {placeholders} not filled in
	Rows    string   `json:"rows,omitempty"`  // that a subscriber begins with: a number, or all
	Order   string   `json:"order,omitempty"` // which of them come first
}

// Param is a bind parameter of a stream.
type Param struct {
	Name     string `json:"name"`
	Default  string `json:"default,omitempty"`
	Required bool   `json:"required"`
}

// Emit takes one event of Render. data and key are valid until Emit returns; data
// may hold line breaks. event "" means no event line. err: this change can't be rendered
// for that stream, which then gets a reset.
type Emit = func(stream int, op cdc.Op, event string, data, key []byte, tag any, err error)

// Renderer is one compiled config. Streams are named by their index in
// Streams(). It is immutable; Render is called from one goroutine a feed, and
// feeds run side by side, as do Bind and what it returns.
type Renderer interface {
	Streams() []Info
	// Wants tells whether any stream publishes that table.
	Wants(schema, table []byte) bool
	// Affected lists the streams that publish that table; all for table "".
	Affected(schema, table string) []int
	// Overlap tells whether two streams could publish one database table, so that one
	// change may be an event of both.
	Overlap(i, j int) bool
	Render(c *cdc.Change, emit Emit)
	// Bind checks a request's parameters; nil, nil where the stream has none.
	// The error's text goes to the client.
	Bind(stream int, params map[string]string) (Binding, error)
}

// Binding is one subscription's choice among the frames of a stream: those
// whose key equals Key (where neither is empty) and whose tag matches. A frame
// without a tag matches always. Safe for concurrent use.
type Binding interface {
	Key() string
	// Match reports whether a frame with that tag is for the subscription. An
	// error means that this can't be decided: the subscription then gets a reset
	// in place of the frame (see Catalog.Unjudged), never silence.
	Match(tag any) (bool, error)
	ID() string // equal IDs, equal choice
}
