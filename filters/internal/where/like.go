package where

import (
	"unicode/utf8"

	"vitess.io/vitess/go/mysql/collations/charset"
)

// likePattern is a pattern of LIKE. As the servers do, it compares character by
// character, by their weights in the column's collation.
//
// It is an automaton that reads a text once: in state i the first i characters of
// the pattern have been matched. All states that the text so far can lead to are
// kept as a set of bits, so that the cost is the text's length times the
// pattern's in machine words, whatever they contain: a pattern may come from a
// client. Going back to the last % instead multiplies the two lengths.
type likePattern struct {
	coll  *collation // nil: bytes
	cs    charset.Charset
	utf8  bool
	size  int                   // characters of the pattern, without %
	any   []uint64              // states that a % keeps, whatever comes
	ids   map[string]uint16     // distinct characters by their weight
	next  [][]uint64            // by id: states that the character leads on from; 0 is every other character
	ascii [utf8.RuneSelf]uint16 // ids of those, or unlisted
}

// unlisted is for bytes whose character has to be looked up.
const unlisted = 1<<16 - 1

// likeWords hold a set of states for any pattern that a client may send.
const likeWords = MaxValue/64 + 1

func newLike(pattern string, coll *collation) (*likePattern, error) {
	p := &likePattern{coll: coll}
	if coll != nil {
		p.cs = coll.Charset()
		p.utf8 = isUTF8(p.cs)
	}
	parts, err := p.parse(pattern)
	if err != nil {
		return nil, err
	}
	p.compile(parts)
	return p, nil
}

type likePart struct {
	kind   likeKind
	weight string
}

type likeKind uint8

const (
	likeChar likeKind = iota
	likeOne           // _
	likeMany          // %
)

// parse takes the pattern, in UTF-8, apart.
func (p *likePattern) parse(pattern string) (parts []likePart, err error) {
	next := func() string {
		size := 1
		if p.coll != nil {
			_, size = utf8.DecodeRuneInString(pattern)
		}
		char := pattern[:size]
		pattern = pattern[size:]
		return char
	}
	for pattern != "" {
		char := next()
		switch {
		case char == "%":
			parts = append(parts, likePart{kind: likeMany})
			continue
		case char == "_":
			parts = append(parts, likePart{kind: likeOne})
			continue
		case char == `\` && pattern != "":
			char = next()
		}
		raw := []byte(char)
		if p.coll != nil {
			if raw, err = encode(p.cs, char); err != nil {
				return nil, err
			}
		}
		parts = append(parts, likePart{weight: string(p.weight(nil, raw))})
	}
	return parts, nil
}

func (p *likePattern) compile(parts []likePart) {
	p.ids = map[string]uint16{}
	for _, part := range parts {
		if part.kind != likeMany {
			p.size++
		}
		if _, known := p.ids[part.weight]; part.kind == likeChar && !known {
			p.ids[part.weight] = uint16(len(p.ids) + 1)
		}
	}
	words := p.size/64 + 1
	sets := make([]uint64, (len(p.ids)+2)*words)
	p.any, sets = sets[:words], sets[words:]
	for range len(p.ids) + 1 {
		p.next, sets = append(p.next, sets[:words]), sets[words:]
	}
	state := 0
	for _, part := range parts {
		word, bit := state/64, uint64(1)<<(state%64)
		switch part.kind {
		case likeMany:
			p.any[word] |= bit
			continue
		case likeOne:
			for _, set := range p.next {
				set[word] |= bit
			}
		case likeChar:
			p.next[p.ids[part.weight]][word] |= bit
		}
		state++
	}
	for c := range p.ascii {
		p.ascii[c] = unlisted
		char := []byte{byte(c)}
		if p.cs != nil && !p.utf8 {
			if r, size := p.cs.DecodeRune(char); size != 1 || r != rune(c) {
				continue // the byte alone is not a character there
			}
		}
		p.ascii[c] = p.ids[string(p.weight(nil, char))]
	}
}

// match reads a text; scratch may grow.
func (p *likePattern) match(scratch *[]byte, s []byte) bool {
	var states [likeWords]uint64
	set := states[:min(len(p.any), likeWords)]
	if len(p.any) > likeWords {
		set = make([]uint64, len(p.any))
	}
	set[0] = 1
	word, bit := p.size/64, uint64(1)<<(p.size%64)
	for len(s) > 0 {
		if set[word]&p.any[word]&bit != 0 {
			return true // it ends in %
		}
		char := p.char(s)
		s = s[len(char):]
		id := uint16(unlisted)
		if len(char) == 1 && char[0] < utf8.RuneSelf {
			id = p.ascii[char[0]]
		}
		if id == unlisted {
			*scratch = p.weight((*scratch)[:0], char)
			id = p.ids[string(*scratch)]
		}
		var carry, alive uint64
		for i, next := range p.next[id] {
			moved := set[i] & next
			set[i] = set[i]&p.any[i] | moved<<1 | carry
			carry = moved >> 63
			alive |= set[i]
		}
		if alive == 0 {
			return false
		}
	}
	return set[word]&bit != 0
}

func (p *likePattern) weight(dst, char []byte) []byte {
	if p.coll == nil {
		return append(dst, char...)
	}
	return p.coll.WeightString(dst, char, 0)
}

// char is the first character of s.
func (p *likePattern) char(s []byte) []byte {
	switch {
	case p.coll == nil || p.utf8 && s[0] < utf8.RuneSelf:
		return s[:1]
	case p.utf8:
		_, size := utf8.DecodeRune(s)
		return s[:size]
	}
	_, size := p.cs.DecodeRune(s)
	return s[:max(size, 1)]
}
