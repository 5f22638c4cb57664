package filters

import (
	"errors"
	"slices"
	"sync"

	"rowcast/cdc"
)

// Set is all that a config publishes. What it publishes never changes; what it
// remembers of tables and bindings is safe for concurrent use.
type Set struct {
	rules  []*rule
	byName map[string]map[string][]*rule // schema, table: the rules with that full name
	wild   []*rule
	format cdc.Format

	plans   planCache
	scratch sync.Pool // of *scratch
}

// Info describes one stream.
type Info struct {
	Name    string   // public name
	Table   string   // schema.table as configured, wildcards included
	Columns []string // as configured; those of the table last seen where all are published; nil where none was seen
	Ops     []string
	Params  []Param
	Event   string // as configured, placeholders included; "": none
	Rows    RowsConfig
	Order   string // as configured; "": by the primary key, newest first
}

// Param is one bind value of a stream's where.
type Param struct {
	Name     string
	Default  string
	Required bool // there is no default
}

// Compile compiles all entries as far as that is possible without a server. Each mistake
// is an *Error; several are joined, in the order of the entries.
func Compile(tables []Table, o Options) (*Set, error) {
	s := &Set{
		byName: map[string]map[string][]*rule{},
		format: cdc.Format{BigintString: o.BigintString, DecimalNumber: o.DecimalNumber},
	}
	s.scratch.New = func() any { return newScratch(s, o.MaskKey) }
	var errs []error
	lines := map[string]int{}
	for i := range tables {
		r, err := compileRule(i, &tables[i], &o)
		if err != nil {
			errs = append(errs, err)
		}
		if first, ok := lines[r.public]; ok {
			p := problems{line: r.line}
			p.add("as", "the public name %q is taken by the entry at line %d; use as to give one of them another name", r.public, first)
			errs = append(errs, p.err())
		} else {
			lines[r.public] = r.line
		}
		s.add(r)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Set) add(r *rule) {
	s.rules = append(s.rules, r)
	if r.name.wild {
		s.wild = append(s.wild, r)
		return
	}
	byTable := s.byName[r.name.schema]
	if byTable == nil {
		byTable = map[string][]*rule{}
		s.byName[r.name.schema] = byTable
	}
	byTable[r.name.table] = append(byTable[r.name.table], r)
}

// Streams describes what is published, in the order of the config.
func (s *Set) Streams() []Info {
	infos := make([]Info, len(s.rules))
	for i, r := range s.rules {
		infos[i] = Info{
			Name:    r.public,
			Table:   r.name.schema + "." + r.name.table,
			Columns: slices.Clone(r.columns),
			Ops:     r.ops(),
			Params:  slices.Clone(r.params),
			Event:   r.event,
			Rows:    r.rows,
			Order:   r.order.source,
		}
		if r.columns == nil && !r.name.wild {
			infos[i].Columns = s.plans.columns(r)
		}
	}
	return infos
}

// Wants reports whether some stream publishes a table. It does not allocate.
func (s *Set) Wants(schema, table []byte) bool {
	if len(s.byName[string(schema)][string(table)]) > 0 {
		return true
	}
	for _, r := range s.wild {
		if r.name.matches(schema, table) {
			return true
		}
	}
	return false
}

// rulesOf are the rules for a table, in the order of the config: those with its
// full name, and the wildcards that match it.
func (s *Set) rulesOf(schema, table string) []*rule {
	rules := slices.Clone(s.byName[schema][table])
	for _, r := range s.wild {
		if r.name.matches([]byte(schema), []byte(table)) {
			rules = append(rules, r)
		}
	}
	slices.SortFunc(rules, func(a, b *rule) int { return a.index - b.index })
	return rules
}

// Affected lists the streams that publish schema.table; with table "", those that
// publish anything in schema; with both "", all.
func (s *Set) Affected(schema, table string) []int {
	var streams []int
	switch {
	case table != "":
		for _, r := range s.rulesOf(schema, table) {
			streams = append(streams, r.index)
		}
	default:
		for _, r := range s.rules {
			if schema == "" || match(r.name.schema, []byte(schema)) {
				streams = append(streams, r.index)
			}
		}
	}
	return streams
}

// Overlap reports whether streams i and j may publish one database table, so that
// one change may be an event of both.
func (s *Set) Overlap(i, j int) bool {
	return s.rules[i].name.overlaps(&s.rules[j].name)
}
