package history

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// Options of a Store.
type Options struct {
	History    int64 // bytes of frames that the live Log holds
	MaxReplays int   // lanes at a time
	Lanes      LaneOptions
	Logger     *slog.Logger // must not be nil

	// Pace is called before frames of the live feed become visible, and may wait, on
	// its goroutine, for as long as ctx lasts; may be nil.
	Pace func(ctx context.Context) error
	// Published is called for each frame of the live feed, on its goroutine; may be nil.
	Published func(c *frame.Catalog, f *frame.Frame)
	// Follower sees what the live feed reads; may be nil.
	Follower Follower
	// Resumed is called for each client that begins or has to begin again: from is
	// now, rows, history, binlog (a replay) or reset, which has a reason; may be nil.
	Resumed func(from, reason string)
}

// Store is the history of one Source. Its methods are safe for concurrent use; a
// Cursor is not.
type Store struct {
	source  Source
	live    *liveFeed
	lanes   *lanes
	now     nowCache
	resumed func(from, reason string)
}

// New makes a Store that begins with the config c. Nothing runs before Run.
func New(src Source, c *frame.Catalog, o Options) *Store {
	if o.Resumed == nil {
		o.Resumed = func(string, string) {}
	}
	s := &Store{source: src, live: newLiveFeed(c, src, o), resumed: o.Resumed}
	s.lanes = &lanes{LaneOptions: o.Lanes.withDefaults(o.History), max: o.MaxReplays, live: s.live.log, source: src,
		catalog: c, freed: make(chan struct{})}
	s.live.reached = func(p cdc.Position) error {
		if s.live.lost && !p.IsZero() { // the Log has begun again
			s.live.lost = false
			s.lanes.seal(errLost)
		}
		s.lanes.tidy()
		return nil
	}
	return s
}

// Run follows the source until ctx ends, then returns nil; or until the source
// refuses for good, then returns its error. All goroutines have ended by then.
func (s *Store) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	s.lanes.run(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.live.runRechecks(ctx) })
	err := s.live.run(ctx)
	cancel()
	wg.Wait()
	s.lanes.close()
	return err
}

// Swap puts a new config in force, between two groups: at once where none is being
// read. Each Cursor finds it in its turn.
func (s *Store) Swap(c *frame.Catalog) {
	s.live.Swap(c)
	s.lanes.swap(c)
}

// Seal keeps what was rendered so far from clients that come from now on: their keys
// are of another form. They are served from the binlog. It may be called while a
// feed renders, on its goroutine.
func (s *Store) Seal() {
	s.live.log.seal()
	s.lanes.seal(errSealed)
}

// Live is the Log of the live feed.
func (s *Store) Live() *Log { return s.live.log }

// Lanes is how many lanes there are.
func (s *Store) Lanes() int { return s.lanes.count() }

// Later says that the client is to come back at another time, and why.
type Later string

func (e Later) Error() string { return string(e) }

const away = Later("the database can't be reached")

// Start places the cursor of a new client where its id says; "" is from now on, or
// with the rows that it wants, which have a place of their own. buf takes what the
// client has to read first: the checkpoint that it begins at, or a reset. The error is
// a Later or ErrGone.
func (s *Store) Start(ctx context.Context, c *Cursor, id string, buf []byte) ([]byte, error) {
	at, err := cdc.ID{}, error(nil)
	from := "now"
	if id != "" {
		from = "history"
		at, err = cdc.ParseID(id)
	}
	pos := at.Position
	switch {
	case err != nil:
		err = frame.Loss{Reason: frame.Invalid.Reason, Message: frame.Invalid.Message + " (" + err.Error() + ")"}
	case !s.source.Status().Connected:
		return buf, away // clients that are here already stay, and miss nothing
	case id == "" && len(c.Sub.Rows()) > 0:
		c.Again("start")
		s.resumed("rows", "")
		return buf, nil
	default:
		c.Sent = pos
		buf, err = s.locate(ctx, c, resumes(pos, c.Sub), buf)
	}
	var why frame.Loss
	if errors.As(err, &why) {
		return s.restart(ctx, c, why, id, buf)
	}
	if err == nil {
		if c.Replaying() {
			from = "binlog"
		}
		s.resumed(from, "")
		if c.Sent = pos.WithLineage(c.Pos); id == "" {
			c.Sent = c.Pos
		}
		if all := c.Sub.AllRows(); at.Rows.Pending != 0 && all.Pending != 0 {
			if c.Rows, c.Why = at.Rows, "resume"; at.Rows.Of != all.Of || at.Rows.Pending > all.Pending {
				c.Rows, c.Why = all, "config" // the id is of others
			}
			return buf, nil
		}
		buf = frame.AppendCheckpoint(buf, c.Sent)
	}
	return buf, err
}

// resumes is where a client with the id pos goes on. With several streams it may have
// only some of the change's events.
func resumes(pos cdc.Position, sub *frame.Subscription) cdc.Position {
	switch {
	case !pos.IsChange():
		return pos
	case len(sub.Parts) > 1:
		return pos.BeforeChange()
	}
	return pos.Change()
}

// Seek puts the cursor at a checkpoint that the live feed has passed: the place of rows
// that the client gets. Its errors are those of Start.
func (s *Store) Seek(ctx context.Context, c *Cursor, at cdc.Position, buf []byte) ([]byte, error) {
	buf, err := s.locate(ctx, c, at, buf)
	var why frame.Loss
	if errors.As(err, &why) {
		return s.reset(ctx, c, why, buf)
	}
	return buf, err
}

