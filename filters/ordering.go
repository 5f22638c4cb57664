package filters

import (
	"bytes"
	"strings"

	"vitess.io/vitess/go/mysql/collations"
	"vitess.io/vitess/go/mysql/collations/charset"
	"vitess.io/vitess/go/mysql/collations/colldata"
)

// ordering is how texts of one collation compare.
type ordering struct {
	colldata.Collation
	pads  bool   // trailing spaces do not count
	space []byte // weight of one; nil where it is not of one width with others
}

// firstNopad is where MariaDB's NOPAD variants begin, each behind the number of
// the collation that it is one of; firstUCA1400 where those of UCA 14.0.0 do, in
// a block for utf8mb3 and then one for utf8mb4.
const (
	firstNopad   = 1024
	firstUCA1400 = 2048
	sizeUCA1400  = 256
)

// uca1400 are the collations of UCA 9.0.0 that sort as those of 14.0.0 do, but for
// characters that did not exist then: ai_ci, as_ci and as_cs. There is none for ai_cs.
var uca1400 = map[uint64]collations.ID{0: 255, 2: 305, 3: 278}

// knownOrdering finds how a collation, by MySQL's or MariaDB's number, compares.
func knownOrdering(id uint64) (ordering, bool) {
	const nopad = 4 // the bit that MariaDB adds
	switch {
	case id >= firstUCA1400 && id < firstUCA1400+2*sizeUCA1400:
		n := id % sizeUCA1400
		twin := uca1400[n&^nopad]
		return ordering{Collation: colldata.Lookup(twin), pads: n&nopad == 0}, n < 2*nopad && twin != 0
	case id >= firstNopad && id < firstUCA1400:
		c := colldata.Lookup(collations.ID(id - firstNopad))
		return ordering{Collation: c}, c != nil
	case id >= firstUCA1400:
		return ordering{}, false
	}
	c := colldata.Lookup(collations.ID(id))
	if c == nil {
		return ordering{}, false
	}
	space := spaceWeight(c)
	return ordering{Collation: c, pads: space != nil, space: space}, true
}

// spaceWeight is the weight of a space where trailing ones do not count: in all
// of MySQL's collations but the newest.
func spaceWeight(coll colldata.Collation) []byte {
	if strings.Contains(coll.Name(), "_0900_") || coll.ID() == collations.CollationBinaryID {
		return nil
	}
	space := []byte(" ")
	if !isUTF8(coll.Charset()) {
		space, _ = charset.Convert(nil, coll.Charset(), space, charset.Charset_utf8mb4{})
	}
	return coll.WeightString(nil, space, 0)
}

// appendWeights adds what makes texts compare as bytes do, but for padding; see
// compare.
func (o *ordering) appendWeights(dst, text []byte) []byte {
	if o.pads && o.space == nil {
		text = bytes.TrimRight(text, " ")
	}
	return o.WeightString(dst, text, 0)
}

// appendForm adds what is the same for all texts that are equal, and no others.
func (o *ordering) appendForm(dst, text []byte) []byte {
	start := len(dst)
	dst = o.appendWeights(dst, text)
	for n := len(o.space); n > 0 && len(dst)-start >= n && bytes.Equal(dst[len(dst)-n:], o.space); {
		dst = dst[:len(dst)-n]
	}
	return dst
}

// compare compares weights as if the shorter text went on with spaces.
func (o *ordering) compare(a, b []byte) int {
	k := min(len(a), len(b))
	c := bytes.Compare(a[:k], b[:k])
	if c != 0 || len(a) == len(b) {
		return c
	}
	if len(o.space) == 0 {
		return len(a) - len(b)
	}
	sign, tail := 1, a[k:]
	if len(b) > len(a) {
		sign, tail = -1, b[k:]
	}
	for i, w := range tail {
		if s := o.space[(k+i)%len(o.space)]; w != s {
			if w < s {
				return -sign
			}
			return sign
		}
	}
	return 0
}

// encode puts UTF-8 into the collation's character set.
func (o *ordering) encode(s string) ([]byte, error) {
	if isUTF8(o.Charset()) {
		return []byte(s), nil
	}
	return charset.Convert(nil, o.Charset(), []byte(s), charset.Charset_utf8mb4{})
}

func isUTF8(cs charset.Charset) bool {
	switch cs.(type) {
	case charset.Charset_utf8mb4, charset.Charset_utf8mb3:
		return true
	}
	return false
}
