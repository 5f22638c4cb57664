package cdc

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrBadID is wrapped by every error of ParsePosition.
var ErrBadID = errors.New("malformed event id")

const (
	// maxID bounds an id, which is client input, before anything looks at it.
	// A binlog file name has at most 255 bytes; real ids are about 40.
	maxID = 512
	// maxFile is what a server accepts as the name of a binlog file (FN_REFLEN, less the folder).
	maxFile = 255
	// firstPos is where the first event of every binlog file begins, after its magic number.
	firstPos = 4
	// MaxEvents is how many events one subscriber can get of one change.
	MaxEvents = 64
)

// Position is a place in the binlog: of one change, or of a checkpoint, which
// stands before every change of the group that begins there. It is the SSE event id:
//
//	change     = file "/" pos "/" event "." row [ "~" lineage ] [ "." nth ]
//	checkpoint = file "/" pos [ "~" lineage ]
//
// One change is several events to a subscriber that takes several streams of its
// table. Their ids differ in nth, which counts from 0 and is not written for the first.
//
// Only ParsePosition and the reader make one, so a Position that is not zero is
// well-formed. Positions are compared with Compare, never as text.
type Position struct {
	file    string // as the server names it, not percent-encoded
	number  uint64 // the digits after the file's last dot
	pos     uint32 // offset of the group's first event; a dump can start there
	event   uint32 // ordinal of the rows event in its group
	row     uint32 // ordinal of the change in that event
	lineage uint32 // header timestamp of the file's format description event
	kind    kind
	checked bool // the id carried a lineage
	nth     int8 // of the events that a subscriber gets of the change; see BeforeChange
}

type kind uint8

const (
	atCheckpoint kind = iota
	atChange
	// pastGroup stands after every change of its group. It is never written
	// out: it orders what a group says as a whole (see Notice).
	pastGroup
)

// Checkpoint is the position before the group that begins at offset pos of file.
func Checkpoint(file string, pos, lineage uint32) (Position, error) {
	n, err := fileNumber(file)
	if err != nil {
		return Position{}, err
	}
	return Position{file: file, number: n, pos: pos, lineage: lineage, checked: lineage != 0}, nil
}

// change is the position of one change of the group that begins at p.
func (p Position) change(event, row uint32) Position {
	p.event, p.row, p.kind, p.nth = event, row, atChange, 0
	return p
}

// pastEvent is the position after every change of a rows event of the group that
// begins at p, however many there are.
func (p Position) pastEvent(event uint32) Position { return p.change(event, math.MaxUint32) }

// Group is the checkpoint before the group that p is in: where a reading that
// is to see all of it begins.
func (p Position) Group() Position {
	p.event, p.row, p.kind, p.nth = 0, 0, atCheckpoint, 0
	return p
}

// Change is p without nth: of a change, the place where a frame of it stands.
func (p Position) Change() Position { return p.Nth(0) }

// Nth is the place of the n-th event, counted from 0 and below MaxEvents, that one
// subscriber gets of the change at p.
func (p Position) Nth(n int) Position {
	p.nth = int8(n)
	return p
}

// BeforeChange stands right before the first event of the change at p, and after
// every earlier change. It is never written out: it is where a reading begins that
// is to see all events of the change.
func (p Position) BeforeChange() Position {
	p.nth = -1
	return p
}

// IsBeforeChange tells what BeforeChange has made.
func (p *Position) IsBeforeChange() bool { return p.nth < 0 }

// fileStart is where the file of p begins, or one that many files before it: servers
// number them in one row, from 1 on, with six digits or more.
func (p Position) fileStart(before int) Position {
	start, number := Position{file: p.file, number: p.number, pos: firstPos}, max(p.number, 1)
	if number -= min(number-1, uint64(before)); number != p.number {
		start.file, start.number = fmt.Sprintf("%s%06d", base(p.file), number), number
	}
	return start
}

// IsZero reports whether p is not a position at all.
func (p Position) IsZero() bool { return p.file == "" }

// IsChange reports whether p stands within a group: not before it, and not after
// all of it.
func (p Position) IsChange() bool { return p.kind == atChange }

// IsCheckpoint reports whether p stands before a group rather than at a change.
func (p Position) IsCheckpoint() bool { return p.kind == atCheckpoint }

