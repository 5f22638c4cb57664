package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"rowcast/internal/throwaway"
)

// TestExactUnderStatements: tables with awkward names are truncated, swapped,
// altered and written to by statements while rows pour in.
func TestExactUnderStatements(t *testing.T) {
	underFire(t, func(f *fire) {
		rng := f.plan.rng("statements", 0)
		args := append(serverArgs(f.plan.rng("server", 1), f.flavor), "--binlog-row-metadata="+metadata(f.flavor, false))
		folds := rng.IntN(2) == 0 == (f.flavor == throwaway.MariaDB) // one of the two servers
		if folds {
			args = append(args, "--lower-case-table-names=1")
		}
		f.schema = stormTables(rng, f.flavor, folds)
		f.length = orElse(*duration, either(25*time.Second, 15*time.Minute))
		f.load = &load{maxID: 200, target: int64(orElse(*changes, either(8_000, 500_000)))}
		f.build(args)
		f.t.Log(f.names(f.streamed()))
		f.storm(func(ctx context.Context, wg *sync.WaitGroup, p *planner) {
			f.faults.startMild(ctx, wg, p)
			c := &changer{f: f, rng: p.rng("changer", 0), defs: f.definitions()}
			wg.Go(func() {
				c.each(ctx)
				wg.Go(func() {
					f.faults.run(ctx, p.rng("metadata", 0), either(time.Second, 3*time.Second), either(4*time.Second, 10*time.Second), f.faults.metadata)
				})
				c.run(ctx)
			})
			if f.flavor == throwaway.MariaDB {
				wg.Go(func() { f.sequences(ctx, p.rng("sequences", 0)) })
			}
		})
	})
}

// startMild has the faults that a server survives in order.
func (f *faults) startMild(ctx context.Context, wg *sync.WaitGroup, p *planner) {
	scale := either(1, 3)
	each := func(actor string, least, most int, list ...func(context.Context, *rand.Rand)) {
		ms := func(n int) time.Duration { return time.Duration(n*scale) * time.Millisecond }
		wg.Go(func() { f.run(ctx, p.rng(actor, 1), ms(least), ms(most), list...) })
	}
	each("rowcast", 2000, 5000, f.killRowcast, f.termRowcast)
	each("reload", 500, 3000, f.reload)
	each("database", 8000, 15000, f.restartDatabase)
	each("binlog", 300, 2000, f.flush, f.killDumps)
	each("cuts", 500, 2500, f.cutDatabase, f.cutClients)
}

// awkward are names that need quotes, look like syntax, or look like other names.
var awkward = []string{"data", "tables", "truncate", "select", "we`ird", "dot.ted", "100%", "it's \"so\"", "größe 日本", "a b;--", "c?"}

// folded are names that are written in any case where the server does not tell them apart.
var folded = []string{"picks", "data", "tables"}

