package rows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

const (
	// patience is how long a load waits for its turn, and for the feed.
	patience = 20 * time.Second
	// tries is how often rows are asked for that were altered meanwhile.
	tries = 8
	// keepsView is how long clients get rows as they were at one checkpoint, while these
	// stay the same: what one of them had rendered serves the others.
	keepsView = 100 * time.Millisecond
)

// Later says that a client is to come back for its rows at another time, and why.
type Later string

func (e Later) Error() string { return string(e) }

var (
	// ErrConfig: another config is in force than the one of the Want.
	ErrConfig = errors.New("the config has changed")
	// ErrKey: Want.After is not a key of the table.
	ErrKey = errors.New("not a key of the table")
)

// Get gives the rows of a window at the newest checkpoint, which is at or past since. It
// waits for them until ctx ends. Release must follow. The error is ErrConfig, a Later,
// the context's, or one of the operator's business.
func (s *Store) Get(ctx context.Context, want Want, part *frame.Part, since cdc.Position) (*Rows, error) {
	for own := false; ; {
		s.mu.Lock()
		if s.ctx == nil {
			s.mu.Unlock()
			return nil, Later("the server is shutting down")
		}
		if want.Catalog != s.catalog {
			s.mu.Unlock()
			return nil, ErrConfig
		}
		if s.at.IsZero() || s.at.Compare(since) < 0 {
			moved := s.wait()
			s.mu.Unlock()
			select {
			case <-moved:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		w := s.windows[want]
		if w != nil && w.laid && s.altered(w) {
			s.spoil(w, errAltered)
			w = nil
		}
		if w == nil {
			w = s.load(want, part)
			own = true
		}
		w.users++
		if w.laid {
			r := s.give(w, since, own)
			s.mu.Unlock()
			return r, nil
		}
		s.mu.Unlock()
		select {
		case <-w.ready:
		case <-ctx.Done():
			s.leave(w)
			return nil, ctx.Err()
		}
		s.mu.Lock()
		if w.err == nil && w.laid && !w.stale && s.windows[want] == w && s.at.Compare(since) >= 0 && !s.altered(w) {
			r := s.give(w, since, own)
			s.mu.Unlock()
			return r, nil
		}
		err := w.err
		s.mu.Unlock()
		s.leave(w)
		if err != nil {
			return nil, err
		}
	}
}

// Ahead has the rows of a window loaded for a client that will want them soon. release
// must follow, after the Get if there is one.
func (s *Store) Ahead(want Want, part *frame.Part) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil || want.Catalog != s.catalog {
		return func() {}
	}
	w := s.windows[want]
	if w == nil {
		w = s.load(want, part)
	}
	w.users++
	return func() { s.leave(w) }
}

// give gives a client the rows of a window; own: it had them loaded. Under mu.
func (s *Store) give(w *window, since cdc.Position, own bool) *Rows {
	if !own {
		s.stats.Hits++
	}
	r := s.rows(w, since)
	s.thin(w)
	return r
}

// altered tells whether a statement has touched the table since the window was loaded: it
// may be before that shows in the binlog, never after.
func (s *Store) altered(w *window) bool {
	return s.source.Version(w.name.schema, w.name.name) != w.version
}

// leave gives a window up on behalf of one client.
func (s *Store) leave(w *window) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.users--
	w.used = time.Now()
	if w.users > 0 {
		return
	}
	if s.windows[w.want] != w || w.laid && w.want.After != "" { // others seldom want what follows one key
		s.drop(w)
	} else if w.laid {
		s.thin(w)
	}
}

// maxFollowing is how many windows of one table are kept for clients to come: the live
// feed stops at each of them for each change.
const maxFollowing = 64

// thin drops windows of w's table where more follow the feed than are kept: those that
// were used the longest ago, else w, whose client has what it needs and may take long to
// read it. One that many ask for stays, however many others are asked for once.
func (s *Store) thin(w *window) {
	t := s.tables[w.name]
	for t != nil && len(t.windows) > maxFollowing {
		oldest := w
		for _, o := range t.windows {
			if o.laid && o.users == 0 && (oldest.users > 0 || o.used.Before(oldest.used)) {
				oldest = o
			}
		}
		if !oldest.follows || oldest.users > 1 {
			return
		}
		s.drop(oldest)
	}
}

// load begins to load a window; under mu.
func (s *Store) load(want Want, part *frame.Part) *window {
	w := &window{want: want, part: part, ready: make(chan struct{}), name: nameOf(want.Catalog.Streams()[want.Stream].Table)}
	s.windows[want] = w
	ctx := s.ctx
	s.wg.Go(func() {
		err := s.fill(ctx, w)
		s.mu.Lock()
		defer s.mu.Unlock()
		if w.err = err; err != nil || s.windows[want] != w {
			w.stale = w.stale || err != nil || !w.laid
			s.drop(w)
		}
		close(w.ready)
	})
	return w
}

