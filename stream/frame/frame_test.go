package frame

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rowcast/cdc"
)

// keyed publishes one stream for each name; the table's name is each frame's key.
type keyed struct{ names []string }

func (k keyed) Streams() (infos []Info) {
	for _, name := range k.names {
		infos = append(infos, Info{Name: name, Params: []Param{{Name: "key"}}})
	}
	return infos
}
func (keyed) Wants(_, _ []byte) bool          { return true }
func (keyed) Affected(_, _ string) (is []int) { return nil }
func (keyed) Overlap(_, _ int) bool           { return false }

func (keyed) Bind(_ int, params map[string]string) (Binding, error) {
	if params["key"] == "!" {
		return nil, errors.New("key: ! is not a key")
	}
	return keyBinding(params["key"]), nil
}

// Render hands its key over in a buffer that it uses again.
func (keyed) Render(c *cdc.Change, emit Emit) {
	key := []byte(c.Table.Name)
	emit(0, c.Op, "", []byte("{}"), key, nil, nil)
	for i := range key {
		key[i] = '?'
	}
}

type keyBinding string

func (k keyBinding) Key() string { return string(k) }
func (k keyBinding) ID() string  { return string(k) }

func (keyBinding) Match(any) (bool, error) { return true, nil }

// TestKeys: a frame is for the binding with its key, byte by byte, and for those without one.
func TestKeys(t *testing.T) {
	c := NewCatalog(keyed{[]string{"orders"}}, nil)
	var frames []*Frame
	e := NewEncoder(c, Output{Frame: func(f *Frame) error { frames = append(frames, f); return nil }})
	keys := []string{"", "a", "b", "ab", "a\x00", strings.Repeat("a", 1000), strings.Repeat("a", 999) + "b"}
	start := position(t, "binlog.000001/4~00000001")
	if err := e.Begin(start); err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		pos := position(t, fmt.Sprintf("binlog.000001/4/0.%d~00000001", i))
		if err := e.Change(&cdc.Change{Pos: pos, Op: cdc.Insert, Table: &cdc.Table{Name: key}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Checkpoint(position(t, "binlog.000001/400~00000001"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	for _, bound := range keys {
		s, err := c.Subscribe([]string{"orders"}, map[string]string{"key": bound})
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range frames {
			want := bound == "" || keys[i] == "" || bound == keys[i]
			if got, err := s.Wants(f); err != nil || got != want {
				t.Errorf("key %.20q for %.20q: %t, %v", keys[i], bound, got, err)
			}
		}
	}
}

// TestMistakes: what is wrong with a request is told apart, and a typing error
// answered with the right name, in so many words and no more.
func TestMistakes(t *testing.T) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("draft.picks_%02d", i))
	}
	c := NewCatalog(keyed{append(names, "teams")}, nil)
	for _, m := range []struct {
		streams string
		params  map[string]string
		kind    Mistake
		text    string
	}{
		{"temas", nil, NoStream, `did you mean "teams"? Others: draft.picks_00, `},
		{"temas", nil, NoStream, ` and 30 more`},
		{strings.Repeat("x", 5000), nil, NoStream, `xxx…"; there are draft.picks_00, `},
		{"teams teams", nil, Together, "once is enough"},
		{"teams", map[string]string{"key": "!"}, BadValue, "! is not a key"},
		{"teams", map[string]string{"kee": "a"}, NoSuchParam, `no parameter "kee"; it takes key`},
	} {
		_, err := c.Subscribe(strings.Fields(m.streams), m.params)
		r, ok := errors.AsType[*RequestError](err)
		if !ok || r.Kind != m.kind || !strings.Contains(r.Text, m.text) || len(r.Text) > 500 {
			t.Errorf("%.20s %v: %v", m.streams, m.params, err)
		}
	}
	if _, err := NewCatalog(keyed{}, nil).Subscribe([]string{"x"}, nil); err == nil || !strings.Contains(err.Error(), "none is configured") {
		t.Error(err)
	}
}

// BenchmarkNoSuchStream is a request for a name that is none of 4,096.
func BenchmarkNoSuchStream(b *testing.B) {
	var names []string
	for i := range 4096 {
		names = append(names, fmt.Sprintf("draft.customer_%04d_orders", i))
	}
	c := NewCatalog(keyed{names}, nil)
	for _, n := range []int{20, 64, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Subscribe([]string{strings.Repeat("x", n)}, nil); err == nil {
					b.Fatal("it is there")
				}
			}
		})
	}
}
