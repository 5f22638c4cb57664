package cdc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// refusal tells apart what servers put under error 1236, by their texts: those
// of MySQL 8.0 to 9.7 and MariaDB 10.6 to 11, which differ in words and in case.
// seen is true where the dump gave events before: then the place asked for was good.
func (s *Source) refusal(ctx context.Context, err error, asked Position, seen bool) error {
	var my *mysql.MyError
	if !errors.As(err, &my) || my.Code != mysql.ER_MASTER_FATAL_ERROR_READING_BINLOG {
		return explain(err)
	}
	text := strings.ToLower(my.Message)
	says := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	if !seen {
		if err := s.sameLineage(ctx, asked); err != nil {
			return err
		}
	}
	switch {
	case says("same server", "same uuid", "server_uuid/server_id", "server_id as this"):
		return fmt.Errorf("another replica took our server id (%s); set [source] server_id to a number of its own, or to 0", my.Message)
	case says("could not find first log", "could not find the first log", "could not open log file", "no such file"):
		return s.missing(ctx, asked)
	case seen:
		return fmt.Errorf("the server can't read on in its binlog: %s", my.Message)
	case says("> file size", "impossible position"):
		return fmt.Errorf("%w: %s (%s)", ErrAhead, asked, my.Message)
	case says("truncated", "bogus data", "too small", "checksum", "crc", "corrupt", "max_allowed_packet", "read error", "event size"):
		return fmt.Errorf("%w: %s (%s)", ErrInvalid, asked, my.Message)
	}
	return fmt.Errorf("the server refuses its binlog from %s: %s", asked, my.Message)
}

// sameLineage refuses a place in a file of that name that is another file by now: what
// else is wrong with the place does not matter then. Errors other than ErrForeign are
// left to the caller's own reason.
func (s *Source) sameLineage(ctx context.Context, asked Position) error {
	if !asked.checked || asked.pos == firstPos {
		return nil
	}
	begun, err := s.lineage(ctx, Position{file: asked.file, number: asked.number, pos: firstPos})
	if err == nil && begun != asked.lineage {
		return fmt.Errorf("%w: %s was begun as %08x and the id says %08x", ErrForeign, asked.file, begun, asked.lineage)
	}
	return nil
}

// missing says why the server has no file of that name. Files are numbered in
// one row, so one with a number over the newest, begun before the newest was, is
// of another row: of another server, or of before a RESET.
func (s *Source) missing(ctx context.Context, asked Position) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer quit(c)
	files, err := filesOf(c)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%w: the server lists no binlog file", ErrPurged)
	}
	oldest, err := Checkpoint(files[0].name, firstPos, 0)
	if err != nil {
		return err
	}
	newest, err := Checkpoint(files[len(files)-1].name, firstPos, 0)
	if err != nil {
		return err
	}
	holds := fmt.Sprintf("%s; the server holds %s to %s", asked, oldest.file, newest.file)
	if !asked.SameHistory(oldest) {
		return fmt.Errorf("%w: %s", ErrForeign, holds)
	}
	edge, late := oldest, asked.Compare(newest) > 0
	if late {
		edge = newest
	}
	if asked.checked {
		begun, err := s.lineage(ctx, edge)
		if err != nil {
			return err
		}
		if late && asked.lineage < begun || !late && asked.lineage > begun {
			return fmt.Errorf("%w: %s", ErrForeign, holds)
		}
	}
	if late {
		return fmt.Errorf("%w: %s", ErrAhead, holds)
	}
	return fmt.Errorf("%w: %s", ErrPurged, holds)
}