// fill loads a window, again where the table was altered meanwhile.
func (s *Store) fill(ctx context.Context, w *window) error {
	select {
	case s.queries <- struct{}{}:
	case <-time.After(patience):
		return Later("too many ask for rows")
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.queries }()
	if s.abandoned(w) {
		return Later("the clients that wanted the rows have left")
	}
	var err error
	for try := range tries {
		if err = s.fillOnce(ctx, w); !errors.Is(err, errAgain) {
			break
		}
		select {
		case <-time.After(time.Duration(try) * 20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	stream := w.want.Catalog.Name(w.want.Stream)
	switch {
	case errors.Is(err, errDropped):
		return nil // whoever waits has it loaded again
	case err == nil || ctx.Err() != nil || errors.Is(err, ErrKey) || errors.As(err, new(Later)):
		return err
	}
	s.mu.Lock()
	says := s.says(stream)
	s.mu.Unlock()
	switch {
	case !says:
	case errors.Is(err, errAgain):
		s.Logger.Warn("the rows of a stream can't be had, since its table changes all the time", "stream", stream, "cause", err)
	default:
		s.Logger.Error("the rows of a stream can't be had", "stream", stream, "cause", err)
	}
	return Later("the rows can't be had at the moment")
}

// saysEvery is how often the log says of a stream that its rows can't be had.
const saysEvery = 10 * time.Second

// says tells whether the log is to say something of a stream: clients come back all the
// time. Under mu.
func (s *Store) says(stream string) bool {
	if time.Since(s.said[stream]) < saysEvery {
		return false
	}
	if s.said == nil || len(s.said) > 1000 {
		s.said = map[string]time.Time{}
	}
	s.said[stream] = time.Now()
	return true
}

// abandoned tells whether nobody waits for a window any more: clients that wait ask at
// least once a second.
func (s *Store) abandoned(w *window) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return w.users == 0 && time.Since(w.used) > 2*time.Second
}

// errDropped: the window was given up while it was loaded.
var errDropped = errors.New("the window was given up")

// errAgain: the table was altered, or changed where it may not.
var errAgain = errors.New("the table was changed while it was read")

func (s *Store) fillOnce(ctx context.Context, w *window) error {
	low, err := s.join(ctx, w)
	if err != nil {
		return err
	}
	begun, version := time.Now(), s.source.Version(w.name.schema, w.name.name)
	got, err := s.source.Select(ctx, cdc.Selection{
		Schema: w.name.schema, Table: w.name.name, Low: low,
		Newest: func() *cdc.Image { return s.newest(w.name) },
		Plan:   func(t *cdc.Table) (cdc.SelectPlan, error) { return s.plan(w, t) },
		Row:    func(rec []byte) error { return s.take(w, rec) },
	})
	enough := errors.Is(err, errEnough) // what was read is as good as all, but for where the binlog ended after the view
	if enough {
		got.At, err = s.source.Now(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Queries++
	s.stats.Time += time.Since(begun)
	if err != nil {
		s.unjoin(w)
		return err
	}
	w.cut = w.cut || enough
	if err := s.reach(ctx, got.At); err != nil {
		s.unjoin(w)
		return err
	}
	if s.windows[w.want] != w {
		s.unjoin(w)
		return errDropped
	}
	if w.stale || s.source.Version(w.name.schema, w.name.name) != version {
		s.unjoin(w)
		return errAgain
	}
	before := w.bytes
	w.version = version
	w.lay()
	s.stats.Held += w.bytes - before
	if w.stale { // rows were deleted that it would need
		s.unjoin(w)
		return fmt.Errorf("%w: most of the rows were deleted", errAgain)
	}
	return nil
}

// join has the window follow the feed, and says from where.
func (s *Store) join(ctx context.Context, w *window) (low cdc.Position, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.windows[w.want] != w {
		return low, errDropped
	}
	w.stale, w.cut, w.selected, w.slab = false, false, nil, nil
	if s.inGroup {
		s.joining = append(s.joining, w)
	} else {
		s.follow(w)
	}
	deadline, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for (!w.follows || s.at.IsZero()) && s.windows[w.want] == w {
		if err := s.sleep(deadline); err != nil {
			return low, err
		}
	}
	if s.windows[w.want] != w {
		return low, errDropped
	}
	return s.at, nil
}

// sleep waits for the feed to move; under mu, which it gives up meanwhile.
func (s *Store) sleep(ctx context.Context) error {
	moved := s.wait()
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-moved:
		return nil
	case <-ctx.Done():
		return Later("the binlog is not read as far as the rows are")
	}
}

// reach waits until the feed has passed a place; under mu.
func (s *Store) reach(ctx context.Context, at cdc.Position) error {
	deadline, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for s.at.IsZero() || s.at.Compare(at) < 0 {
		if err := s.sleep(deadline); err != nil {
			return err
		}
	}
	return nil
}

// unjoin ends the following of a load that has failed; under mu.
func (s *Store) unjoin(w *window) {
	if t := s.tables[w.name]; t != nil {
		t.windows = slices.DeleteFunc(t.windows, func(o *window) bool { return o == w })
	}
	s.joining = slices.DeleteFunc(s.joining, func(o *window) bool { return o == w })
	s.unnote(w)
	s.stats.Held -= w.bytes
	w.follows, w.laid, w.bytes, w.selected, w.slab, w.list = false, false, 0, nil, nil, nil
}

// newest is the row that changed last, for the source to probe; nil: none is known.
func (s *Store) newest(name table) *cdc.Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[name]
	if t == nil || len(t.newest) == 0 || t.shape == nil {
		return nil
	}
	var im cdc.Image
	if t.shape.Read(&im, slices.Clone(t.newest)) != nil {
		return nil
	}
	return &im
}

// plan says what to ask the database for.
func (s *Store) plan(w *window, t *cdc.Table) (q cdc.SelectPlan, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := w.bind(t)
	if err != nil {
		return q, err
	}
	w.bound, w.selected, w.slab, w.seen, w.begin = b, nil, nil, 0, nil
	q = cdc.SelectPlan{Shape: b.shape, Where: b.plan.Where(), Order: b.plan.OrderBy()}
	switch {
	case b.key == nil && w.want.Limit == 0: // rows once, as one block
	case w.want.Limit == 0:
		q.Limit = w.want.Chunk + 1
	default:
		q.Limit = w.want.Limit + slack(w.want.Limit) + 1
	}
	if w.want.After == "" {
		return q, nil
	}
	if w.begin, err = b.place([]byte(w.want.After)); err != nil {
		return q, fmt.Errorf("%w: %w", ErrKey, err)
	}
	var im cdc.Image
	if err := b.key.Read(&im, []byte(w.want.After)); err != nil {
		return q, err
	}
	after, err := b.plan.After(&im)
	if err != nil {
		return q, err
	}
	if q.Where != "" {
		after = "(" + q.Where + ") AND (" + after + ")"
	}
	q.Where = after
	return q, nil
}

// errEnough ends a SELECT whose rows are many bytes.
var errEnough = errors.New("as many bytes as a client is to be sent at a time")

// defaultChunk is about how many bytes one chunk of all rows may have.
const defaultChunk = 2 << 20

// slabBytes is how much memory is made for records at a time where all rows are read: of
// a window of the first so many, which is kept for long, a slab would stay for its last row.
const slabBytes = 64 << 10

// take takes a row that was selected.
func (s *Store) take(w *window, rec []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.slab == nil && w.want.Limit == 0 {
		w.slab = make([]byte, 0, slabBytes)
	}
	r, slab, err := w.bound.record(w.slab, rec)
	if err != nil {
		return err
	}
	if w.want.Limit == 0 {
		w.slab = slab
	}
	n := len(w.selected)
	if n > 0 && w.bound.plan.Compare(w.selected[n-1].place, r.place) > 0 {
		return fmt.Errorf("the database orders rows by %s in another way than rowcast; please report this", w.bound.plan.OrderBy())
	}
	if w.limit() > 0 && w.seen == w.limit() {
		w.cut = true
		return nil
	}
	w.seen++
	w.end, w.last = r.place, r.key
	ok, err := w.bound.plan.Match(&w.bound.im)
	if err != nil || !ok {
		if stream := w.want.Catalog.Name(w.want.Stream); s.says(stream) {
			s.Logger.Error("the database and rowcast judge a row differently by where; it is not sent", "stream", stream, "cause", err)
		}
		return nil
	}
	w.selected = append(w.selected, r)
	w.bytes += r.size()
	s.stats.Held += r.size()
	if !s.room() {
		return Later("[stream] rows_memory is used up")
	}
	if w.want.byKey() && w.bound.key != nil && w.bytes > s.Chunk {
		return errEnough
	}
	return nil
}

// limit is how many rows of the SELECT are kept: one more tells that there are others.
func (w *window) limit() int {
	switch {
	case w.bound.key == nil && w.want.Limit == 0:
		return 0
	case w.want.Limit == 0:
		return w.want.Chunk
	}
	return w.want.Limit + slack(w.want.Limit)
}
