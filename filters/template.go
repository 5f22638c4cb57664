package filters

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"
	"text/template/parse"

	"rowcast/cdc"
	"rowcast/internal/nearest"
)

// maxText bounds what one row may become: a template can loop.
const maxText = 16 << 20

// template is a parsed template over a row: a map from column name to value.
type template struct {
	tmpl   *texttemplate.Template
	fields []string // columns that it names at its top level
	whole  bool     // it may look at any column
	err    error    // of a call that can't work for any row
}

func parseTemplate(s string) (*template, error) {
	tmpl, err := texttemplate.New("text").Option("missingkey=error").Funcs(texttemplate.FuncMap{"time": formatTime}).Parse(s)
	if err != nil {
		// "template: text:1: unexpected …": the line is that of the template.
		return nil, fmt.Errorf("not a valid template: line %s", strings.TrimPrefix(err.Error(), "template: text:"))
	}
	t := &template{tmpl: tmpl}
	for _, tree := range tmpl.Templates() {
		if tree.Tree != nil && tree.Tree.Root != nil {
			// What an inner template is given as its dot is not known here.
			t.walk(tree.Tree.Root, tree.Name() == "text")
		}
	}
	if t.err != nil {
		return nil, t.err
	}
	slices.Sort(t.fields)
	t.fields = slices.Compact(t.fields)
	return t, nil
}

// walk collects the columns that a node names; root: dot is the row.
func (t *template) walk(n parse.Node, root bool) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, c := range n.Nodes {
				t.walk(c, root)
			}
		}
	case *parse.ActionNode:
		t.walk(n.Pipe, root)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			t.walk(n.Pipe, root)
		}
	case *parse.IfNode:
		t.branch(&n.BranchNode, root, root)
	case *parse.WithNode:
		t.branch(&n.BranchNode, root, false)
	case *parse.RangeNode:
		t.branch(&n.BranchNode, root, false)
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			t.walk(c, root)
		}
	case *parse.CommandNode:
		if err := checkTime(n); err != nil && t.err == nil {
			t.err = err
		}
		for _, c := range n.Args {
			t.walk(c, root)
		}
	case *parse.ChainNode:
		t.walk(n.Node, root)
	case *parse.DotNode:
		t.whole = t.whole || root
	case *parse.FieldNode:
		if root {
			t.fields = append(t.fields, n.Ident[0])
		}
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			if len(n.Ident) > 1 {
				t.fields = append(t.fields, n.Ident[1])
			} else {
				t.whole = true
			}
		}
	}
}

func (t *template) branch(b *parse.BranchNode, root, inner bool) {
	t.walk(b.Pipe, root)
	t.walk(b.List, inner)
	if b.ElseList != nil {
		t.walk(b.ElseList, root)
	}
}

// bind says which of the columns that are sent the template needs.
func (t *template) bind(p *plan) (need []column, err error) {
	var names []string
	for _, c := range p.cols {
		names = append(names, p.table.Columns[c.index].Name)
	}
	for _, f := range t.fields {
		if !slices.Contains(names, f) {
			why := "is not a column of " + p.table.Schema + "." + p.table.Name
			if p.table.Find(f) >= 0 {
				why = "is not in columns"
				if columnIn(names, f) {
					why = "is written in another case in the table"
				}
			}
			return nil, fmt.Errorf("{{.%s}} %s%s", f, why, nearest.Suggest(f, names))
		}
	}
	if t.whole {
		return p.cols, nil
	}
	for i, n := range names {
		if slices.Contains(t.fields, n) {
			need = append(need, p.cols[i])
		}
	}
	return need, nil
}

func columnIn(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// append renders one row.
func (t *template) append(dst []byte, p *plan, sc *scratch, im *cdc.Image) ([]byte, error) {
	row := make(map[string]any, len(p.text))
	for _, c := range p.text {
		name := p.table.Columns[c.index].Name
		if !im.Has(c.index) {
			return dst, fmt.Errorf("%s: the row image lacks column %q, which its text needs: set binlog_row_image=FULL", p.rule, name)
		}
		v, err := sc.goValue(p, im, c)
		if err != nil {
			return dst, err
		}
		row[name] = v
	}
	w := limited{buf: bytes.NewBuffer(dst), most: len(dst) + maxText}
	if err := t.tmpl.Execute(&w, row); err != nil {
		if errors.Is(err, errNotTime) {
			return dst, fmt.Errorf("%s: its text can't be rendered: %w", p.rule, errNotTime)
		}
		// The error's own text may quote a value.
		return dst, fmt.Errorf("%s: its text can't be rendered for this row of %s.%s: check its functions against null and the columns' types",
			p.rule, p.table.Schema, p.table.Name)
	}
	return w.buf.Bytes(), nil
}

// goValue is what a template sees of a column: int64, uint64 or float64 for
// numbers, text for all else in the form it has in JSON, "" for NULL, which
// is therefore false in {{if}} and prints nothing.
func (sc *scratch) goValue(p *plan, im *cdc.Image, c column) (any, error) {
	if c.mask == plain && im.IsNull(c.index) {
		return "", nil
	}
	if c.mask == plain && isSet(&p.table.Columns[c.index]) {
		b, err := im.AppendText(nil, c.index)
		return string(b), err
	}
	b, err := sc.masker.append(sc.value[:0], im, c.index, c.mask, &cdc.Format{})
	if err != nil {
		return nil, err
	}
	sc.value = b
	if holdsJSON(&p.table.Columns[c.index]) && c.mask == plain {
		return string(b), nil
	}
	switch {
	case len(b) > 0 && b[0] == '"':
		var s string
		err := json.Unmarshal(b, &s)
		return s, err
	case string(b) == "null":
		return "", nil
	}
	if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseUint(string(b), 10, 64); err == nil {
		return n, nil
	}
	if len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9') {
		if f, err := strconv.ParseFloat(string(b), 64); err == nil {
			return f, nil
		}
	}
	return string(b), nil
}

var errTooLong = errors.New("the text is too long")

// limited is a buffer that a runaway template can't grow without bound.
type limited struct {
	buf  *bytes.Buffer
	most int
}

func (w *limited) Write(b []byte) (int, error) {
	if w.buf.Len()+len(b) > w.most {
		return 0, errTooLong
	}
	return w.buf.Write(b)
}
