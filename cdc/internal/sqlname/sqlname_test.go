package sqlname

import "testing"

func TestUnquote(t *testing.T) {
	for _, c := range []struct {
		in        string
		backslash bool
		want      string
		n         int
		closed    bool
	}{
		{"`a``b` c", false, "a`b", 6, true}, {`'a\'b'`, true, "a'b", 6, true}, {`'a\'b'`, false, `a\`, 4, true},
		{"'", true, "", 1, false}, {`'a\`, true, `a\`, 3, false}, {`'\n\0\Z'`, true, "\n\x00\x1a", 8, true},
	} {
		text, n, closed := Unquote(c.in, c.backslash)
		if text != c.want || n != c.n || closed != c.closed {
			t.Errorf("%s: %q, %d, %v", c.in, text, n, closed)
		}
	}
}

func FuzzUnquote(f *testing.F) {
	f.Add("a`b")
	f.Fuzz(func(t *testing.T, name string) {
		if text, n, closed := Unquote(Quote(name), false); text != name || n != len(Quote(name)) || !closed {
			t.Fatalf("%q became %q", name, text)
		}
	})
}
