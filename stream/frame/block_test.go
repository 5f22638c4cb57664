package frame

import (
	"strings"
	"testing"

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