var (
	addresses = []string{"2001:db8::1", "2001:db8:1:0:a:b:c:d", "::1.2.3.4", "::1:0", "::ffff:1.2.3.4", "fe80::1:0:0:1"}
	uuids     = []string{"6ccd780c-baba-1026-9564-5b8c656024db", "00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}

	byAddress = &predicate{text: "a6 = :a", param: "a", required: true, binds: addresses, arg: column("a6"), test: func(v, bind string) bool {
		a, err := netip.ParseAddr(v)
		b, err2 := netip.ParseAddr(bind)
		return errors.Join(err, err2) == nil && a == b
	}}
	byUUID = &predicate{text: "u = :u", param: "u", required: true, binds: uuids, arg: column("u"), test: equals}
)

var stormColumns = []string{"id", "g", "v", "w", "k"}

// stormTables take their names from the plan. Each has a sibling without a stream,
// with which it may change places.
func stormTables(rng *rand.Rand, flavor throwaway.Flavor, folds bool) *schema {
	var list []*table
	names := slices.Clone(awkward)
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = append([]string{"data", "picks"}, slices.DeleteFunc(names, func(n string) bool { return n == "data" })[:4]...)
	for n, name := range names {
		t := &table{name: fmt.Sprintf("s%d", n), base: name, key: []string{"id"}, folds: folds && slices.Contains(folded, name), before: n%3 == 0}
		if n%2 == 0 {
			t.send = []string{"id", "w", "v"}
		}
		if n < 3 {
			t.rows = []*rowStream{{suffix: "-all"}, {suffix: "-last", limit: 10}}
		}
		list = append(list, t)
	}
	list = append(list, &table{base: "sibling", key: []string{"id"}}, &table{base: "new`data", key: []string{"id"}})
	s := newSchema(list, stormColumns)
	if flavor == throwaway.MariaDB {
		more := newSchema([]*table{
			{name: "versioned", key: []string{"id"}, cols: []string{"id", "g", "v"}, send: []string{"id", "g", "v"}, more: "WITH SYSTEM VERSIONING", copyOnly: true},
			{name: "periods", key: []string{"id"}, cols: []string{"id", "g", "v", "since", "until"}, send: []string{"id", "g", "v"}, more: "WITH SYSTEM VERSIONING", copyOnly: true},
			{name: "address", key: []string{"id"}, cols: []string{"id", "g", "v", "a6"}, where: byAddress, copyOnly: true},
			{name: "uuid", key: []string{"id"}, cols: []string{"id", "g", "v", "u"}, where: byUUID, copyOnly: true},
			{name: "wild", db: "wild", base: "t", pattern: "wild.*", key: []string{"id"}, cols: []string{"id", "g", "v"}, copyOnly: true},
		}, nil)
		s.tables = append(s.tables, more.tables...)
		s.after = []string{"CREATE SEQUENCE wild.sq CACHE 3"}
	}
	return s
}

// sequences are drawn from all the time: each draw may be a row of a table that is none.
func (f *fire) sequences(ctx context.Context, rng *rand.Rand) {
	for pause(ctx, between(rng, 10*time.Millisecond, 200*time.Millisecond)) {
		f.quiet.gate.RLock()
		_ = f.s.Exec("DO NEXTVAL(wild.sq)")
		f.quiet.gate.RUnlock()
	}
}

// changer alters tables, one after the other. It knows what they are by what it did.
type changer struct {
	f    *fire
	rng  *rand.Rand
	c    *client.Conn
	defs *definitions
}

// each kind of statement comes once, however short the test, on the table whose name
// is the most awkward, and without full metadata.
func (c *changer) each(ctx context.Context) {
	for _, kind := range []int{truncate, byStatement, exchange, swapTables, truncate, byStatement, addColumn, renameColumn, dropColumn, makeIndex, dropIndex} {
		extra := "e1"
		if kind == dropColumn {
			extra = "e2"
		}
		for ctx.Err() == nil && !c.done(ctx, func() error { return c.change(kind, 0, c.f.tables[0].anyCase(c.rng), extra) }) {
		}
		// Rows of it come, and are read, before it changes again.
		begun, written := time.Now(), c.f.load.written.Load()
		for c.f.load.written.Load() < written+100 || time.Since(begun) < 700*time.Millisecond {
			if !pause(ctx, 20*time.Millisecond) {
				return
			}
		}
	}
}

// run changes tables at random.
func (c *changer) run(ctx context.Context) {
	defer func() {
		if c.c != nil {
			c.lose()
		}
	}()
	for pause(ctx, between(c.rng, 30*time.Millisecond, either(300*time.Millisecond, 2*time.Second))) {
		c.done(ctx, c.any)
	}
}

// done has a statement run; false: it failed, or there is no connection.
func (c *changer) done(ctx context.Context, change func() error) bool {
	if c.c == nil {
		conn, err := c.f.s.Conn()
		if err != nil {
			pause(ctx, 50*time.Millisecond)
			return false
		}
		c.c = conn
		if err := c.setUp(); err != nil {
			c.lose()
			return false
		}
	}
	err := change()
	if said := new(mysql.MyError); err != nil && !errors.As(err, &said) {
		c.lose()
	}
	return err == nil
}

func (c *changer) lose() {
	c.c.Close()
	c.c = nil
}

// setUp a connection, and look what became of the last statement of the one before.
func (c *changer) setUp() error {
	for _, q := range []string{"USE soak", "SET SESSION lock_wait_timeout = 2", "SET SESSION innodb_lock_wait_timeout = 2"} {
		if _, err := c.c.Execute(q); err != nil {
			return err
		}
	}
	for i, t := range c.f.tables {
		if t.copyOnly {
			continue
		}
		cols, err := c.f.columnsOf(t)
		if err != nil {
			return err
		}
		c.defs.cols[i] = cols
		r, err := c.f.s.Query("SELECT COUNT(*) FROM information_schema.statistics WHERE index_name = 'whole' AND table_schema = '" + t.db +
			"' AND table_name = '" + strings.ReplaceAll(t.base, "'", "''") + "'")
		if err != nil {
			return err
		}
		c.defs.indexed[i] = r[0][0] != "0"
		c.defs.hashed[i] = c.defs.indexed[i] && c.f.flavor == throwaway.MariaDB
	}
	return nil
}

// Kinds of statements.
const (
	truncate = iota
	swapTables
	exchange
	addColumn
	dropColumn
	renameColumn
	makeIndex
	dropIndex
	byStatement
	kinds
)

// any statement on any table.
func (c *changer) any() error {
	i := c.table()
	if c.rng.IntN(2) == 0 {
		i = c.rng.IntN(2) // the names that are in every plan
	}
	return c.change(c.rng.IntN(kinds), i, c.f.tables[i].spelled(c.rng), []string{"e1", "e2", "e3"}[c.rng.IntN(3)])
}

// table is one that may be changed.
func (c *changer) table() int {
	for {
		if i := c.rng.IntN(len(c.f.tables)); !c.f.tables[i].copyOnly {
			return i
		}
	}
}

// change one table, which is spelled like that. What can't be done to it is not.
func (c *changer) change(kind, i int, name, extra string) error {
	has := func(col string) bool { return slices.Contains(c.defs.cols[i], col) }
	alter := func(text string, apply func(cols []string) []string) error {
		return c.do(text, effect{alters: []int{i}, silent: true, apply: func(d *definitions) { d.cols[i] = apply(slices.Clone(d.cols[i])) }})
	}
	switch kind {
	case truncate:
		return c.do("TRUNCATE TABLE "+name, effect{loses: []int{i}})
	case swapTables:
		return c.swap(i, name, c.table())
	case exchange:
		return alter(fmt.Sprintf("ALTER TABLE %s RENAME COLUMN v TO w, RENAME COLUMN w TO v", name), func(cols []string) []string {
			v, w := slices.Index(cols, "v"), slices.Index(cols, "w")
			cols[v], cols[w] = "w", "v"
			return cols
		})
	case addColumn:
		if has(extra) {
			return nil
		}
		where, after := " FIRST", 0
		if n := c.rng.IntN(len(c.defs.cols[i]) + 1); n > 0 {
			where, after = " AFTER "+c.defs.cols[i][n-1], n
		}
		return alter(fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s%s", name, extra, columnTypes[extra], where), func(cols []string) []string {
			return slices.Insert(cols, after, extra)
		})
	case dropColumn:
		if !has(extra) {
			return nil
		}
		return alter(fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", name, extra), func(cols []string) []string {
			return slices.DeleteFunc(cols, func(col string) bool { return col == extra })
		})
	case renameColumn:
		other := map[string]string{"e1": "e2", "e2": "e1"}[extra]
		if other == "" || !has(extra) || has(other) {
			return nil
		}
		return alter(fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", name, extra, other), func(cols []string) []string {
			cols[slices.Index(cols, extra)] = other
			return cols
		})
	case makeIndex, dropIndex:
		return c.index(i, name, kind == makeIndex)
	}
	return c.statement(i, name)
}

