package frame

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rowcast/cdc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func position(t *testing.T, id string) cdc.Position {
	t.Helper()
	p, err := cdc.ParsePosition(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func FuzzBlock(f *testing.F) {
	f.Add("pick", "a\r\nb\rc\nd\n\n\r")
	f.Add("a\nid: 1", "\x00id: 2")
	f.Add("\x00", "0")
	f.Fuzz(func(t *testing.T, event, data string) {
		pos := position(t, "binlog.000001/4/0.0~00000001")
		block := string(appendBlock(nil, new(cdc.IDs), pos, event, []byte(data)))
		if strings.Contains(block, "\r") || !strings.HasSuffix(block, "\n\n") || strings.Contains(strings.TrimSuffix(block, "\n\n"), "\n\n") {
			t.Fatalf("%q", block)
		}
		want := strings.ReplaceAll(strings.ReplaceAll(data, "\r\n", "\n"), "\r", "\n")
		cleaned := cleanEvent(event)
		lines := strings.Split(strings.TrimSuffix(block, "\n\n"), "\n")
		if lines[0] != "id: "+pos.String() {
			t.Fatalf("%q", lines[0])
		}
		lines = lines[1:]
		if cleaned != "" {
			if lines[0] != "event: "+cleaned {
				t.Fatalf("%q", lines[0])
			}
			lines = lines[1:]
		}
		for i, l := range lines {
			if !strings.HasPrefix(l, "data: ") {
				t.Fatalf("an injected line %q", l)
			}
			lines[i] = l[len("data: "):]
		}
		if got := strings.Join(lines, "\n"); got != want {
			t.Fatalf("data %q, want %q", got, want)
		}
	})
}

// TestLineBreaksAreLinear: a column of nothing but line breaks must not hold up
// the feed, and with it every client. Looking for the next LF at each CR takes
// half a minute for this one.
func TestLineBreaksAreLinear(t *testing.T) {
	const n = 2 << 20
	for _, ends := range []string{"\r", "\n", "\r\n"} {
		begin := time.Now()
		got := appendData(nil, bytes.Repeat([]byte(ends), n))
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%d times %q took %s", n, ends, took)
		}
		if lines := bytes.Count(got, []byte("data: \n")); lines != n+1 || len(got) != lines*len("data: \n") {
			t.Errorf("%d times %q: %d lines in %d bytes", n, ends, lines, len(got))
		}
	}
}

func BenchmarkAppendData(b *testing.B) {
	for name, data := range map[string][]byte{
		"row":   bytes.Repeat([]byte("x"), 200),
		"lines": bytes.Repeat([]byte(strings.Repeat("x", 79)+"\n"), 1<<20/80),
		"cr":    bytes.Repeat([]byte("\r"), 1<<20),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			var buf []byte
			for b.Loop() {
				buf = appendData(buf[:0], data)
			}
		})
	}
}
