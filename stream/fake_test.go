package stream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// childEnv makes the test binary the client process of a benchmark.
const childEnv = "ROWCAST_BENCH_CLIENTS"

var benchChild func(spec string)

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		benchChild(spec)
		return
	}
	goleak.VerifyTestMain(m)
}

// row is one scripted change of table t with value v.
type row struct{ table, value string }

// group is one scripted transaction.
type scripted struct {
	file    int
	pos     int
	end     int // 0: the next group's place
	rows    []row
	notices []cdc.Notice // At is filled in
}

// fakeSource is a binlog in memory: what cdc.Source promises, without a server.
type fakeSource struct {
	mu      sync.Mutex
	lineage uint32
	groups  []scripted
	changed chan struct{}
	purged  cdc.Position // everything before it is gone
	broken  error        // what Read and Replay answer until it is nil
	liveErr error        // ends Read once
	away    bool         // Read hangs before its first checkpoint
	limit   int          // Read sees only so many groups; 0: all
	slow    time.Duration
	ending  time.Duration // how long a replay takes to hang up
	connect time.Duration // how long Read takes to its first checkpoint
	hold    chan struct{} // Read stops before the last row of a group until this is closed; nil: it does not

	reads                  int
	replays, open, maxOpen int
	nows                   int
}

const fakeLineage = 0x67a1f3b2

func newFake() *fakeSource {
	return &fakeSource{lineage: fakeLineage, changed: make(chan struct{})}
}

func at(file, pos int, lineage uint32) cdc.Position {
	p, err := cdc.Checkpoint(fmt.Sprintf("binlog.%06d", file), uint32(pos), lineage)
	if err != nil {
		panic(err)
	}
	return p
}

func change(start cdc.Position, event, row int) cdc.Position {
	text := start.String()
	file, lineage, _ := strings.Cut(text, "~")
	p, err := cdc.ParsePosition(fmt.Sprintf("%s/%d.%d~%s", file, event, row, lineage))
	if err != nil {
		panic(err)
	}
	return p
}

// commit appends a group and returns the ids of its changes.
func (f *fakeSource) commit(rows ...row) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.add(scripted{rows: rows})
}

func (f *fakeSource) add(g scripted) []string {
	if n := len(f.groups); g.file == 0 {
		g.file, g.pos = 1, 4
		if n > 0 {
			g.file, g.pos = f.groups[n-1].file, f.groups[n-1].end
		}
	}
	g.end = g.pos + 100 + 10*len(g.rows)
	f.groups = append(f.groups, g)
	close(f.changed)
	f.changed = make(chan struct{})
	var ids []string
	for i := range g.rows {
		ids = append(ids, change(f.start(g), i/4, i%4).String())
	}
	return ids
}

// of is the lineage of a file: each was begun at another time.
func (f *fakeSource) of(file int) uint32            { return f.lineage + uint32(file-1)*16 }
func (f *fakeSource) start(g scripted) cdc.Position { return at(g.file, g.pos, f.of(g.file)) }
func (f *fakeSource) stop(g scripted) cdc.Position  { return at(g.file, g.end, f.of(g.file)) }

// rotate begins a new file.
func (f *fakeSource) rotate() {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.groups[len(f.groups)-1]
	f.groups = append(f.groups, scripted{file: last.file + 1, pos: 4, end: 126})
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fakeSource) notice(n cdc.Notice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.add(scripted{notices: []cdc.Notice{n}})
}

func (f *fakeSource) end() cdc.Position {
	if len(f.groups) == 0 {
		return at(1, 4, f.lineage)
	}
	return f.stop(f.groups[len(f.groups)-1])
}

func (f *fakeSource) Now(context.Context) (cdc.Position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nows++
	return f.end(), f.broken
}

func (f *fakeSource) Status() cdc.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return cdc.Status{Connected: f.broken == nil && !f.away, CaughtUp: f.broken == nil, LastError: "fake"}
}

func (f *fakeSource) Read(ctx context.Context, from cdc.Position, h cdc.Handler) error {
	f.mu.Lock()
	f.reads++
	connect := f.connect
	f.mu.Unlock()
	if err := pause(ctx, connect); err != nil {
		return err
	}
	return f.read(ctx, from, h, true)
}

