package format

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzQuoted: any bytes become one line of JSON that reads back as their valid UTF-8.
func FuzzQuoted(f *testing.F) {
	f.Add([]byte("a\n\xa4\xa4\x8f\"\\ \x81\x30\xff\xd8\x3d\x00 and more than eight plain bytes"))
	f.Fuzz(func(t *testing.T, b []byte) {
		quoted := AppendQuoted(nil, b)
		if string(AppendQuoted(nil, string(b))) != string(quoted) || bytes.ContainsAny(quoted, "\r\n") {
			t.Errorf("%q", quoted)
		}
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil || back != string(AppendValidUTF8(nil, b)) {
			t.Errorf("%q: %v", quoted, err)
		}
	})
}
