package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const lineage = 0x67a1f3b2

func at(file, pos int, lineage uint32) cdc.Position {
	p, err := cdc.Checkpoint(fmt.Sprintf("binlog.%06d", file), uint32(pos), lineage)
	if err != nil {
		panic(err)
	}
	return p
}

func change(start cdc.Position, event, row int) cdc.Position {
	file, lineage, _ := strings.Cut(start.String(), "~")
	p, err := cdc.ParsePosition(fmt.Sprintf("%s/%d.%d~%s", file, event, row, lineage))
	if err != nil {
		panic(err)
	}
	return p
}

// blockOf is an event's block as an Encoder writes it.
func blockOf(pos cdc.Position, data []byte) []byte {
	return fmt.Appendf(nil, "id: %s\ndata: %s\n\n", pos, data)
}

// ids are those of the blocks in buf.
func ids(buf []byte) (list []string) {
	for line := range strings.Lines(string(buf)) {
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			list = append(list, strings.TrimSpace(id))
		}
	}
	return list
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s: %d events, want %d; they differ at %d", what, len(got), len(want), i)
			return
		}
	}
}

// fakeRenderer has the stream picks, of which every change is an event.
type fakeRenderer struct{ param bool } // it takes team

func (r fakeRenderer) Streams() []frame.Info {
	info := frame.Info{Name: "picks", Table: "db.picks"}
	if r.param {
		info.Params = []frame.Param{{Name: "team", Required: true}}
	}
	return []frame.Info{info}
}

func (fakeRenderer) Wants(_, _ []byte) bool     { return true }
func (fakeRenderer) Affected(_, _ string) []int { return []int{0} }
func (fakeRenderer) Overlap(i, j int) bool      { return i == j }
func (fakeRenderer) Render(c *cdc.Change, emit frame.Emit) {
	emit(0, c.Op, "", []byte("x"), nil, nil, nil)
}

type teamBinding string

func (b teamBinding) Key() string                 { return string(b) }
func (b teamBinding) ID() string                  { return string(b) }
func (b teamBinding) Match(tag any) (bool, error) { return tag == string(b)+":", nil }

func (r fakeRenderer) Bind(_ int, params map[string]string) (frame.Binding, error) {
	if !r.param {
		return nil, nil
	}
	return teamBinding(params["team"]), nil
}

// fakeSource is a binlog of one file with a change in each group of 100 bytes.
type fakeSource struct {
	groups int
	slow   time.Duration // before each group of a replay
	panics bool          // the next Now does

	mu   sync.Mutex
	nows int
}

func (f *fakeSource) start(group int) cdc.Position { return at(1, 100*group+4, lineage) }
func (f *fakeSource) end() cdc.Position            { return f.start(f.groups) }

func (f *fakeSource) Now(context.Context) (cdc.Position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.panics {
		f.panics = false
		panic("once")
	}
	f.nows++
	return f.end(), nil
}

func (f *fakeSource) Status() cdc.Status { return cdc.Status{Connected: true, CaughtUp: true} }

func (f *fakeSource) Read(ctx context.Context, _ cdc.Position, h cdc.Handler) error {
	if err := h.Checkpoint(f.end(), time.Time{}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *fakeSource) Replay(ctx context.Context, from cdc.Position, h cdc.Handler) error {
	group := (int(from.Offset()) - 4) / 100
	if err := h.Checkpoint(f.start(group), time.Time{}); err != nil {
		return err
	}
	for ; group < f.groups; group++ {
		if err := pause(ctx, f.slow); err != nil {
			return err
		}
		start := f.start(group)
		err := errors.Join(h.Begin(start), h.Change(&cdc.Change{Pos: change(start, 0, 0), Op: cdc.Insert}))
		if err == nil {
			err = h.Checkpoint(f.start(group+1), time.Time{})
		}
		if err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func subscribe(t *testing.T, c *frame.Catalog, params map[string]string) *frame.Subscription {
	t.Helper()
	sub, err := c.Subscribe([]string{"picks"}, params)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// newStore is a Store of src that runs until stop is called.
func newStore(t *testing.T, src Source, o Options) (s *Store, sub *frame.Subscription, stop func()) {
	t.Helper()
	c := frame.NewCatalog(fakeRenderer{}, nil)
	sub = subscribe(t, c, nil)
	o.Logger = slog.New(slog.DiscardHandler)
	s = New(src, c, o)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1) // Run's one answer
	go func() { ran <- s.Run(ctx) }()
	for s.Live().headNow().IsZero() {
		v, _ := s.Live().Read(s.Live().End())
		select {
		case <-v.Wake:
		case <-time.After(time.Millisecond): // a head may come without a frame
		}
	}
	return s, sub, func() {
		t.Helper()
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// read has the client take events until it has n, or ends.
func read(t *testing.T, s *Store, c *Cursor, n int) (got []string) {
	t.Helper()
	for len(got) < n {
		buf, v, err := c.Next(nil, 1<<20, ToEnd)
		got = append(got, ids(buf)...)
		buf, moved, err := s.Move(t.Context(), c, v, err, nil)
		if err != nil || len(buf) > 0 {
			t.Fatalf("after %d events: %q, %v", len(got), buf, err)
		}
		if len(got) < n && !moved && len(v.Frames) == 0 {
			<-v.Wake
		}
	}
	return got
}
