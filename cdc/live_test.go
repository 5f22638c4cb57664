package cdc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

// heard is one thing that a recorder was told.
type heard struct {
	pos  Position
	text string // "insert draft.picks 1,a", "notice draft.picks", "begin"
	full string // a notice's message
}

// recorder is a Handler that writes down what it hears.
type recorder struct {
	schema string // what it wants; "" is everything
	mu     sync.Mutex
	list   []heard
	at     Position // the last checkpoint
	groups int
	more   chan struct{} // closed and replaced at each checkpoint
	stopAt func(*Change) error
}

func newRecorder() *recorder { return &recorder{schema: "draft", more: make(chan struct{})} }

func (r *recorder) Begin(Position) error { return nil }

func (r *recorder) Wants(schema, table []byte) bool {
	return r.schema == "" || string(schema) == r.schema && string(table) != "unwatched"
}

func (r *recorder) Change(c *Change) error {
	if r.stopAt != nil {
		if err := r.stopAt(c); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("%s %s", c.Op, c.Table.Name)
	for _, im := range []*Image{c.Before, c.After} {
		if im == nil {
			continue
		}
		sep := " "
		for i := range im.Table().Columns {
			v, err := im.AppendJSON(nil, i, &Format{})
			if err != nil {
				return err
			}
			text += sep + string(v)
			sep = ","
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, heard{pos: c.Pos, text: text})
	return nil
}

func (r *recorder) Notice(n Notice) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, heard{pos: n.At, text: "notice " + n.Schema + "." + n.Table, full: n.Message})
	return nil
}

func (r *recorder) Checkpoint(p Position, _ time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.groups = p, r.groups+1
	close(r.more)
	r.more = make(chan struct{})
	return nil
}

// wait returns once a checkpoint at or after p was heard, or n things were.
func (r *recorder) wait(t *testing.T, ok func() bool) {
	t.Helper()
	limit := time.After(60 * time.Second)
	for {
		r.mu.Lock()
		more, done := r.more, ok()
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("waited for a minute; heard %d things, at %s", len(r.list), r.at)
		}
	}
}

func (r *recorder) texts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, h := range r.list {
		list = append(list, h.text)
	}
	return list
}

// told is what the notices said.
func (r *recorder) told() (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.list {
		if h.full != "" {
			list = append(list, h.full)
		}
	}
	return list
}

func source(t testing.TB, s *throwaway.Server) *Source {
	t.Helper()
	src, err := New(Config{Addr: s.Addr(), User: s.User(), Password: s.Password()})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// following is a Source.Read under way.
type following struct {
	*recorder
	src  *Source
	err  error
	done chan struct{}
	stop context.CancelFunc
}

// read starts a reading and waits until it has begun.
func read(t *testing.T, src *Source, from Position, rec *recorder) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	rd := &following{recorder: rec, src: src, done: make(chan struct{}), stop: cancel}
	go func() {
		defer close(rd.done)
		rd.err = src.Read(ctx, from, rec)
	}()
	t.Cleanup(func() { cancel(); <-rd.done })
	rd.wait(t, func() bool { return rd.groups > 0 })
	return rd
}

// upTo waits until the reading has passed the server's current end.
func (rd *following) upTo(t *testing.T) Position {
	t.Helper()
	now, err := rd.src.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rd.wait(t, func() bool { return rd.at.Compare(now) >= 0 })
	return now
}

func exec(t testing.TB, s *throwaway.Server, sql ...string) {
	t.Helper()
	if err := s.Exec(sql...); err != nil {
		t.Fatal(err)
	}
}

// session runs statements on a connection of their own.
func session(t testing.TB, s *throwaway.Server, sql ...string) {
	t.Helper()
	c, err := s.Conn()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, q := range sql {
		if _, err := c.Execute(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func draft(t testing.TB, s *throwaway.Server) {
	exec(t, s, "CREATE DATABASE draft", "CREATE TABLE draft.picks (id INT PRIMARY KEY AUTO_INCREMENT, player VARCHAR(200))",
		"CREATE TABLE draft.teams (id INT PRIMARY KEY, name VARCHAR(200))", "CREATE TABLE draft.unwatched (id INT)",
		"CREATE TABLE draft.plain (id INT PRIMARY KEY) ENGINE=MyISAM")
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Fatalf("%s: item %d of %d (want %d) is\n  %s\ninstead of\n  %s\nall: %.3000s", what, i, len(got), len(want), g, w, strings.Join(got, "\n  "))
		}
	}
}

func TestChanges(t *testing.T) {
	for _, format := range []string{"", "--binlog-row-metadata=FULL", "compressed"} {
		t.Run("with"+format, func(t *testing.T) {
			throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
				arg, args := format, []string{"--binlog-row-event-max-size=1024"}
				if format == "compressed" {
					args = append(args, "--log-bin-compress-min-len=10")
					if arg = "--log-bin-compress=1"; flavor == throwaway.MySQL {
						arg, args = "--binlog-transaction-compression=ON", args[:1]
					}
				}
				if arg != "" {
					args = append(args, arg)
				}
				changes(t, throwaway.Test(t, flavor, args...), strings.HasSuffix(arg, "FULL"))
			})
		})
	}
}