// File is the binlog file's name.
func (p Position) File() string { return p.file }

// Offset is the group's first byte in File.
func (p Position) Offset() uint32 { return p.pos }

// Lineage is the file's format description timestamp; ok is false where the id left it out.
func (p Position) Lineage() (lineage uint32, ok bool) { return p.lineage, p.checked }

// Compare orders positions of one server as its binlog does: negative where p
// comes first. File numbers are compared as numbers: binlog.1000000 follows
// binlog.999999. Lineage is not compared: see SameHistory.
func (p Position) Compare(q Position) int {
	switch {
	case p.number != q.number:
		return cmp.Compare(p.number, q.number)
	case p.file != q.file:
		return strings.Compare(p.file, q.file)
	case p.pos != q.pos:
		return cmp.Compare(p.pos, q.pos)
	case p.kind != q.kind:
		return cmp.Compare(p.kind, q.kind)
	case p.event != q.event:
		return cmp.Compare(p.event, q.event)
	}
	if p.row != q.row {
		return cmp.Compare(p.row, q.row)
	}
	return cmp.Compare(p.nth, q.nth)
}

// Same tells whether Compare of the two gives 0, for what is asked of every frame.
func (p *Position) Same(q *Position) bool {
	return p.row == q.row && p.event == q.event && p.pos == q.pos && p.kind == q.kind && p.nth == q.nth &&
		p.number == q.number && p.file == q.file
}

// WithLineage is p with the lineage of q where p, typed by a person, has none
// and both are in one file.
func (p Position) WithLineage(q Position) Position {
	if !p.checked && p.file == q.file {
		p.lineage, p.checked = q.lineage, q.checked
	}
	return p
}

// SameHistory is false where p and q name one file that was written twice: on
// two servers, or before and after a RESET.
func (p Position) SameHistory(q Position) bool {
	if base(p.file) != base(q.file) {
		return false
	}
	return p.file != q.file || !p.checked || !q.checked || p.lineage == q.lineage
}

func base(file string) string { return file[:strings.LastIndexByte(file, '.')+1] }

// String is the id as clients see it.
func (p Position) String() string { return string(p.Append(nil)) }

// Append adds the id's text to b.
func (p Position) Append(b []byte) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(p.file); i++ {
		if c := p.file[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, '/')
	b = strconv.AppendUint(b, uint64(p.pos), 10)
	if p.kind == atChange {
		b = append(b, '/')
		b = strconv.AppendUint(b, uint64(p.event), 10)
		b = append(b, '.')
		b = strconv.AppendUint(b, uint64(p.row), 10)
	}
	if p.checked {
		b = append(b, '~')
		for shift := 28; shift >= 0; shift -= 4 {
			b = append(b, "0123456789abcdef"[p.lineage>>shift&15])
		}
	}
	if p.nth > 0 {
		b = append(b, '.')
		b = strconv.AppendInt(b, int64(p.nth), 10)
	}
	return b
}

// MarshalText is String, for JSON and logs.
func (p Position) MarshalText() ([]byte, error) { return p.Append(nil), nil }

// ParsePosition reads an id. What it accepts, String writes back byte for byte;
// everything else is refused with an error that wraps ErrBadID.
func ParsePosition(id string) (Position, error) {
	p, err := parse(id)
	if err != nil {
		if len(id) > 80 {
			id = id[:80] + "…"
		}
		return Position{}, fmt.Errorf("%w %q: %w; an id looks like binlog.000042/15873/0.0~67a1f3b2", ErrBadID, id, err)
	}
	return p, nil
}

