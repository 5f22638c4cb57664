package soak

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// block is one complete block of an event stream. Only its blank line makes it so.
type block struct {
	id, event string
	data      []byte
	hasData   bool
	retry     string
}

// errTorn: a response ended in order, but in the middle of a block.
var errTorn = errors.New("the response ended in order inside a block")

// errForm: bytes that no event stream of rowcast may hold.
var errForm = errors.New("malformed event stream")

// sseReader is a strict parser: what a lenient one would skip is an error.
type sseReader struct {
	r       *bufio.Reader
	partial bool // inside a block
	rows    bool // where rows come, there are events without an id
}

func newSSE(r io.Reader) *sseReader { return &sseReader{r: bufio.NewReaderSize(r, 16<<10)} }

func (s *sseReader) next(b *block) error {
	*b = block{data: b.data[:0]}
	var line []byte
	for {
		part, err := s.r.ReadSlice('\n')
		line = append(line, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF && (len(line) > 0 || s.partial) {
			return errTorn
		}
		if err != nil {
			return err
		}
		line = line[:len(line)-1]
		if len(line) == 0 {
			if !s.partial {
				return fmt.Errorf("%w: an empty block", errForm)
			}
			s.partial = false
			if b.hasData && b.id == "" && b.event != "ping" && !s.rows {
				return fmt.Errorf("%w: data without an id: %s", errForm, b.data)
			}
			return nil
		}
		if err := s.field(b, line); err != nil {
			return err
		}
		line = line[:0]
	}
}

func (s *sseReader) field(b *block, line []byte) error {
	if line[0] == ':' {
		return nil
	}
	if !utf8.Valid(line) {
		return fmt.Errorf("%w: %q is not UTF-8", errForm, line)
	}
	name, value, ok := strings.Cut(string(line), ": ")
	if !ok || strings.ContainsAny(value, "\r\x00") {
		return fmt.Errorf("%w: line %q", errForm, line)
	}
	s.partial = true
	switch name {
	case "id":
		if b.id != "" || value == "" {
			return fmt.Errorf("%w: id %q after %q", errForm, value, b.id)
		}
		b.id = value
	case "event":
		b.event = value
	case "data":
		if b.hasData {
			b.data = append(b.data, '\n')
		}
		b.data, b.hasData = append(b.data, value...), true
	case "retry":
		if _, err := strconv.ParseUint(value, 10, 31); err != nil {
			return fmt.Errorf("%w: retry %q", errForm, value)
		}
		b.retry = value
	default:
		return fmt.Errorf("%w: line %q", errForm, line)
	}
	return nil
}

// id is an event id in numbers.
type id struct {
	at
	change  bool   // else a checkpoint
	nth     uint32 // event of the change
	lineage uint32
}

// readID takes ids of these servers: binlog.000042/15873/0.0~67a1f3b2, or with .1
func readID(s string) (i id, err error) {
	s, _, _ = strings.Cut(s, "!") // which rows are to come
	rest, lineage, ok := strings.Cut(s, "~")
	number := func(text string, base, bits int) uint32 {
		n, perr := strconv.ParseUint(text, base, bits)
		if perr != nil {
			err = perr
		}
		return uint32(n)
	}
	lineage, nth, several := strings.Cut(lineage, ".")
	if several {
		i.nth = number(nth, 10, 6)
	}
	i.lineage = number(lineage, 16, 32)
	parts := strings.Split(rest, "/")
	if !ok || len(lineage) != 8 || several && (i.nth == 0 || len(parts) != 3) || len(parts) < 2 || len(parts) > 3 || !strings.HasPrefix(parts[0], "binlog.") {
		return i, fmt.Errorf("%w: id %q", errForm, s)
	}
	i.file, i.pos = number(parts[0][len("binlog."):], 10, 32), number(parts[1], 10, 32)
	if len(parts) == 3 {
		event, row, _ := strings.Cut(parts[2], ".")
		i.change, i.event, i.row = true, number(event, 10, 32), number(row, 10, 32)
	}
	if err != nil {
		return i, fmt.Errorf("%w: id %q: %w", errForm, s, err)
	}
	return i, nil
}

// compare orders ids; a checkpoint stands before the changes of its group.
func (i id) compare(j id) int {
	if i.file != j.file || i.pos != j.pos || i.change && j.change {
		return cmp.Or(i.at.compare(j.at), cmp.Compare(i.nth, j.nth))
	}
	switch {
	case i.change == j.change:
		return 0
	case i.change:
		return 1
	}
	return -1
}
