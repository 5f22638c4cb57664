package filters

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"

	"rowcast/cdc"
)

// form is the shape of a payload.
type form uint8

const (
	formChange form = iota
	formRow
	formText
)

var (
	opNames   = []string{"insert", "update", "delete"}
	formNames = []string{"change", "row", "text"}
)

// rule is one entry, judged as far as that goes without a server.
type rule struct {
	index   int // of the stream
	name    name
	line    int
	public  string
	on      [cdc.Delete + 1]bool
	columns []string // nil: all
	mask    map[string]mask
	where   *where // nil: every row
	params  []Param
	live    liveBindings
	shape   atomic.Pointer[string] // of the keys that bindings get; nil: no table was seen yet
	event   string                 // with placeholders; "": none
	form    form
	text    *text // with formText
	before  bool
}

func compileRule(index int, t *Table, o *Options) (*rule, error) {
	p := &problems{line: t.Line}
	r := &rule{index: index, line: t.Line, public: t.As, before: t.Before}
	var err error
	if r.name, err = parseName(t.Name); err != nil {
		p.add("name", "%s", err)
	}
	if r.public == "" {
		r.public = t.Name
	} else if bad := strings.IndexFunc(r.public, func(c rune) bool {
		return c == '/' || c == '?' || c == '#' || unicode.IsSpace(c) || unicode.IsControl(c) || c == unicode.ReplacementChar
	}); bad >= 0 {
		p.add("as", "%q can't be a public name, since it becomes part of a URL: leave out white space, control characters and / ? #", r.public)
	}
	r.compileOn(t, p)
	r.compileColumns(t, o, p)
	r.compileEvent(t, p)
	r.compileForm(t, p)
	r.compileWhere(t, p)
	return r, p.err()
}

func (r *rule) compileOn(t *Table, p *problems) {
	switch {
	case t.On != nil && len(t.On) == 0:
		p.add("on", "it is empty, so that nothing would be sent; leave it out for insert and update")
	case t.On == nil:
		r.on[cdc.Insert], r.on[cdc.Update] = true, true
	}
	for _, op := range t.On {
		i := slices.Index(opNames, op)
		if i < 0 {
			p.add("on", "%q is no operation%s; allowed are insert, update, delete", op, meant(op, opNames))
			continue
		}
		if r.on[i+1] {
			p.add("on", "%q is listed twice", op)
		}
		r.on[i+1] = true
	}
}

func (r *rule) compileColumns(t *Table, o *Options, p *problems) {
	r.columns = slices.Clone(t.Columns)
	if t.Columns != nil && len(t.Columns) == 0 {
		p.add("columns", "it is empty, so that rows would be; leave it out to send all columns")
	}
	seen := map[string]bool{}
	for _, c := range t.Columns {
		switch fold := strings.ToLower(c); {
		case c == "":
			p.add("columns", "it holds an empty name")
		case seen[fold]:
			p.add("columns", "%q is listed twice", c)
		default:
			seen[fold] = true
		}
	}
	r.mask = map[string]mask{}
	for _, c := range slices.Sorted(maps.Keys(t.Mask)) {
		kind := t.Mask[c]
		m, ok := parseMask(kind)
		if !ok {
			p.add("mask", "%q of column %q is no mask%s; allowed are sha256, null, redact", kind, c, meant(kind, maskNames))
			continue
		}
		if m == hashed && o.MaskKey == "" {
			p.add("mask", "sha256 of column %q needs a key: set mask_key in [values]", c)
		}
		if _, ok := r.mask[strings.ToLower(c)]; ok {
			p.add("mask", "column %q is masked twice", c)
		}
		if len(t.Columns) > 0 && !seen[strings.ToLower(c)] {
			p.add("mask", "column %q is not in columns, so that it is not sent anyway%s", c, didYouMean(c, t.Columns))
		}
		r.mask[strings.ToLower(c)] = m
	}
}

var eventFields = []string{"op", "schema", "table", "stream"}

// reservedEvents would be taken for something else: the notice of a loss, and
// what EventSource itself fires.
var reservedEvents = []string{"reset", "error", "open"}

func (r *rule) compileEvent(t *Table, p *problems) {
	r.event = t.Event
	if strings.ContainsAny(t.Event, "\r\n\x00") {
		p.add("event", "%q holds a line break or NUL, which can't be part of an event name", t.Event)
	}
	if slices.Contains(reservedEvents, t.Event) {
		p.add("event", "%q is reserved; choose another name", t.Event)
	}
	for rest := t.Event; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return
		}
		field, after, ok := strings.Cut(after, "}")
		if !ok {
			p.add("event", "%q has a { without its }", t.Event)
			return
		}
		if !slices.Contains(eventFields, field) {
			p.add("event", "{%s} is not known%s; allowed are {op} {schema} {table} {stream}", field, meant(field, eventFields))
		}
		rest = after
	}
}

// eventName fills the placeholders in. The names come from the database, where
// a line break is allowed; in an event name it would inject a field.
func (r *rule) eventName(op cdc.Op, t *cdc.Table) string {
	s := strings.NewReplacer("{op}", op.String(), "{schema}", t.Schema, "{table}", t.Name, "{stream}", r.public).Replace(r.event)
	return strings.Map(func(c rune) rune {
		if c == '\r' || c == '\n' || c == 0 {
			return '_'
		}
		return c
	}, s)
}

func (r *rule) compileForm(t *Table, p *problems) {
	data := t.Data
	if data == "" {
		data = "change"
	}
	i := slices.Index(formNames, data)
	if i < 0 {
		p.add("data", "%q is not known%s; allowed are change, row, text", data, meant(data, formNames))
		return
	}
	r.form = form(i)
	switch {
	case r.form == formText && t.Text == "":
		p.add("text", `it is missing, and data = "text" needs it: a Go template such as "a record at {{.timestamp}}"`)
	case r.form != formText && t.Text != "":
		p.add("text", `it is used with data = "text" only, but data is %q`, data)
	case r.form == formText:
		var err error
		if r.text, err = parseText(t.Text); err != nil {
			p.add("text", "%s", err)
		}
	}
}

// yields tells whether a change may become something that this rule sends.
func (r *rule) yields(op cdc.Op) bool {
	if op == cdc.Update && r.where != nil {
		return true
	}
	return r.on[op]
}

func (r *rule) ops() []string {
	var ops []string
	for op := cdc.Insert; op <= cdc.Delete; op++ {
		if r.on[op] {
			ops = append(ops, op.String())
		}
	}
	return ops
}

func (r *rule) String() string { return fmt.Sprintf("stream %s", r.public) }
