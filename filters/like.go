package filters

import (
	"bytes"
	"unicode/utf8"

	"vitess.io/vitess/go/mysql/collations/charset"
	"vitess.io/vitess/go/mysql/collations/colldata"
)

// likePattern is a pattern of LIKE. As the servers do, it compares character by
// character, by their weights in the column's collation.
type likePattern struct {
	coll  colldata.Collation // nil: bytes
	cs    charset.Charset
	utf8  bool
	parts []likePart
}

type likePart struct {
	kind   likeKind
	char   []byte // in the column's character set
	weight []byte
}

type likeKind uint8

const (
	likeChar likeKind = iota
	likeOne           // _
	likeMany          // %
)

func newLike(pattern string, coll colldata.Collation) (*likePattern, bool) {
	p := &likePattern{coll: coll}
	if coll != nil {
		p.cs = coll.Charset()
		p.utf8 = isUTF8(p.cs)
	}
	for i := 0; i < len(pattern); {
		size := 1
		if coll != nil {
			_, size = utf8.DecodeRuneInString(pattern[i:])
		}
		char := pattern[i : i+size]
		i += size
		switch {
		case char == "%":
			if k := len(p.parts); k == 0 || p.parts[k-1].kind != likeMany {
				p.parts = append(p.parts, likePart{kind: likeMany})
			}
			continue
		case char == "_":
			p.parts = append(p.parts, likePart{kind: likeOne})
			continue
		case char == `\` && i < len(pattern):
			size = 1
			if coll != nil {
				_, size = utf8.DecodeRuneInString(pattern[i:])
			}
			char = pattern[i : i+size]
			i += size
		}
		part := likePart{char: []byte(char)}
		if coll != nil {
			if !p.utf8 {
				b, err := charset.Convert(nil, p.cs, part.char, charset.Charset_utf8mb4{})
				if err != nil {
					return nil, false
				}
				part.char = b
			}
			part.weight = coll.WeightString(nil, part.char, 0)
		}
		p.parts = append(p.parts, part)
	}
	return p, true
}

// match goes back to the last % only, so that its cost is bounded by the
// product of the lengths.
func (p *likePattern) match(s []byte) bool {
	ok, _ := p.matchIn(nil, s)
	return ok
}

// matchIn is match with a scratch buffer, which it returns.
func (p *likePattern) matchIn(buf, s []byte) (bool, []byte) {
	i, star, mark := 0, -1, s
	for len(s) > 0 {
		if i < len(p.parts) {
			part := &p.parts[i]
			if part.kind == likeMany {
				i++
				star, mark = i, s
				continue
			}
			char := p.char(s)
			ok := part.kind == likeOne
			if !ok {
				ok, buf = p.same(buf, part, char)
			}
			if ok {
				i++
				s = s[len(char):]
				continue
			}
		}
		if star < 0 {
			return false, buf
		}
		mark = mark[len(p.char(mark)):]
		i, s = star, mark
	}
	for i < len(p.parts) && p.parts[i].kind == likeMany {
		i++
	}
	return i == len(p.parts), buf
}

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

func (p *likePattern) same(buf []byte, part *likePart, char []byte) (bool, []byte) {
	if bytes.Equal(part.char, char) {
		return true, buf
	}
	if p.coll == nil {
		return false, buf
	}
	buf = p.coll.WeightString(buf[:0], char, 0)
	return bytes.Equal(part.weight, buf), buf
}