// index makes or drops a unique index over a whole text, for which MariaDB keeps
// a column that nobody sees.
func (c *changer) index(i int, name string, whole bool) error {
	mariadb := c.f.flavor == throwaway.MariaDB
	text := "DROP INDEX whole ON " + name
	if whole && mariadb {
		text = "CREATE UNIQUE INDEX whole ON " + name + " (k)"
	} else if whole {
		text = "CREATE UNIQUE INDEX whole ON " + name + " (k(90))"
	}
	if whole == c.defs.indexed[i] {
		return nil
	}
	return c.do(text, effect{alters: []int{i}, apply: func(d *definitions) { d.indexed[i], d.hashed[i] = whole, whole && mariadb }})
}

// swap exchanges two tables, as online schema changes do.
func (c *changer) swap(i int, a string, j int) error {
	for i == j {
		j = c.table()
	}
	b := c.f.tables[j].spelled(c.rng)
	return c.do(fmt.Sprintf("RENAME TABLE %s TO swapping, %s TO %s, swapping TO %s", a, b, a, b),
		effect{loses: []int{i, j}, alters: []int{i, j}, apply: func(d *definitions) { d.swap(i, j) }})
}

// statement changes rows without logging them.
func (c *changer) statement(i int, name string) error {
	from := c.rng.IntN(c.f.load.maxID)
	text := []string{
		fmt.Sprintf("DELETE FROM %s WHERE id BETWEEN %d AND %d", name, from, from+20),
		fmt.Sprintf("UPDATE %s SET v = 'by statement %d' WHERE id BETWEEN %d AND %d", name, c.rng.IntN(100), from, from+20),
		fmt.Sprintf("REPLACE INTO %s (id, g, v, w, k) VALUES (%d, 1, 'by', 'statement', '%016x')", name, from, c.rng.Uint64()),
	}[c.rng.IntN(3)]
	c.f.known.note(text, effect{loses: []int{i}})
	c.f.quiet.gate.RLock()
	defer c.f.quiet.gate.RUnlock()
	for _, q := range []string{"SET SESSION binlog_format = STATEMENT", "BEGIN", text, "COMMIT", "SET SESSION binlog_format = ROW"} {
		if _, err := c.c.Execute(q); err != nil {
			c.lose() // whatever it was in the middle of
			return errLost
		}
	}
	return nil
}

var errLost = &mysql.MyError{Message: "given up"}

// do runs a statement whose effect the judge will know by its text.
func (c *changer) do(text string, e effect) error {
	c.f.known.note(text, e)
	c.f.quiet.gate.RLock()
	defer c.f.quiet.gate.RUnlock()
	if e.silent {
		c.f.quiet.altering(e.alters...)
	}
	if _, err := c.c.Execute(text); err != nil {
		return err
	}
	if e.apply != nil {
		e.apply(c.defs)
	}
	return nil
}
