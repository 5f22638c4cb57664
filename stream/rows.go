package stream

import (
	"context"
	"errors"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
	"rowcast/stream/internal/fanout"
	"rowcast/stream/internal/history"
	"rowcast/stream/internal/rows"
)

const (
	// chunkRows is how many rows of a stream that gives all are selected at a time.
	chunkRows = 4096
	// rowsPatience is how long a client waits for rows before it is sent away.
	rowsPatience = 30 * time.Second
	// quickChunk is how long a quick client takes for a chunk.
	quickChunk = time.Second
)

// sendRows gives the client the rows that it has still to get, and between them the
// changes of what it has already. Its cursor stands where the last ones are of then.
func (s *subscriber) sendRows(ctx context.Context) error {
	none := func() {}
	release := none // what was loaded ahead
	defer func() { release() }()
	quick := false // the client is: of a slow one, what was loaded ahead would be held for long
	for s.Rows.Pending != 0 {
		got, err := s.awaitRows(ctx)
		release()
		if release = none; err != nil {
			return err
		}
		if got == nil {
			continue // they begin again, under another config
		}
		if quick {
			release = s.ahead(got)
		}
		begun := time.Now()
		err = s.sendPart(ctx, got)
		got.Release()
		if err != nil {
			return err
		}
		quick = time.Since(begun) < quickChunk
	}
	s.Until, s.Why = cdc.Position{}, ""
	return nil
}

// ahead has the rows after these loaded, while the client takes these: the database and
// the network work side by side.
func (s *subscriber) ahead(got *rows.Rows) (release func()) {
	next, part := s.want()
	if next.Chunk == 0 || !got.More || got.Last == nil {
		return func() {}
	}
	next.After = string(got.Last)
	return s.server.rows.Ahead(next, part)
}

// want is the rows that the client gets next.
func (s *subscriber) want() (rows.Want, *frame.Part) {
	p := s.Sub.Rows()[s.Rows.Next()]
	w := rows.Want{Catalog: s.Sub.Catalog(), Stream: p.Part.Stream, Binding: p.Part.ID(), Limit: p.Limit}
	if p.All {
		w.Chunk, w.After = chunkRows, string(s.After())
	}
	return w, p.Part
}

