package stream

import (
	"context"
	"time"

	"rowcast/cdc"
	"rowcast/stream/frame"
)

// A RESET of the binlog does not end the dump that is under way: the server lets
// it hang until the new file has outgrown the old one, and until then ids of the
// old binlog would seem fine. At rest the server is not asked, so the question is
// put when a client comes, for all who come meanwhile at once: soon for one with
// an id, which could be of the old binlog, now and then for others.
const (
	recheckPause = 250 * time.Millisecond
	recheckLazy  = 10 * time.Second
)

// recheck asks for a look at the server, without waiting for it.
func (s *Server) recheck(resumes bool) {
	if !resumes && time.Since(time.Unix(0, s.rechecked.Load())) < recheckLazy {
		return
	}
	select {
	case s.rechecks <- struct{}{}:
	default: // one is due already
	}
}

// runRechecks ends the live reading if the server's binlog is not the one it reads.
func (s *Server) runRechecks(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.rechecks:
		}
		s.rechecked.Store(time.Now().UnixNano())
		stop := s.readingNow() // before head is known, so that a reading begun meanwhile is not ended for what the last one read
		if head := s.live.log.headNow(); !head.IsZero() && s.source.Status().Connected {
			ask, cancel := context.WithTimeout(ctx, nowTimeout)
			now, err := s.source.Now(ask)
			cancel()
			if err == nil && gone(head, now) {
				stop(frame.Foreign)
			}
		}
		if pause(ctx, recheckPause) != nil {
			return
		}
	}
}

// gone tells whether a binlog that ends at now, asked for later, can't be the one
// that was read up to head.
func gone(head, now cdc.Position) bool {
	return !now.SameHistory(head) || now.Compare(head) < 0
}

// reading begins a reading that a recheck can end.
func (s *Server) reading(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.rechecked.Store(time.Now().UnixNano()) // it asks the server itself
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopReading = cancel
	return ctx, cancel
}

// readingNow ends the reading that is under way at the moment of the call.
func (s *Server) readingNow() (end context.CancelCauseFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopReading
}