func changes(t *testing.T, s *throwaway.Server, full bool) {
	draft(t, s)
	rd := read(t, source(t, s), Position{}, newRecorder())
	long := strings.Repeat("x", 150)
	exec(t, s, "INSERT INTO draft.picks (player) VALUES ('a')")
	session(t, s, "BEGIN", "INSERT INTO draft.picks (player) VALUES ('b'),('c')", "INSERT INTO draft.unwatched VALUES (1)",
		"INSERT INTO draft.teams VALUES (1,'Oilers')", "UPDATE draft.picks SET player = 'B' WHERE id = 2", "DELETE FROM draft.picks WHERE id = 1", "COMMIT")
	session(t, s, "BEGIN", "INSERT INTO draft.picks (player) VALUES ('never')", "ROLLBACK")
	session(t, s, "BEGIN", "INSERT INTO draft.teams VALUES (2,'kept')", "SAVEPOINT a", "INSERT INTO draft.teams VALUES (3,'undone')",
		"ROLLBACK TO a", "INSERT INTO draft.teams VALUES (4,'kept too')", "COMMIT")
	exec(t, s, "INSERT INTO draft.plain VALUES (1),(2)")
	exec(t, s, "ALTER TABLE draft.teams ADD COLUMN city VARCHAR(20) NOT NULL DEFAULT 'x'")
	exec(t, s, "INSERT INTO draft.teams VALUES (5,'Kraken','Seattle')")
	exec(t, s, "FLUSH BINARY LOGS")
	session(t, s, "BEGIN", "INSERT INTO draft.picks (player) VALUES ('"+long+"1'),('"+long+"2'),('"+long+"3'),('"+long+"4'),('"+long+"5'),('"+long+"6'),('"+long+"7')", "COMMIT")
	session(t, s, "XA START 'one'", "INSERT INTO draft.teams VALUES (6,'xa','c')", "XA END 'one'", "XA PREPARE 'one'")
	exec(t, s, "INSERT INTO draft.teams VALUES (7,'between','c')")
	finishXA(t, s, "COMMIT", "one")
	session(t, s, "XA START 'two'", "INSERT INTO draft.teams VALUES (8,'never','c')", "XA END 'two'", "XA PREPARE 'two'")
	finishXA(t, s, "ROLLBACK", "two")
	session(t, s, "XA START 'three'", "INSERT INTO draft.teams VALUES (9,'one phase','c')", "XA END 'three'", "XA COMMIT 'three' ONE PHASE")
	exec(t, s, "TRUNCATE TABLE draft.teams")
	session(t, s, "SET binlog_format = 'STATEMENT'", "INSERT INTO draft.picks (player) VALUES ('statement')")
	exec(t, s, "INSERT INTO draft.picks (player) VALUES ('last')")
	rd.upTo(t)
	want := []string{
		`insert picks 1,"a"`, `insert picks 2,"b"`, `insert picks 3,"c"`, `insert teams 1,"Oilers"`, `update picks 2,"b" 2,"B"`, `delete picks 1,"a"`,
		`insert teams 2,"kept"`, `insert teams 4,"kept too"`, `insert plain 1`, `insert plain 2`, `insert teams 5,"Kraken","Seattle"`,
	}
	auto := 4 // MySQL and MariaDB both use up a number for the rolled back row
	for i := range 7 {
		want = append(want, fmt.Sprintf(`insert picks %d,"%s%d"`, auto+1+i, long, i+1))
	}
	want = append(want, `insert teams 7,"between","c"`, `insert teams 6,"xa","c"`, `insert teams 9,"one phase","c"`,
		"notice draft.teams", "notice draft.picks", `insert picks 13,"last"`)
	same(t, "live", rd.texts(), want)
	ordered(t, rd.list)
	first := 0
	if !full { // what is told of events from before the ALTER is TestAltered's
		first = slices.IndexFunc(rd.list, func(h heard) bool { return strings.Contains(h.text, "Kraken") })
	}
	replays(t, rd, first)
}

// ordered: ids only grow.
func ordered(t *testing.T, list []heard) {
	t.Helper()
	for i := 1; i < len(list); i++ {
		if c := list[i].pos.Compare(list[i-1].pos); c < 0 || c == 0 && list[i-1].full == "" {
			t.Fatalf("%s (%s) does not come after %s (%s)", list[i].pos, list[i].text, list[i-1].pos, list[i-1].text)
		}
	}
}

// replays: from each id, by a Source that knows nothing, exactly the rest comes.
func replays(t *testing.T, rd *following, first int) {
	t.Helper()
	src, err := New(rd.src.cfg)
	if err != nil {
		t.Fatal(err)
	}
	now := rd.upTo(t)
	for i := first; i < len(rd.list); i++ {
		h := rd.list[i]
		id, err := ParsePosition(h.pos.String())
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, later := range rd.list[i+1:] {
			want = append(want, later.pos.String()+" "+later.text)
		}
		same(t, "from "+id.String(), replay(t, src, id, now), want)
	}
}

var errEnough = errors.New("enough")

// replay lists what comes between two positions.
func replay(t *testing.T, src *Source, from, to Position) (list []string) {
	t.Helper()
	rec := newRecorder()
	err := src.Replay(t.Context(), from, &until{recorder: rec, to: to})
	if !errors.Is(err, errEnough) {
		t.Fatalf("replay from %s: %v", from, err)
	}
	for _, h := range rec.list {
		list = append(list, h.pos.String()+" "+h.text)
	}
	return list
}

// until ends a reading at a checkpoint.
type until struct {
	*recorder
	to Position
}

func (u *until) Checkpoint(p Position, at time.Time) error {
	if p.Compare(u.to) >= 0 {
		return errEnough
	}
	return u.recorder.Checkpoint(p, at)
}
