package filters

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
	"rowcast/internal/nearest"
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

// rule is one entry, compiled as far as that is possible without a server.
type rule struct {
	index       int // of the stream
	name        name
	line        int
	public      string
	on          [cdc.Delete + 1]bool
	columns     []string // nil: all
	mask        map[string]mask
	where       *where.Where // nil: every row
	params      []Param
	event       string // with placeholders; "": none
	form        form
	text        *template // with formText
	before      bool
	fingerprint string // see Set.Fingerprint
	rows        RowsConfig
	order       ordering

	bindings  bindings
	keyFormat atomic.Pointer[string] // of the keys that bindings get; nil: no table was seen yet
}

func compileRule(index int, t *Table, o *Options) (*rule, error) {
	p := &problems{line: t.Line}
	r := &rule{index: index, line: t.Line, public: t.As, before: t.Before, fingerprint: fingerprint(*t, o)}
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
	r.compileRows(t, p)
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
			p.add("on", "%q is not an operation%s; allowed are insert, update, delete", op, nearest.DidYouMean(op, opNames))
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
			p.add("mask", "%q of column %q is not a mask%s; allowed are sha256, null, redact", kind, c, nearest.DidYouMean(kind, maskNames))
			continue
		}
		if m == hashed && o.MaskKey == "" {
			p.add("mask", "sha256 of column %q needs a key: set mask_key in [values]", c)
		}
		if _, ok := r.mask[strings.ToLower(c)]; ok {
			p.add("mask", "column %q is masked twice", c)
		}
		if len(t.Columns) > 0 && !seen[strings.ToLower(c)] {
			p.add("mask", "column %q is not in columns, so that it is not sent anyway%s", c, nearest.Suggest(c, t.Columns))
		}
		r.mask[strings.ToLower(c)] = m
	}
}

func (r *rule) compileForm(t *Table, p *problems) {
	data := t.Data
	if data == "" {
		data = "change"
	}
	i := slices.Index(formNames, data)
	if i < 0 {
		p.add("data", "%q is not known%s; allowed are change, row, text", data, nearest.DidYouMean(data, formNames))
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
		if r.text, err = parseTemplate(t.Text); err != nil {
			p.add("text", "%s", err)
		}
	}
}

// yields reports whether a change may become something that this rule sends.
func (r *rule) yields(op cdc.Op) bool {
	if op == cdc.Update && (r.where != nil || r.rows.Any()) {
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

const maxParams = 64 // of one entry

// reservedParams have a meaning of their own in a request.
var reservedParams = []string{"table", "rows", "ticket", "lastEventId", "wait"}

func (r *rule) compileWhere(t *Table, p *problems) {
	r.params = compileParams(t, p)
	if strings.TrimSpace(t.Where) == "" {
		for _, q := range r.params {
			p.add("params", "%q is declared, but there is no where that uses it", q.Name)
		}
		return
	}
	w, err := where.Parse(t.Where)
	if err != nil {
		p.add("where", "%s", err)
		return
	}
	r.where = w
	declared, used := slices.Sorted(maps.Keys(t.Params)), w.Params()
	for _, name := range used {
		if !slices.Contains(declared, name) {
			p.add("where", ":%s is not declared%s; add it to params, as in params = { %s = \"\" }%s", name, nearest.Suggest(name, declared), name, w.PointAt(name))
		}
	}
	for _, name := range declared {
		if !slices.Contains(used, name) {
			p.add("params", "%q is declared, but where does not use :%s", name, name)
		}
	}
}

func compileParams(t *Table, p *problems) []Param {
	if len(t.Params) > maxParams {
		p.add("params", "there are %d, at most %d are allowed", len(t.Params), maxParams)
		return nil
	}
	var params []Param
	for _, name := range slices.Sorted(maps.Keys(t.Params)) {
		value := t.Params[name]
		switch {
		case !where.IsParam(name):
			p.add("params", "%q can't be a parameter's name: use letters, digits and _", name)
		case slices.Contains(reservedParams, name):
			p.add("params", "%q is reserved in requests; choose another name", name)
		}
		if err := where.CheckValue(name, value); err != nil {
			p.add("params", "%s", err)
		}
		params = append(params, Param{Name: name, Default: value, Required: value == ""})
	}
	return params
}

// defaults are the values of parameters where a request gives none.
func (r *rule) defaults() map[string]string {
	m := map[string]string{}
	for _, q := range r.params {
		m[q.Name] = q.Default
	}
	return m
}
