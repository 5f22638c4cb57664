package where

import (
	"bytes"
	"fmt"
	"strings"

	"vitess.io/vitess/go/mysql/collations"
	"vitess.io/vitess/go/mysql/collations/charset"
	"vitess.io/vitess/go/mysql/collations/colldata"
)

// collation is how texts compare.
type collation struct {
	colldata.Collation
	pads   bool     // trailing spaces do not count
	spaces [][]byte // with pads: the weight of a space on each level
}

// defaultCollation is that of literals that are compared with no column: what a
// connection has by default.
const defaultCollation collations.ID = collations.CollationUtf8mb4ID

// firstNopad is where MariaDB's NOPAD variants begin, each after the number of
// the collation that it is a variant of; firstUCA1400 is where those of UCA 14.0.0
// begin, in a block for utf8mb3 and then one for utf8mb4.
const (
	firstNopad   = 1024
	firstUCA1400 = 2048
	sizeUCA1400  = 256
)

// uca1400 are the collations of UCA 9.0.0 that sort as those of 14.0.0 do, but for
// characters that did not exist then: ai_ci, as_ci and as_cs. There is none for ai_cs.
var uca1400 = map[uint64]collations.ID{0: 255, 2: 305, 3: 278}

// lookupCollation finds a collation by MySQL's or MariaDB's number.
func lookupCollation(id uint64) (collation, bool) {
	const nopad = 4 // the bit that MariaDB adds
	switch {
	case id >= firstUCA1400 && id < firstUCA1400+2*sizeUCA1400:
		n := id % sizeUCA1400
		twin := uca1400[n&^nopad]
		if n >= 2*nopad || twin == 0 {
			return collation{}, false
		}
		c := collation{Collation: colldata.Lookup(twin), pads: n&nopad == 0}
		if c.pads {
			var level []byte
			for rest, more := c.WeightString(nil, []byte(" "), 0), true; more; {
				level, rest, more = cutLevel(rest)
				c.spaces = append(c.spaces, level)
			}
		}
		return c, true
	case id >= firstNopad && id < firstUCA1400:
		c := colldata.Lookup(collations.ID(id - firstNopad))
		return collation{Collation: c}, c != nil
	case id >= firstUCA1400:
		return collation{}, false
	}
	c := colldata.Lookup(collations.ID(id))
	if c == nil {
		return collation{}, false
	}
	if space := spaceWeight(c); space != nil {
		return collation{Collation: c, pads: true, spaces: [][]byte{space}}, true
	}
	return collation{Collation: c}, true
}

// levelWidth is how many bytes a weight has in collations of several levels.
const levelWidth = 2

// cutLevel takes the first level off the weights of a UCA collation, which are 0 between
// two levels.
func cutLevel(weights []byte) (level, rest []byte, more bool) {
	for at := 0; at+levelWidth <= len(weights); at += levelWidth {
		if weights[at] == 0 && weights[at+1] == 0 {
			return weights[:at], weights[at+levelWidth:], true
		}
	}
	return weights, nil, false
}

// spaceWeight is the weight of a space where trailing ones do not count: in all
// of MySQL's collations but the newest.
func spaceWeight(coll colldata.Collation) []byte {
	if strings.Contains(coll.Name(), "_0900_") || coll.ID() == collations.CollationBinaryID {
		return nil
	}
	space, err := encode(coll.Charset(), " ")
	if err != nil {
		return nil
	}
	return coll.WeightString(nil, space, 0)
}

// same reports whether two columns' texts can be compared.
func (c *collation) same(other *collation) bool {
	if c == nil || other == nil {
		return c == other
	}
	return c.ID() == other.ID() && c.pads == other.pads
}

// appendWeights adds what is the same for all texts that are equal, and no others.
func (c *collation) appendWeights(dst, text []byte) []byte {
	start := len(dst)
	dst = c.WeightString(dst, text, 0)
	switch len(c.spaces) {
	case 0:
		return dst
	case 1:
		return dst[:start+len(trimWeights(dst[start:], c.spaces[0]))]
	}
	// Each level gets shorter, so that what is kept of it can move to the left.
	end := start
	rest, more := dst[start:], true
	for _, space := range c.spaces {
		var level []byte
		level, rest, more = cutLevel(rest)
		end += copy(dst[end:], trimWeights(level, space))
		if !more {
			break
		}
		end += copy(dst[end:], []byte{0, 0})
	}
	return dst[:end]
}

func trimWeights(weights, space []byte) []byte {
	for bytes.HasSuffix(weights, space) {
		weights = weights[:len(weights)-len(space)]
	}
	return weights
}

// compare compares weights as if the shorter text went on with spaces.
func (c *collation) compare(a, b []byte) int {
	switch len(c.spaces) {
	case 0:
		return bytes.Compare(a, b)
	case 1:
		return comparePadded(a, b, c.spaces[0])
	}
	for _, space := range c.spaces {
		var x, y []byte
		x, a, _ = cutLevel(a)
		y, b, _ = cutLevel(b)
		if sign := comparePadded(x, y, space); sign != 0 {
			return sign
		}
	}
	return 0
}

func comparePadded(a, b, space []byte) int {
	k := min(len(a), len(b))
	sign := bytes.Compare(a[:k], b[:k])
	if sign != 0 || len(a) == len(b) {
		return sign
	}
	sign, tail := 1, a[k:]
	if len(b) > len(a) {
		sign, tail = -1, b[k:]
	}
	for i, w := range tail {
		if s := space[(k+i)%len(space)]; w != s {
			if w < s {
				return -sign
			}
			return sign
		}
	}
	return 0
}

// encode puts a text, which is written in UTF-8, into a character set.
func encode(cs charset.Charset, s string) ([]byte, error) {
	if isUTF8(cs) {
		return []byte(s), nil
	}
	b, err := charset.Convert(nil, cs, []byte(s), charset.Charset_utf8mb4{})
	if err != nil {
		return nil, &unencodable{cs.Name()}
	}
	return b, nil
}

// unencodable is the error of a text that a character set lacks a character of.
type unencodable struct{ charset string }

func (e *unencodable) Error() string {
	return fmt.Sprintf("a text holds a character that its column's character set, %s, does not have", e.charset)
}

func isUTF8(cs charset.Charset) bool {
	switch cs.(type) {
	case charset.Charset_utf8mb4, charset.Charset_utf8mb3:
		return true
	}
	return false
}

func collationNamed(name string) colldata.Collation {
	env, err := environment()
	if err != nil {
		return nil
	}
	id := env.CollationEnv().LookupByName(strings.ToLower(name))
	if id == collations.Unknown {
		return nil
	}
	return colldata.Lookup(id)
}
