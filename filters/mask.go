package filters

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"rowcast/cdc"
)

// mask is what is done to a column's value before it is sent.
type mask uint8

const (
	plain    mask = iota
	hashed        // hex HMAC-SHA256 of the value's text; NULL stays null, so that equal values can be told and nothing else
	nulled        // null
	redacted      // "***", for NULL too
)

var maskNames = []string{"sha256", "null", "redact"}

func parseMask(s string) (mask, bool) {
	switch s {
	case "sha256":
		return hashed, true
	case "null":
		return nulled, true
	case "redact":
		return redacted, true
	}
	return plain, false
}

// identifies reports whether rows can still be told apart by a value so masked;
// a key that has lost a part would name several rows, and is not sent.
func (m mask) identifies() bool { return m == plain || m == hashed }

// masker appends masked values. It is not safe for concurrent use.
type masker struct {
	mac  hash.Hash // nil without a mask_key: Compile has seen to it that none is needed
	text []byte
	sum  [sha256.Size]byte
}

func newMasker(key string) masker {
	if key == "" {
		return masker{}
	}
	return masker{mac: hmac.New(sha256.New, []byte(key))}
}

// append adds column i of im as JSON, as the mask m lets it be seen.
func (k *masker) append(dst []byte, im *cdc.Image, i int, m mask, f *cdc.Format) ([]byte, error) {
	switch {
	case m == plain:
		return im.AppendJSON(dst, i, f)
	case m == redacted:
		return append(dst, `"***"`...), nil
	case m == nulled || im.IsNull(i):
		return append(dst, "null"...), nil
	}
	var err error
	if k.text, err = im.AppendText(k.text[:0], i); err != nil {
		return dst, err
	}
	k.mac.Reset()
	k.mac.Write(k.text)
	dst = append(dst, '"')
	dst = hex.AppendEncode(dst, k.mac.Sum(k.sum[:0]))
	return append(dst, '"'), nil
}