// awaitRows waits for the rows that come next, and lets the client hear meanwhile that
// it is waited for. nil: another config is in force, and the rows begin again.
func (s *subscriber) awaitRows(ctx context.Context) (*rows.Rows, error) {
	begun := time.Now()
	for {
		want, part := s.want()
		slice, stop := context.WithTimeout(ctx, min(time.Second, s.server.config.Heartbeat))
		got, err := s.server.rows.Get(slice, want, part, s.Pos)
		stop()
		switch {
		case err == nil:
			return got, nil
		case errors.Is(err, rows.ErrConfig):
			catalog, _ := s.server.history.Live().Current()
			moved, buf, err := s.Rebind(catalog, nil)
			if err != nil {
				return nil, s.finish(buf, err)
			}
			if moved {
				return nil, nil
			}
			soon := time.NewTimer(10 * time.Millisecond) // the rows are about to be under the newest config as well
			select {
			case <-soon.C:
			case <-ctx.Done():
			}
		case errors.Is(err, rows.ErrKey):
			s.AgainHere("resume")
			return nil, nil
		case errors.As(err, new(rows.Later)):
			return nil, s.finish(nil, later(err.Error()))
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		select {
		case <-s.gone():
			return nil, fanout.ErrLeft
		default:
		}
		switch {
		case s.server.clients.closing.Load():
			return nil, s.finish(nil, shuttingDown)
		case time.Since(begun) > rowsPatience:
			return nil, s.finish(nil, later("the rows took too long"))
		case s.poll == nil && time.Since(s.last) >= s.server.config.Heartbeat:
			if err := s.send(s.heartbeat(nil)); err != nil {
				return nil, err
			}
		}
	}
}

// sendPart brings the client to where rows are of, and gives it these.
func (s *subscriber) sendPart(ctx context.Context, got *rows.Rows) error {
	part := s.Sub.Rows()[s.Rows.Next()]
	var from []byte // where the client goes on in the midst of rows that come at once
	if key := s.Rows.Key; key != nil && s.During.Place == nil {
		place, err := got.Place(key)
		if err != nil || !part.All && !got.Plan.Resumable() {
			s.AgainHere("resume") // a key of another table
			return nil
		}
		s.During = frame.During{Plan: got.Plan, Key: key}
		if part.All {
			s.During.Place = place
		} else {
			from = place
		}
	}
	if again, err := s.bringTo(ctx, got.At); again || err != nil {
		return err
	}
	if from != nil && s.During.Missed {
		s.AgainHere("resume") // the first so many may be others now, and what the client has may have changed
		return nil
	}
	name := s.Sub.Catalog().Name(part.Part.Stream)
	var buf []byte
	if s.After() == nil {
		s.sentRows = 0
		var id cdc.ID
		if s.Why != "start" || s.Rows.Pending != s.Sub.AllRows().Pending { // else a client that is cut off here begins again without an id
			id = cdc.ID{Position: got.At, Rows: s.Rows}
		}
		buf = frame.AppendRows(nil, id, name, s.Why)
	}
	if s.poll != nil {
		s.poll.whole = !got.Plan.Resumable()
	}
	rest, err := s.sendList(got, from, buf)
	if err != nil {
		return err
	}
	s.sentRows += got.Len()
	s.server.metrics.rowsSent.Add(float64(got.Len()))
	s.Sent = got.At
	if got.More && part.All && got.Last != nil {
		place, err := got.Place(got.Last)
		if err != nil {
			return err
		}
		got.ID(&s.Rows, string(got.Last))
		s.During = frame.During{Plan: got.Plan, Place: place, Key: got.Last}
		return s.send(rest...)
	}
	s.Rows.Done()
	s.During = frame.During{}
	return s.send(append(rest, frame.AppendReady(nil, cdc.ID{Position: got.At, Rows: s.Rows}, name, s.sentRows, got.More))...)
}

// sendList sends rows, those past a place unless it is nil, after what buf holds, but
// for the rest of them, which goes out with what follows.
func (s *subscriber) sendList(got *rows.Rows, from, buf []byte) (rest [][]byte, _ error) {
	if len(s.Sub.Rows()) == 1 && s.After() == nil { // then from is nil
		switch blocks, err := got.Blocks(s.Rows.Of); {
		case err != nil:
			return nil, s.unsendable(err)
		case blocks != nil:
			return [][]byte{buf, blocks}, nil
		}
	}
	at := s.Rows
	err := got.Each(from, func(key, event string, data []byte) error {
		buf = frame.AppendRow(buf, got.ID(&at, key), event, data)
		if len(buf) < batchBytes {
			return nil
		}
		err := s.send(buf)
		buf = buf[:0]
		if err != nil {
			return sendError{err}
		}
		return nil
	})
	if broken, ok := errors.AsType[sendError](err); ok {
		return nil, broken.error
	}
	if err != nil {
		return nil, s.unsendable(err)
	}
	return [][]byte{buf}, nil
}

// sendError is of the connection rather than of a row.
type sendError struct{ error }

// unsendable ends the response of a client for a row that can't be rendered.
func (s *subscriber) unsendable(err error) error {
	s.server.logger.Error("a row can't be sent; mend the row or the stream, clients come back for it", "cause", err)
	return s.finish(nil, later("a row can't be sent"))
}

// bringTo has the client get the changes up to a checkpoint, as far as it has what they
// are of. again: its rows have to begin again.
func (s *subscriber) bringTo(ctx context.Context, at cdc.Position) (again bool, err error) {
	if !s.begun() {
		catalog := s.Sub.Catalog()
		buf, err := s.server.history.Seek(ctx, &s.Cursor, at, nil)
		if err != nil {
			return true, s.finish(buf, err)
		}
		return s.Sub.Catalog() != catalog || len(buf) > 0, s.send(buf)
	}
	pooled := batches.Get().(*[]byte)
	defer batches.Put(pooled)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	s.Until = at
	begun := s.Begun
	for s.Pos.Compare(at) < 0 {
		buf, v, err := s.Next((*pooled)[:0], batchBytes, history.ToEnd)
		werr := s.deliver(buf, v)
		*pooled = buf[:0]
		if werr != nil {
			return true, werr
		}
		if s.Begun != begun {
			return true, nil
		}
		buf, moved, err := s.server.history.Move(ctx, &s.Cursor, v, err, buf[:0])
		if err != nil {
			return true, s.finish(buf, err)
		}
		if err := s.send(buf); err != nil {
			return true, err
		}
		switch {
		case s.Begun != begun:
			return true, nil
		case s.answered(!moved && len(v.Frames) == 0):
			return true, errAnswered
		case s.server.clients.closing.Load():
			return true, s.finish(nil, shuttingDown)
		case ctx.Err() != nil:
			return true, ctx.Err()
		case moved || len(v.Frames) > 0 || s.Pos.Compare(at) >= 0:
			continue
		}
		if err := s.idle(ctx, v, timer); err != nil {
			return true, err
		}
	}
	return false, nil
}

// begun tells whether the client has something already: rows, or changes of a stream that
// gives none.
func (s *subscriber) begun() bool {
	return s.After() != nil || s.Rows.Pending != s.Sub.AllRows().Pending || s.Placed() && len(s.Sub.Rows()) < len(s.Sub.Parts)
}
