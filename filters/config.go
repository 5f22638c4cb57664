package filters

import (
	"errors"
	"fmt"
	"strings"
)

// Table is one [[table]] entry of the config.
type Table struct {
	Name    string            `toml:"name"`    // schema.table; * matches within one part
	As      string            `toml:"as"`      // public name; "": Name
	On      []string          `toml:"on"`      // insert, update, delete; empty: insert and update
	Columns []string          `toml:"columns"` // in the order they are sent; empty: all
	Mask    map[string]string `toml:"mask"`    // column → sha256, null or redact
	Where   string            `toml:"where"`   // a MySQL expression; "": every row
	Params  map[string]string `toml:"params"`  // name → default; "": required
	Event   string            `toml:"event"`   // SSE event name; {op} {schema} {table} {stream} are filled in
	Data    string            `toml:"data"`    // change, row or text; "": change
	Text    string            `toml:"text"`    // a Go template, with data = "text"
	Before  bool              `toml:"before"`  // updates and deletes carry the old row
	Rows    RowsConfig        `toml:"rows"`    // how many rows a subscriber begins with
	Order   string            `toml:"order"`   // which, and how they are sorted; "": by the primary key, newest first
	Line    int               `toml:"-"`       // of the entry in its file, for messages
}

// Options are what the [values] section says.
type Options struct {
	BigintString  bool   // bigint = "string"
	DecimalNumber bool   // decimal = "number"
	MaskKey       string // mask_key: key of the sha256 masks
}

// Error is one mistake in one entry. Its text is one line.
type Error struct {
	Line int    // of the entry; 0 where it is not known
	Key  string // of the entry: name, where, …
	Msg  string // what is wrong, what is allowed
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Key + ": " + e.Msg
	}
	return fmt.Sprintf("line %d: %s: %s", e.Line, e.Key, e.Msg)
}

// problems collects the mistakes of one entry.
type problems struct {
	line int
	errs []error
}

func (p *problems) add(key, format string, args ...any) {
	msg := strings.Join(strings.FieldsFunc(fmt.Sprintf(format, args...), func(r rune) bool {
		return r == '\n' || r == '\r'
	}), " ")
	p.errs = append(p.errs, &Error{Line: p.line, Key: key, Msg: msg})
}

func (p *problems) err() error { return errors.Join(p.errs...) }
