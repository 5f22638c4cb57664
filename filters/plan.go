package filters

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
	"rowcast/internal/nearest"
)

// maxPlans bounds how many tables, and older versions of them, stay bound.
const maxPlans = 1024

// planCache holds what is bound to each *cdc.Table. There is a new one after each
// ALTER, so that it is emptied when it is full: what is still in use comes back at
// its next change.
type planCache struct {
	byTable sync.Map // *cdc.Table → []*plan
	count   atomic.Int64

	mu   sync.Mutex
	last map[*rule]newest // for Streams and Bind

	reshaped func() // see OnReshape
}

// newest is the newest definition that was seen; of a rule with wildcards, of the
// first table that was.
type newest struct {
	table *cdc.Table
	at    cdc.Position // where the newest that was read stood; zero: none was
}

// column is one that is sent.
type column struct {
	index int    // in Table.Columns
	label []byte // its name as JSON, with the colon
	mask  mask
}

// plan is a rule bound to a table as it was at some event.
type plan struct {
	rule  *rule
	table *cdc.Table
	err   error // the rule does not fit the table: nothing of it can be rendered

	head  [opRow + 1][]byte // the payload up to the table's name
	event [opRow + 1][]eventPart
	cols  []column
	key   []column // nil: none, or a part of it may not be sent
	text  []column // that the template needs

	eventText  [opRow + 1]string // the name of all rows' events, unless eventOfRow
	eventOfRow bool              // it depends on the row
	pred       *where.Predicate  // nil without a where

	keySorts    []*where.Sort // of the primary key; nil where changes have no places
	placeFormat string        // of places in its order
}

// plansOf binds a table, once, to the rules that publish it.
func (s *Set) plansOf(t *cdc.Table, at cdc.Position) []*plan {
	if v, ok := s.plans.byTable.Load(t); ok {
		return v.([]*plan)
	}
	rules := s.rulesOf(t.Schema, t.Name)
	plans := make([]*plan, len(rules))
	for i, r := range rules {
		plans[i] = newPlan(r, t)
	}
	if s.plans.count.Add(1) > maxPlans {
		s.plans.byTable.Clear()
		s.plans.count.Store(1)
	}
	s.plans.byTable.Store(t, plans)
	s.plans.observe(plans, at)
	return plans
}

// observe notes plans as they come into use: at is where, or zero for a table
// that the database was asked about. Replays of older rows change nothing.
func (c *planCache) observe(plans []*plan, at cdc.Position) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range plans {
		if c.last == nil {
			c.last = map[*rule]newest{}
		}
		l, ok := c.last[p.rule]
		if ok && (p.rule.name.wild && l.table.String() != p.table.String() || !at.IsZero() && at.Compare(l.at) <= 0) {
			continue
		}
		if p.pred != nil && len(p.rule.params) > 0 {
			format := p.pred.KeyFormat()
			if old := p.rule.keyFormat.Load(); old != nil && *old != format && c.reshaped != nil {
				c.reshaped()
			}
			p.rule.keyFormat.Store(&format)
		}
		n := newest{p.table, at}
		if at.IsZero() {
			n.at = l.at
		}
		c.last[p.rule] = n
	}
}

// OnReshape has f called when the format of a stream's keys is about to change,
// before any Binding has the new one. Earlier frames must then not reach later
// subscribers, for whom they have to be rendered again. Call it before Render.
func (s *Set) OnReshape(f func()) {
	s.plans.mu.Lock()
	defer s.plans.mu.Unlock()
	s.plans.reshaped = f
}

func (c *planCache) newestTable(r *rule) *cdc.Table {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[r].table
}

func (c *planCache) columns(r *rule) []string {
	if t := c.newestTable(r); t != nil {
		return where.ColumnNames(t)
	}
	return nil
}

// newPlan never fails: plan.err says what does not fit, at each change.
func newPlan(r *rule, t *cdc.Table) *plan {
	p := &plan{rule: r, table: t}
	probs := p.bind()
	if len(probs.errs) > 0 {
		p.err = &Fault{fmt.Sprintf("%s no longer fits table %s.%s", r, t.Schema, t.Name), fmt.Errorf("[[table]] at %w", probs.errs[0])}
	}
	return p
}

// Fault is why a change can't be rendered, where the cause is the operator's
// business: it names columns that may not be sent.
type Fault struct {
	public string
	cause  error
}

// Error is for the operator.
func (f *Fault) Error() string { return f.public + ": " + f.cause.Error() }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.cause }