func (f *fakeSource) Replay(ctx context.Context, from cdc.Position, h cdc.Handler) error {
	f.mu.Lock()
	f.replays++
	f.open++
	f.maxOpen = max(f.maxOpen, f.open)
	err := f.broken
	if err == nil && from.Compare(f.purged) < 0 && !f.purged.IsZero() {
		err = fmt.Errorf("fake: %w", cdc.ErrPurged)
	}
	if err == nil && from.Compare(f.end()) > 0 {
		err = fmt.Errorf("fake: %w", cdc.ErrAhead)
	}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.open--
	}()
	if err != nil {
		return err
	}
	err = f.read(ctx, from, h, false)
	if f.ending > 0 {
		_ = pause(context.Background(), f.ending) // that context never ends
	}
	return err
}

// next waits for group i.
func (f *fakeSource) next(ctx context.Context, i int, live bool) (scripted, error) {
	for {
		f.mu.Lock()
		var g scripted
		ok := i < len(f.groups) && (!live || f.limit == 0 || i < f.limit)
		if ok {
			g = f.groups[i]
		}
		changed := f.changed
		err := f.liveErr
		if live && err != nil {
			f.liveErr = nil
			f.mu.Unlock()
			return g, err
		}
		f.mu.Unlock()
		if ok {
			return g, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return g, ctx.Err()
		}
	}
}

