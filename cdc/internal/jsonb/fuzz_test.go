package jsonb

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"testing"
)

// FuzzJSONB: whatever the bytes, JSON or an error, in bounded time and depth.
func FuzzJSONB(f *testing.F) {
	for _, doc := range []string{"0001010010000b0001000561012a", "020200120004010005ff7f0b0b", "0f0603050281999a", "0c03616263", "05ff7f", "0b000000000000f03f"} {
		b, err := hex.DecodeString(doc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, []byte{0, 4, '$', '[', '0', ']', 2, 5, 1, 0})
	}
	f.Fuzz(func(t *testing.T, doc, diffs []byte) {
		for _, compact := range []bool{true, false} {
			out, err := Append(nil, slices.Clip(doc), compact)
			if err == nil && (!json.Valid(out) || bytes.ContainsAny(out, "\r\n")) {
				t.Errorf("%q", out)
			}
			if out, err = AppendPatched(nil, slices.Clip(doc), slices.Clip(diffs), compact); err == nil && !json.Valid(out) {
				t.Errorf("with changes %q", out)
			}
		}
	})
}
