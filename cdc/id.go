package cdc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// ID is an event id as clients hold it: a Position, and, of a client in the midst of
// the rows of its streams, how far it has come with them:
//
//	id = position [ "!" of [ mask "." ] key ]
//
// The zero Rows is of a client that has all rows, or asked for none.
type ID struct {
	Position
	Rows Rows
}

// Rows says which rows a client still has to get.
type Rows struct {
	// Of tells the subscription's streams with rows apart from those that it has under
	// another config, where a bit of Pending, or the key, may be of other rows: 24 bits
	// of a hash. Written as 4 digits of base64url.
	Of uint32
	// Pending has a bit for each of the subscription's streams with rows, in their
	// order: whose rows are still to come. The lowest one's are under way.
	Pending uint64
	// Key is the key of the last row of that stream that the client has; nil: it has
	// none, and begins. Written in base64url.
	Key []byte
}

// ofDigits is how long Rows.Of is in an id.
const ofDigits = 4

// maxRowsID is what an id in the midst of rows may have: browsers send 128 bytes
// without a preflight.
const maxRowsID = 128

// ParseID reads an id, as ParsePosition does.
func ParseID(s string) (ID, error) {
	pos, rest, within := strings.Cut(s, "!")
	p, err := ParsePosition(pos)
	if err != nil || !within {
		return ID{Position: p}, err
	}
	rows, err := parsePending(rest)
	if err != nil {
		return ID{}, fmt.Errorf("%w %.80q: %w", ErrBadID, s, err)
	}
	return ID{p, rows}, nil
}

func parsePending(s string) (r Rows, err error) {
	of, err := base64.RawURLEncoding.DecodeString(s[:min(len(s), ofDigits)])
	if err != nil || len(of) != 3 {
		return r, errors.New("what follows ! does not say whose rows they are")
	}
	r.Of, r.Pending = uint32(of[0])<<16|uint32(of[1])<<8|uint32(of[2]), 1
	s = s[ofDigits:]
	if mask, key, ok := strings.Cut(s, "."); ok {
		r.Pending, err = strconv.ParseUint(mask, 16, 64)
		if err != nil || r.Pending <= 1 || strconv.FormatUint(r.Pending, 16) != mask {
			return r, fmt.Errorf("%.20q does not say whose rows are to come", mask)
		}
		s = key
	}
	if s == "" {
		return r, nil
	}
	r.Key, err = base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || base64.RawURLEncoding.EncodeToString(r.Key) != s { // the decoder skips line breaks
		return r, errors.New("the key at its end is not base64url")
	}
	return r, nil
}

// String is the id as clients see it.
func (id ID) String() string { return string(id.Append(nil)) }

// Append adds the id's text to b.
func (id ID) Append(b []byte) []byte { return id.Rows.Append(id.Position.Append(b)) }

// Append adds what follows the position; nothing if no rows are to come.
func (r *Rows) Append(b []byte) []byte {
	if r.Pending == 0 {
		return b
	}
	b = append(b, '!')
	b = base64.RawURLEncoding.AppendEncode(b, []byte{byte(r.Of >> 16), byte(r.Of >> 8), byte(r.Of)})
	if r.Pending != 1 {
		b = append(strconv.AppendUint(b, r.Pending, 16), '.')
	}
	return base64.RawURLEncoding.AppendEncode(b, r.Key)
}

// Fits tells whether the ids of a client that has come so far, and of the changes that
// follow, may be handed out. place is the length of its position's text.
func (r *Rows) Fits(place int) bool {
	const change = len("/4294967295.4294967295.63")
	return place+change+len("!")+ofDigits+bits.Len64(r.Pending)/4+2+base64.RawURLEncoding.EncodedLen(len(r.Key)) <= maxRowsID
}

// Next is the number of the stream whose rows are under way.
func (r *Rows) Next() int { return bits.TrailingZeros64(r.Pending) }

// Done notes that the client has all rows of that stream.
func (r *Rows) Done() { r.Pending, r.Key = r.Pending&(r.Pending-1), nil }