func (f *fakeSource) read(ctx context.Context, from cdc.Position, h cdc.Handler, live bool) error {
	i := 0
	for f.away && live {
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	f.mu.Lock()
	if from.IsZero() {
		from, i = f.end(), len(f.groups)
		if f.limit > 0 {
			i = min(i, f.limit)
			from = f.stop(f.groups[i-1])
		}
	}
	groups := f.groups
	f.mu.Unlock()
	for i < len(groups) && f.stop(groups[i]).Compare(from) <= 0 {
		i++
	}
	begin := from
	if i < len(groups) && from.File() == f.start(groups[i]).File() {
		begin = f.start(groups[i])
		if live || int(from.Offset()) != groups[i].pos && from.IsCheckpoint() {
			begin = from
		}
		if !live && int(from.Offset()) != groups[i].pos {
			if err := h.Checkpoint(begin, time.Time{}); err != nil {
				return err
			}
			return fmt.Errorf("fake: %w", cdc.ErrInvalid)
		}
	}
	if err := h.Checkpoint(begin, time.Time{}); err != nil {
		return err
	}
	for ; ; i++ {
		g, err := f.next(ctx, i, live)
		if err != nil {
			return err
		}
		if err := f.play(ctx, g, h, live); err != nil {
			return err
		}
	}
}

func (f *fakeSource) play(ctx context.Context, g scripted, h cdc.Handler, live bool) error {
	f.mu.Lock()
	start, stop := f.start(g), f.stop(g)
	slow, hold := f.slow, f.hold
	f.mu.Unlock()
	if slow > 0 {
		if err := pause(ctx, slow); err != nil {
			return err
		}
	}
	if err := h.Begin(start); err != nil {
		return err
	}
	for n, r := range g.rows {
		if !h.Wants([]byte("db"), []byte(r.table)) {
			continue
		}
		if live && hold != nil && n > 0 && n == len(g.rows)-1 {
			select {
			case <-hold:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if r.value == undecodable {
			n := cdc.Notice{At: change(start, n/4, n%4), Schema: "db", Table: r.table, Message: "rows can't be decoded"}
			if err := h.Notice(n); err != nil {
				return err
			}
			continue
		}
		c := &cdc.Change{Pos: change(start, n/4, n%4), Op: cdc.Insert, Time: time.UnixMilli(1795223595817), Table: &cdc.Table{Schema: "db", Name: r.table + "\x00" + r.value}}
		if err := h.Change(c); err != nil {
			return err
		}
	}
	for _, n := range g.notices {
		n.At = stop
		if err := h.Notice(n); err != nil {
			return err
		}
	}
	return h.Checkpoint(stop, time.Time{})
}

// undecodable is the value of rows of which a source has only a notice.
const undecodable = "(undecodable)"

// fakeRenderer publishes each of its tables as a stream of that name. A table
// that ends in "?" has the parameter team: rows "team:rest" are for that key. Tables
// that differ in a ~ at their end are streams of one table.
// Values that begin with "!" can't be rendered.
type fakeRenderer struct {
	tables []string
	prefix string // of the data, to tell configs apart
	open   bool   // takes team as a parameter that chooses nothing
	same   bool   // every value of team gets every row, in a group of its own
	named  bool   // events have the stream's name
}

func (r fakeRenderer) Streams() (infos []frame.Info) {
	for _, t := range r.tables {
		info := frame.Info{Name: strings.TrimSuffix(t, "?"), Table: "db." + t, Ops: []string{"insert", "update"}}
		if strings.HasSuffix(t, "?") {
			info.Params = []frame.Param{{Name: "team", Required: true}, {Name: "min", Default: ""}}
		}
		if r.open {
			info.Params = []frame.Param{{Name: "team"}}
		}
		infos = append(infos, info)
	}
	return infos
}

// tableOf is what stream i publishes.
func (r fakeRenderer) tableOf(i int) string {
	return strings.TrimRight(strings.TrimSuffix(r.tables[i], "?"), "~")
}

func (r fakeRenderer) Wants(_, table []byte) bool { return r.Affected("db", string(table)) != nil }

func (r fakeRenderer) Affected(_, table string) (is []int) {
	for i := range r.tables {
		if table == "" || r.tableOf(i) == table {
			is = append(is, i)
		}
	}
	return is
}

func (r fakeRenderer) Overlap(i, j int) bool { return r.tableOf(i) == r.tableOf(j) }

func (r fakeRenderer) Render(c *cdc.Change, emit frame.Emit) {
	table, values, _ := strings.Cut(c.Table.Name, "\x00")
	for _, i := range r.Affected("db", table) {
		for value := range strings.SplitSeq(values, variant) {
			r.emit(c, i, table, value, emit)
		}
	}
}

// variant stands between the values of a change that are for different keys.
const variant = "\x01"

func (r fakeRenderer) emit(c *cdc.Change, i int, table, value string, emit frame.Emit) {
	switch {
	case strings.HasPrefix(value, "!"):
		emit(i, c.Op, "", nil, nil, nil, errors.New("column secret of db."+table+" can't be decoded"))
		return
	}
	event, data := "", value
	if e, d, ok := strings.Cut(value, "|"); ok {
		event, data = e, d
	}
	if r.named {
		event = strings.TrimSuffix(r.tables[i], "?")
	}
	key, tag := "", any(nil)
	if strings.HasSuffix(r.tables[i], "?") {
		key, _, _ = strings.Cut(value, ":")
		tag = value
	}
	emit(i, c.Op, event, []byte(r.prefix+data), []byte(key), tag, nil)
}

// fakeBinding can't judge values that end in "?" and its min.
type fakeBinding struct{ team, min string }

type fault struct{ error }

func (f fault) Public() string { return "a change can't be judged" }

func (b fakeBinding) Key() string { return b.team }
func (b fakeBinding) ID() string  { return b.team + "/" + b.min }

func (b fakeBinding) Match(tag any) (bool, error) {
	if strings.HasSuffix(tag.(string), "?"+b.min) {
		return false, fault{errors.New("a secret can't be compared with min " + b.min)}
	}
	return tag.(string) >= b.team+":"+b.min, nil
}

type sameBinding struct{ team string }

func (b sameBinding) Key() string             { return "" }
func (b sameBinding) Match(any) (bool, error) { return true, nil }
func (b sameBinding) ID() string              { return b.team }

func (r fakeRenderer) Bind(i int, params map[string]string) (frame.Binding, error) {
	if !strings.HasSuffix(r.tables[i], "?") {
		return nil, nil
	}
	if params["team"] == "" {
		return nil, errors.New("parameter team is required: ?team=…")
	}
	if r.same {
		return sameBinding{params["team"]}, nil
	}
	return fakeBinding{params["team"], params["min"]}, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
