package filters

import (
	"fmt"
	"slices"
	"strings"

	"rowcast/cdc"
	"rowcast/internal/nearest"
)

var eventFields = []string{"op", "schema", "table", "stream"}

// reservedEvents would be taken for something else: what rowcast itself sends, and
// what EventSource fires.
var reservedEvents = []string{"reset", "rows", "ready", "auth", "error", "open"}

// rowField begins a field of an event name that is a column's value.
const rowField = "row."

// eventPart is a part of an event name: text, or the value of a column.
type eventPart struct {
	text  string
	index int // in Table.Columns; -1: text
}

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
		if !slices.Contains(eventFields, field) && (!strings.HasPrefix(field, rowField) || field == rowField) {
			p.add("event", "{%s} is not known%s; allowed are {op} {schema} {table} {stream} {row.COLUMN}", field, nearest.DidYouMean(field, eventFields))
		}
		rest = after
	}
}

// bindEvent fills in what is the same for all rows, and finds the columns.
func (p *plan) bindEvent(op cdc.Op) error {
	r, t := p.rule, p.table
	known := map[string]string{"op": opName(op), "schema": t.Schema, "table": t.Name, "stream": r.public}
	var parts []eventPart
	for rest := r.event; rest != ""; {
		text, after, ok := strings.Cut(rest, "{")
		if text != "" {
			parts = append(parts, eventPart{text: text, index: -1})
		}
		if !ok {
			break
		}
		field, after, _ := strings.Cut(after, "}")
		rest = after
		name, ofRow := strings.CutPrefix(field, rowField)
		if !ofRow {
			parts = append(parts, eventPart{text: known[field], index: -1})
			continue
		}
		i, err := p.eventColumn(name)
		if err != nil {
			return err
		}
		parts = append(parts, eventPart{index: i})
		p.eventOfRow = true
	}
	var whole strings.Builder
	for _, part := range parts {
		whole.WriteString(part.text)
	}
	p.event[op], p.eventText[op] = parts, safeEvent(whole.String())
	return nil
}

// eventColumn is a column that is sent as it is: what may not be seen in the row must
// not be seen in the name of its event.
func (p *plan) eventColumn(name string) (int, error) {
	var names []string
	for _, c := range p.cols {
		column := p.table.Columns[c.index].Name
		if names = append(names, column); !strings.EqualFold(column, name) {
			continue
		}
		if c.mask != plain {
			return 0, fmt.Errorf("{row.%s} is masked, and an event name would show it; take another column", name)
		}
		return c.index, nil
	}
	if p.table.Find(name) >= 0 {
		return 0, fmt.Errorf("{row.%s} is not in columns, so it is not sent%s", name, nearest.Suggest(name, names))
	}
	return 0, fmt.Errorf("{row.%s} is not a column of %s%s", name, p.table, nearest.Suggest(name, names))
}

// eventName is the name of a change's event; "" for none. A delete has that of the old row.
func (sc *scratch) eventName(p *plan, c *cdc.Change, op cdc.Op) (string, error) {
	if !p.eventOfRow {
		return p.eventText[op], nil
	}
	im, other := c.After, c.Before
	if op == cdc.Delete {
		im, other = c.Before, c.After
	}
	sc.name = sc.name[:0]
	for _, part := range p.event[op] {
		if part.index < 0 {
			sc.name = append(sc.name, part.text...)
			continue
		}
		from := im
		if from == nil || !from.Has(part.index) { // MINIMAL: what an update left alone is in neither
			if from = other; from == nil || !from.Has(part.index) {
				return "", &Fault{fmt.Sprintf("%s: the event's name can't be made for a change", p.rule), fmt.Errorf("the row image lacks column %s; set binlog_row_image = FULL", p.table.Columns[part.index].Name)}
			}
		}
		var err error
		if sc.name, err = from.AppendText(sc.name, part.index); err != nil {
			return "", err
		}
	}
	return safeEvent(strings.ToValidUTF8(string(sc.name), "\ufffd")), nil
}

// safeEvent percent-encodes what can't be in an event name, and the first letter of a
// name that is reserved: names come from the database, where a line break is allowed
// (it would inject a field) and so is a table called reset.
func safeEvent(name string) string {
	if slices.Contains(reservedEvents, name) {
		return fmt.Sprintf("%%%02X%s", name[0], name[1:])
	}
	return eventEscapes.Replace(name)
}

var eventEscapes = strings.NewReplacer("\r", "%0D", "\n", "%0A", "\x00", "%00")
