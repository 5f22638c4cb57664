package cdc

import "rowcast/cdc/internal/format"

// IDs writes the ids of changes that come one after the other: within a rows
// event only the row's ordinal differs, and the rest is written from memory.
type IDs struct {
	last       Position // its row is 0
	text       []byte   // of last
	head, tail []byte   // the text before and behind the row
}

// Append adds the text of p, as p.Append does.
func (w *IDs) Append(b []byte, p Position) []byte {
	if p.kind != atChange {
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
	b = format.AppendUint(b, uint64(row))
	return append(b, w.tail...)
}