func parse(id string) (p Position, err error) {
	switch {
	case id == "":
		return p, errors.New("it is empty")
	case len(id) > maxID:
		return p, fmt.Errorf("it has %d bytes, at most %d are allowed", len(id), maxID)
	case strings.HasPrefix(id, "gtid/"):
		return p, errors.New("ids that begin with gtid/ are reserved")
	}
	var nth string
	rest, lineage, checked := strings.Cut(id, "~")
	several := false // there is an nth
	if checked {
		lineage, nth, several = strings.Cut(lineage, ".")
		if p.lineage, err = parseLineage(lineage); err != nil {
			return p, err
		}
		p.checked = true
	}
	name, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return p, errors.New("missing / after the binlog file's name")
	}
	if p.file, err = decodeFile(name); err != nil {
		return p, err
	}
	if p.number, err = fileNumber(p.file); err != nil {
		return p, err
	}
	pos, ordinals, isChange := strings.Cut(rest, "/")
	if p.pos, err = parseNumber("offset", pos); err != nil {
		return p, err
	}
	if p.pos < firstPos {
		return p, fmt.Errorf("offset %d is before the first event, which is at %d", p.pos, firstPos)
	}
	if !isChange {
		if several {
			return p, errors.New("a checkpoint has no events to count")
		}
		return p, nil
	}
	event, row, ok := strings.Cut(ordinals, ".")
	if !ok {
		return p, errors.New("missing event.row after the offset")
	}
	p.kind = atChange
	if p.event, err = parseNumber("event", event); err != nil {
		return p, err
	}
	if !checked {
		row, nth, several = strings.Cut(row, ".")
	}
	if p.row, err = parseNumber("row", row); err != nil || !several {
		return p, err
	}
	n, err := parseNumber("number of the event", nth)
	if err == nil && (n == 0 || n >= MaxEvents) {
		err = fmt.Errorf("number of the event %d is not from 1 to %d", n, MaxEvents-1)
	}
	p.nth = int8(n)
	return p, err
}

// parseNumber takes the one way of writing a number: digits, no sign, no leading zero.
func parseNumber(what, s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s %s is over %d", what, s[:min(len(s), 20)], uint32(math.MaxUint32))
	}
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%s %q is not a plain decimal number", what, s)
	}
	return uint32(n), nil
}

func parseLineage(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil || len(s) != 8 || strings.ToLower(s) != s {
		return 0, fmt.Errorf("lineage %q is not 8 lower-case hex digits", s)
	}
	return uint32(n), nil
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}

// decodeFile undoes the percent-encoding of Append, and only that: an id has one spelling.
func decodeFile(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) {
				return "", errors.New("a percent-encoded byte is cut short")
			}
			hi, lo := strings.IndexByte("0123456789ABCDEF", s[i+1]), strings.IndexByte("0123456789ABCDEF", s[i+2])
			if c = byte(hi<<4 | lo&15); hi < 0 || lo < 0 || plain(c) {
				return "", fmt.Errorf("%q is not how a byte of a file name is encoded", s[i:i+3])
			}
			i += 2
		} else if !plain(c) {
			return "", fmt.Errorf("byte %q of the file name must be percent-encoded", c)
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

// fileNumber checks a binlog file's name, which is client input and becomes part
// of a command to the server, and returns the number it ends with.
func fileNumber(file string) (uint64, error) {
	digits := file[strings.LastIndexByte(file, '.')+1:]
	notAFile := func() error {
		return fmt.Errorf("%q is not the name of a binlog file, which ends in a dot and a number", file)
	}
	if len(file) > maxFile || len(digits) == len(file) || len(digits) > 18 {
		return 0, notAFile()
	}
	for i := 0; i < len(file)-len(digits); i++ {
		if c := file[i]; c < ' ' || c == '/' || c == '\\' || c == 0x7f {
			return 0, fmt.Errorf("byte %q can't be in the name of a binlog file", c)
		}
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0, notAFile()
	}
	return n, nil
}

// IDs writes the ids of changes that come one after the other: within a rows
// event only the row's ordinal differs, and the rest is written from memory.
type IDs struct {
	last       Position // its row is 0
	text       []byte   // of last
	head, tail []byte   // the text before and after the row
}

// Append adds the text of p, as p.Append does.
func (w *IDs) Append(b []byte, p Position) []byte {
	if p.kind != atChange || p.nth != 0 {
		return p.Append(b)
	}
	row := p.row
	p.row = 0
	if p != w.last {
		w.last = p
		w.text = p.Append(w.text[:0])
		at := len(w.text) - 1 // of the row
		if p.checked {
			at -= len("~67a1f3b2")
		}
		w.head, w.tail = w.text[:at], w.text[at+1:]
	}
	b = append(b, w.head...)
	b = strconv.AppendUint(b, uint64(row), 10)
	return append(b, w.tail...)
}