// Move deals with what Next has found: the log's end, the end of a lane, frames that
// are no longer held. buf, which the caller has sent, takes what the client has to
// read about it. moved: the cursor stands elsewhere, or has ended. The error is a
// Later or ErrGone.
func (s *Store) Move(ctx context.Context, c *Cursor, v View, err error, buf []byte) (_ []byte, moved bool, _ error) {
	switch {
	case errors.Is(err, errBehind):
		if !c.Replaying() {
			c.lagged = true
			s.resumed("binlog", "")
		}
		buf, err = s.relocate(ctx, c, buf)
	case err != nil:
	case c.Replaying() && s.goesOnLive(c):
		buf, err = s.relocate(ctx, c, buf)
	case len(v.Frames) > 0:
		return buf, false, nil
	case c.Ahead(v) && c.log.find(c.Pos).where == foreign:
		buf, err = s.reset(ctx, c, frame.Foreign, buf)
	case v.closed != nil:
		buf, err = s.afterLane(ctx, c, v, buf)
	default:
		return buf, false, nil
	}
	return buf, true, err
}

// Ahead tells whether the log has still to come to where the cursor stands.
func (c *Cursor) Ahead(v View) bool { return c.Pos.Compare(v.Reach) > 0 }

// goesOnLive tells whether the live log has what follows. Not under another config:
// one transaction is judged by one.
func (s *Store) goesOnLive(c *Cursor) bool {
	p := s.live.log.find(c.Pos)
	return p.where == here && p.catalog == c.Sub.Catalog()
}

// locate puts the cursor where everything past pos can be had; zero: from now on.
// buf takes what the client has to hear of a config that changed. The error is a
// frame.Loss, a Later or ErrGone.
func (s *Store) locate(ctx context.Context, c *Cursor, pos cdc.Position, buf []byte) ([]byte, error) {
	s.live.recheck(!pos.IsZero())
	p := s.live.log.find(pos)
	switch p.where {
	case nowhere:
		return buf, away
	case foreign:
		return buf, frame.Foreign
	case below: // also from now on, while a group that is larger than history is being read
		return s.lanes.join(ctx, c, p.pos, buf)
	case above:
		if err := s.inBinlog(ctx, pos); err != nil {
			return buf, err
		}
	case here:
		if p.bad != nil {
			return buf, *p.bad
		}
	}
	return c.attach(s.live.log, nil, p, p.pos, buf)
}

// inBinlog asks the server for a position past what was read: another instance may
// have come further.
func (s *Store) inBinlog(ctx context.Context, pos cdc.Position) error {
	now, err := s.now.get(ctx, s.source, pos)
	switch {
	case err != nil:
		return away
	case !now.SameHistory(pos):
		return frame.Foreign
	case pos.Compare(now) > 0 && begunBefore(pos, now):
		return frame.Foreign
	case pos.Compare(now) > 0:
		return frame.Ahead
	}
	return nil
}

// begunBefore: files are numbered in the order in which they are begun, so a file
// of a higher number that was begun earlier is of before a RESET.
func begunBefore(pos, now cdc.Position) bool {
	begun, ok := pos.Lineage()
	newest, known := now.Lineage()
	return ok && known && pos.File() != now.File() && begun < newest
}

// restart puts the cursor at the newest checkpoint and tells the client why.
func (s *Store) restart(ctx context.Context, c *Cursor, why frame.Loss, lastID string, buf []byte) ([]byte, error) {
	p := s.live.log.find(cdc.Position{})
	if p.where == nowhere {
		return buf, away
	}
	s.resumed("reset", why.Reason)
	buf = c.appendReset(buf, p.head, why, lastID)
	if p.where == below { // as in locate
		return s.lanes.join(ctx, c, p.head, buf)
	}
	return c.attach(s.live.log, nil, p, p.head, buf)
}

func (s *Store) relocate(ctx context.Context, c *Cursor, buf []byte) ([]byte, error) {
	buf, err := s.locate(ctx, c, c.Pos, buf)
	var why frame.Loss
	if errors.As(err, &why) {
		return s.reset(ctx, c, why, buf)
	}
	return buf, err
}

// reset is restart for a client that was connected.
func (s *Store) reset(ctx context.Context, c *Cursor, why frame.Loss, buf []byte) ([]byte, error) {
	if c.lagged && why == frame.Purged {
		why = frame.Slow
	}
	c.lagged = false
	return s.restart(ctx, c, why, ID(c.Sent), buf)
}

// afterLane decides for a client that has taken all of a lane that ended. Only
// the client from whose position the lane began is judged by what the source
// said of it.
func (s *Store) afterLane(ctx context.Context, c *Cursor, v View, buf []byte) ([]byte, error) {
	why, refused := frame.LossOf(v.closed)
	switch {
	case refused && c.seat.blamed(c.Pos, why):
		return s.reset(ctx, c, why, buf)
	case refused || movesOn(v.closed):
		return s.relocate(ctx, c, buf)
	}
	if p, ok := c.Checkpoint(); ok && c.Rows.Pending == 0 {
		c.Sent = p
		buf = frame.AppendCheckpoint(buf, p)
	}
	return buf, Later(v.closed.Error())
}
