package cdc

import (
	"errors"
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
	// firstPos is where the first event of every binlog file begins, behind its magic number.
	firstPos = 4
)

// Position is a place in the binlog: of one change, or of a checkpoint, which
// stands before every change of the group that begins there. It is the SSE event id:
//
//	change     = file "/" pos "/" event "." row [ "~" lineage ]
//	checkpoint = file "/" pos [ "~" lineage ]
//
// Only ParsePosition and the reader make one, so a Position that is not zero is
// well-formed. Positions are compared with Compare, never as text.
type Position struct {
	file    string // as the server names it, not percent-encoded
	number  uint64 // the digits behind the file's last dot
	pos     uint32 // offset of the group's first event; a dump can start there
	event   uint32 // ordinal of the rows event in its group
	row     uint32 // ordinal of the change in that event
	lineage uint32 // header timestamp of the file's format description event
	kind    kind
	checked bool // the id carried a lineage
}

type kind uint8

const (
	atCheckpoint kind = iota
	atChange
	// pastGroup stands behind every change of its group. It is never written
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
	p.event, p.row, p.kind = event, row, atChange
	return p
}

// Group is the checkpoint before the group that p is in: where a reading begins
// that shall see all of it.
func (p Position) Group() Position {
	p.event, p.row, p.kind = 0, 0, atCheckpoint
	return p
}

// IsZero tells whether p is no position at all.
func (p Position) IsZero() bool { return p.file == "" }

// IsCheckpoint tells whether p stands before a group rather than at a change.
func (p Position) IsCheckpoint() bool { return p.kind == atCheckpoint }

// File is the binlog file's name.
func (p Position) File() string { return p.file }

// Offset is the group's first byte in File.
func (p Position) Offset() uint32 { return p.pos }

// Lineage is the file's format description timestamp; ok is false where the id left it out.
func (p Position) Lineage() (lineage uint32, ok bool) { return p.lineage, p.checked }

// Ordinals are the change's place in its group; 0, 0 for a checkpoint.
func (p Position) Ordinals() (event, row uint32) { return p.event, p.row }

// Compare orders positions of one server as its binlog does: negative where p
// comes first. File numbers are compared as numbers: binlog.1000000 follows
// binlog.999999. Lineage is not compared: see SameHistory.
func (p Position) Compare(q Position) int {
	switch {
	case p.number != q.number:
		return cmp(p.number, q.number)
	case p.file != q.file:
		return strings.Compare(p.file, q.file)
	case p.pos != q.pos:
		return cmp(p.pos, q.pos)
	case p.kind != q.kind:
		return cmp(p.kind, q.kind)
	case p.event != q.event:
		return cmp(p.event, q.event)
	}
	return cmp(p.row, q.row)
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

func cmp[T ~uint8 | ~uint32 | ~uint64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
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
	return b
}

// MarshalText is String, for JSON and logs.
func (p Position) MarshalText() ([]byte, error) { return p.Append(nil), nil }