// Public is for clients.
func (f *Fault) Public() string { return f.public }

// bind looks for everything that the rule names in the table.
func (p *plan) bind() *problems {
	r, t := p.rule, p.table
	probs := &problems{line: r.line}
	for op := cdc.Insert; op <= opRow; op++ {
		p.head[op] = appendHead(nil, op, t)
	}
	p.bindColumns(probs)
	p.bindKey()
	p.bindPlaces()
	for op := cdc.Insert; op <= opRow; op++ {
		if err := p.bindEvent(op); err != nil {
			probs.add("event", "%s", err)
			break
		}
	}
	if r.form == formText && r.text != nil {
		var err error
		if p.text, err = r.text.bind(p); err != nil {
			probs.add("text", "%s", err)
		}
	}
	if r.where != nil {
		var err error
		if p.pred, err = r.where.Compile(t, r.defaults()); err != nil {
			probs.add("where", "%s", err)
		}
	}
	return probs
}

func (p *plan) bindColumns(probs *problems) {
	r, t := p.rule, p.table
	names := r.columns
	if names == nil {
		names = where.ColumnNames(t)
	}
	for _, n := range names {
		i := t.Find(n)
		if i < 0 {
			probs.add("columns", "%q is not a column of %s%s", n, t, nearest.Suggest(n, where.ColumnNames(t)))
			continue
		}
		p.cols = append(p.cols, column{index: i, label: append(cdc.AppendQuoted(nil, t.Columns[i].Name), ':'), mask: r.maskOf(t, i)})
	}
	for _, n := range slices.Sorted(maps.Keys(r.mask)) {
		if t.Find(n) < 0 {
			probs.add("mask", "%q is not a column of %s%s", n, t, nearest.Suggest(n, where.ColumnNames(t)))
		}
	}
}

func (r *rule) maskOf(t *cdc.Table, i int) mask {
	if len(r.mask) == 0 {
		return plain
	}
	return r.mask[strings.ToLower(t.Columns[i].Name)]
}

// bindKey leaves the key out where a part of it may not be sent: what is left
// would name several rows.
func (p *plan) bindKey() {
	for _, i := range p.table.Key {
		sent := false
		for _, c := range p.cols {
			if c.index == i && c.mask.identifies() {
				p.key, sent = append(p.key, c), true
				break
			}
		}
		if !sent {
			p.key = nil
			return
		}
	}
}

func appendHead(dst []byte, op cdc.Op, t *cdc.Table) []byte {
	dst = append(dst, `{"op":"`...)
	dst = append(dst, opName(op)...)
	dst = append(dst, `","table":`...)
	return cdc.AppendQuoted(dst, t.Schema+"."+t.Name)
}

// CheckTable reports everything that is wrong with entry i against a real table:
// each an *Error, with the nearest right name. That the table has no primary
// key is not a mistake; see KeyWarning. at is the end of the binlog when the
// definition was requested; older definitions seen later do not replace it.
func (s *Set) CheckTable(i int, t *cdc.Table, at cdc.Position) []error {
	p := &plan{rule: s.rules[i], table: t}
	probs := p.bind()
	if p.pred != nil && !p.rule.name.wild {
		if err := p.pred.CheckDefaults(); err != nil {
			probs.add("params", "the default of %s", err)
		}
	}
	if len(probs.errs) == 0 {
		s.plans.observe([]*plan{p}, at)
	}
	if p.rule.rows.Any() && len(probs.errs) == 0 {
		if _, err := p.rule.order.bind(t, p.rowColumns()); err != nil {
			probs.add("order", "%s", err)
		}
	}
	return probs.errs
}

// KeyWarning says why what stream i sends of a table has no key, or "".
func (s *Set) KeyWarning(i int, t *cdc.Table) string {
	p := &plan{rule: s.rules[i], table: t}
	p.bindColumns(&problems{})
	p.bindKey()
	switch {
	case p.key != nil:
		return ""
	case len(t.Key) == 0:
		return fmt.Sprintf("%s.%s has no primary key, so that events carry no key", t.Schema, t.Name)
	}
	return fmt.Sprintf("a part of the primary key of %s.%s is not sent, or masked, so that events carry no key", t.Schema, t.Name)
}

func isSet(c *cdc.Column) bool { return c.Type == mysql.MYSQL_TYPE_SET }

func holdsJSON(c *cdc.Column) bool {
	return c.Type == mysql.MYSQL_TYPE_JSON || c.Kind == cdc.JSONText || c.Type == mysql.MYSQL_TYPE_GEOMETRY
}
