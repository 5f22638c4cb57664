package charset

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// FuzzText: any bytes in any character set become valid UTF-8 and one line of JSON.
func FuzzText(f *testing.F) {
	for _, id := range []uint64{1, 8, 12, 13, 19, 24, 28, 33, 35, 45, 54, 56, 60, 63, 95, 97, 248} {
		f.Add(id, []byte("a\n\xa4\xa4\x8f\xa2\xb7\x81\x30\x81\x30\xff\xd8\x3d\xde\x00"))
	}
	f.Fuzz(func(t *testing.T, id uint64, b []byte) {
		cs := Of(id)
		if cs == nil {
			return
		}
		quoted := cs.AppendQuoted(nil, slices.Clip(b))
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil || bytes.ContainsAny(quoted, "\r\n") {
			t.Fatalf("%s: %q: %v", cs, quoted, err)
		}
		if text := cs.AppendUTF8(nil, b); !cs.IsBinary() && string(text) != back {
			t.Errorf("%s: %q as text, %q as JSON", cs, text, back)
		}
	})
}
