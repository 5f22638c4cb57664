package filters

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rowcast/cdc"
	"rowcast/internal/throwaway"
)

// suite closes the shared servers when all tests are done, before goleak looks.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	defer servers.close()
	return s.m.Run()
}

func TestMain(m *testing.M) {
	// Vitess logs through glog, which starts a goroutine of its own for good.
	goleak.VerifyTestMain(suite{m}, goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

// shared holds one server of each flavor for all tests: each test uses a schema
// of its own.
type shared struct {
	mu   sync.Mutex
	list map[throwaway.Flavor]*throwaway.Server
}

var servers shared

func (s *shared) get(t testing.TB, f throwaway.Flavor) *throwaway.Server {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if srv := s.list[f]; srv != nil {
		return srv
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	srv, err := throwaway.Start(ctx, throwaway.Options{Flavor: f, Args: []string{
		"--default-time-zone=+00:00", "--character-set-server=utf8mb4", "--sql-mode=NO_ENGINE_SUBSTITUTION"}})
	if err != nil {
		t.Fatal(err)
	}
	if s.list == nil {
		s.list = map[throwaway.Flavor]*throwaway.Server{}
	}
	s.list[f] = srv
	return srv
}

func (s *shared) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f, srv := range s.list {
		if err := srv.Close(); err != nil {
			panic(err)
		}
		delete(s.list, f)
	}
}

// both runs f once for each flavor, on the shared server.
func both(t *testing.T, f func(t *testing.T, s *throwaway.Server)) {
	for _, flavor := range throwaway.Flavors {
		t.Run(string(flavor), func(t *testing.T) { f(t, servers.get(t, flavor)) })
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reading hands the changes of one schema to a func, up to a position.
type reading struct {
	schema string
	until  cdc.Position
	change func(*cdc.Change)
}

var errDone = errors.New("read to the end")

func (r *reading) Begin(cdc.Position) error    { return nil }
func (r *reading) Wants(schema, _ []byte) bool { return string(schema) == r.schema }
func (r *reading) Change(c *cdc.Change) error  { r.change(c); return nil }
func (r *reading) Notice(n cdc.Notice) error   { return fmt.Errorf("notice: %s", n.Message) }
func (r *reading) Checkpoint(p cdc.Position, _ time.Time) error {
	if p.Compare(r.until) >= 0 {
		return errDone
	}
	return nil
}

// changes runs do and hands what it changed in a schema to f, in binlog order.
func changes(t testing.TB, s *throwaway.Server, schema string, do func(), f func(*cdc.Change)) {
	t.Helper()
	src := source(t, s)
	from := now(t, src)
	do()
	replay(t, src, schema, from, now(t, src), f)
}

func source(t testing.TB, s *throwaway.Server) *cdc.Source {
	t.Helper()
	src, err := cdc.New(cdc.Config{Addr: s.Addr(), User: s.User(), Password: s.Password()})
	must(t, err)
	return src
}

func now(t testing.TB, src *cdc.Source) cdc.Position {
	t.Helper()
	p, err := src.Now(t.Context())
	must(t, err)
	return p
}

// replay hands what changed in a schema between two places to f.
func replay(t testing.TB, src *cdc.Source, schema string, from, until cdc.Position, f func(*cdc.Change)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := src.Replay(ctx, from, &reading{schema: schema, until: until, change: f}); !errors.Is(err, errDone) {
		t.Fatalf("reading ended with %v", err)
	}
}

// frame is what Emit was given.
type frame struct {
	stream int
	op     cdc.Op
	event  string
	data   string
	key    string
	tag    any
	err    error
}

// rendered runs statements and returns what a set makes of their changes.
func rendered(t testing.TB, s *throwaway.Server, schema string, set *Set, sql ...string) (frames []frame) {
	t.Helper()
	changes(t, s, schema, func() { must(t, s.Exec(sql...)) }, func(c *cdc.Change) {
		set.Render(c, func(stream int, op cdc.Op, event string, data, key []byte, tag any, err error) {
			frames = append(frames, frame{stream, op, event, string(data), string(key), tag, err})
		})
	})
	return frames
}

func compile(t testing.TB, o Options, tables ...Table) *Set {
	t.Helper()
	for i := range tables {
		tables[i].Line = 10 * (i + 1)
	}
	set, err := Compile(tables, o)
	must(t, err)
	return set
}
