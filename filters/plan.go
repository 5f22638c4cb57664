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

	head  [cdc.Delete + 1][]byte // the payload up to the table's name
	event [cdc.Delete + 1]string
	cols  []column
	key   []column // nil: none, or a part of it may not be sent
	text  []column // that the template needs
	pred  *predicate
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
	s.plans.saw(plans, at)
	return plans
}

// saw is told of plans when they come into use: at is where, or zero for a table
// that the database was asked about. Replays of older rows change nothing.
func (c *planCache) saw(plans []*plan, at cdc.Position) {
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
			if old := p.rule.shape.Load(); old != nil && *old != p.pred.shape && c.reshaped != nil {
				c.reshaped()
			}
			p.rule.shape.Store(&p.pred.shape)
		}
		n := newest{p.table, at}
		if at.IsZero() {
			n.at = l.at
		}
		c.last[p.rule] = n
	}
}

// OnReshape has f called when the form of a stream's keys is about to change:
// before any Binding has the new one. Frames from before are then to be kept from
// those who subscribe later, and rendered for them anew. Called before Render.
func (s *Set) OnReshape(f func()) { s.plans.reshaped = f }

func (c *planCache) table(r *rule) *cdc.Table {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[r].table
}

func (c *planCache) columns(r *rule) []string {
	if t := c.table(r); t != nil {
		return columnNames(t)
	}
	return nil
}

// newPlan never fails: what does not fit is said in plan.err, at each change.
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
	for op := cdc.Insert; op <= cdc.Delete; op++ {
		p.head[op] = appendHead(nil, op, t)
		p.event[op] = r.eventName(op, t)
	}
	p.bindColumns(probs)
	p.bindKey()
	if r.form == formText && r.text != nil {
		var err error
		if p.text, err = r.text.bind(p); err != nil {
			probs.add("text", "%s", err)
		}
	}
	if r.where != nil {
		var err error
		if p.pred, err = r.where.bind(t); err != nil {
			probs.add("where", "%s", err)
		}
	}
	return probs
}

func (p *plan) bindColumns(probs *problems) {
	r, t := p.rule, p.table
	names := r.columns
	if names == nil {
		names = columnNames(t)
	}
	for _, n := range names {
		i := columnIndex(t, n)
		if i < 0 {
			probs.add("columns", "%q is no column of %s.%s%s", n, t.Schema, t.Name, didYouMean(n, columnNames(t)))
			continue
		}
		p.cols = append(p.cols, column{index: i, label: append(cdc.AppendQuoted(nil, t.Columns[i].Name), ':'), mask: r.maskOf(t, i)})
	}
	for _, n := range slices.Sorted(maps.Keys(r.mask)) {
		if columnIndex(t, n) < 0 {
			probs.add("mask", "%q is no column of %s.%s%s", n, t.Schema, t.Name, didYouMean(n, columnNames(t)))
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
	dst = append(dst, op.String()...)
	dst = append(dst, `","table":`...)
	return cdc.AppendQuoted(dst, t.Schema+"."+t.Name)
}

// CheckTable says everything that is wrong with entry i against a real table:
// each an *Error, with the nearest right name. That the table has no primary
// key is no mistake; see KeyWarning. at is where the binlog ended before the table
// was asked for: what is read of it from before there is no news.
func (s *Set) CheckTable(i int, t *cdc.Table, at cdc.Position) []error {
	p := &plan{rule: s.rules[i], table: t}
	probs := p.bind()
	if p.pred != nil && !p.rule.name.wild {
		if err := p.pred.checkDefaults(); err != nil {
			probs.add("params", "the default of %s", err)
		}
	}
	if len(probs.errs) == 0 {
		s.plans.saw([]*plan{p}, at)
	}
	return probs.errs
}

// KeyWarning says why what stream i sends of a table has no key, or "".
func (s *Set) KeyWarning(i int, t *cdc.Table) string {
	p := &plan{rule: s.rules[i], table: t}
	p.bind()
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
