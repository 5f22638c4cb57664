package row

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"
)

// FuzzGeometry: whatever the bytes, JSON or an error.
func FuzzGeometry(f *testing.F) {
	for _, seed := range []string{
		"000000000101000000000000000000f03f0000000000000040",
		"e6100000010700000002000000010700000000000000010400000001000000010100000000000000000000000000000000000000",
	} {
		b, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, err := appendGeometry(nil, slices.Clip(b)); err == nil && !json.Valid(out) {
			t.Errorf("%q", out)
		}
	})
}
