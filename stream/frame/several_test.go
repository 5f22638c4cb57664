package frame

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"rowcast/cdc"
)

// oneTable is keyed where all streams publish one table, save for those that begin with x.
type oneTable struct{ keyed }

func (o oneTable) Overlap(i, j int) bool { return o.names[i][0] != 'x' && o.names[j][0] != 'x' }

// doubtful is a binding that can't judge the tag "?", and wants "a".
type doubtful struct{ keyBinding }

func (doubtful) Match(tag any) (bool, error) {
	if tag == "?" {
		return false, errors.New("can't be judged")
	}
	return tag == "a", nil
}

func (o oneTable) Bind(int, map[string]string) (Binding, error) { return doubtful{}, nil }

// TestChoose: of each stream one event, in the order of the request, numbered whether it
// can be judged or not.
func TestChoose(t *testing.T) {
	c := NewCatalog(oneTable{keyed{[]string{"a", "b", "c", "x"}}}, nil)
	at := position(t, "binlog.000001/4/0.0~00000001")
	frame := func(stream int, tag any) *Frame {
		return &Frame{Pos: at, Stream: stream, Tag: tag, Block: fmt.Appendf(nil, "id: %s\ndata: %d\n\n", at, stream)}
	}
	reset := func(stream int) *Frame { return &Frame{Pos: at, Stream: stream, Kind: Reset} }
	run := []*Frame{frame(0, "b"), frame(0, "a"), frame(0, "?"), frame(1, "?"), frame(2, nil)}
	for _, k := range []struct {
		names []string
		run   []*Frame
		want  string
	}{
		{[]string{"a", "b", "c"}, run, "0 1? 2 "},
		{[]string{"c", "b", "x", "a"}, run, "2 1? 0 "},
		{[]string{"x", "b", "a"}, run, "1? 0 "},
		{[]string{"x", "b"}, run[:3], ""},
		{[]string{"c", "a"}, []*Frame{reset(0), reset(1), reset(2)}, "2 "},
		{[]string{"c", "a"}, []*Frame{frame(0, "a"), reset(0), reset(2)}, "2 0 "},
	} {
		sub, err := c.Subscribe(k.names, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, choice := range sub.Choose(nil, k.run, nil) {
			got += fmt.Sprint(choice.Stream)
			if choice.Err != nil {
				got += "?"
			}
			got += " "
		}
		if got != k.want {
			t.Errorf("%s: %q, want %q", k.names, got, k.want)
		}
	}
}

// TestOrderOfRequest: it tells subscriptions apart only where streams overlap.
func TestOrderOfRequest(t *testing.T) {
	var names []string
	for i := range cdc.MaxEvents + 1 {
		names = append(names, fmt.Sprintf("s%d", i))
	}
	c := NewCatalog(oneTable{keyed{append(names, "x1", "x2")}}, nil)
	for _, k := range []struct {
		names    []string
		overlaps bool
	}{
		{[]string{"s0"}, false}, {[]string{"x2", "s0", "x1"}, false}, {[]string{"s2", "s1"}, true}, {[]string{"s0", "x1", "s1"}, true},
	} {
		a, err := c.Subscribe(k.names, nil)
		if err != nil {
			t.Fatal(err)
		}
		turned := slices.Clone(k.names)
		slices.Reverse(turned)
		b, err := c.Subscribe(turned, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.Overlaps() != k.overlaps || len(k.names) > 1 && (a.ID() == b.ID()) == k.overlaps {
			t.Errorf("%s: overlaps %t, %q and %q", k.names, a.Overlaps(), a.ID(), b.ID())
		}
	}
	if _, err := c.Subscribe(names[:cdc.MaxEvents], nil); err != nil {
		t.Error(err)
	}
	_, err := c.Subscribe(append([]string{"x1"}, names...), nil)
	if r, ok := errors.AsType[*RequestError](err); !ok || r.Kind != Together {
		t.Errorf("one stream of a table too many: %v", err)
	}
}

// TestNth: the blocks of a change's events differ in their ids alone, and are what a
// cursor begins and what the pool makes of them alike.
func TestNth(t *testing.T) {
	for _, id := range []string{"binlog.000001/4/0.0~00000001", "binlog.000001/4/12.7"} {
		pos := position(t, id)
		f := &Frame{Pos: pos, Block: appendBlock(nil, &cdc.IDs{}, pos, "e", []byte("a\nid: x\n"))}
		for _, n := range []int{0, 1, cdc.MaxEvents - 1} {
			nth := f.Nth(n)
			begun, rest := f.AppendNth([]byte(":\n"), n)
			if got := string(begun) + string(rest); got != ":\n"+string(nth.Block) {
				t.Errorf("%q and %q", got, nth.Block)
			}
			want := appendBlock(nil, &cdc.IDs{}, pos.Nth(n), "e", []byte("a\nid: x\n"))
			if string(nth.Block) != string(want) || nth.Pos != pos.Nth(n) {
				t.Errorf("%s: %q, want %q", nth.Pos, nth.Block, want)
			}
		}
	}
}

// TestRun: frames of one place go together, and a notice alone.
func TestRun(t *testing.T) {
	at := func(text string) *Frame { return &Frame{Pos: position(t, text)} }
	notice := at("binlog.000001/4/0.1")
	notice.Kind = Swapped
	frames := []*Frame{at("binlog.000001/4/0.0"), at("binlog.000001/4/0.1"), at("binlog.000001/4/0.1"), notice, notice, at("binlog.000001/4/0.1")}
	var got []int
	for rest := frames; len(rest) > 0; {
		run := Run(rest)
		rest = rest[len(run):]
		got = append(got, len(run))
	}
	if !slices.Equal(got, []int{1, 2, 1, 1, 1}) {
		t.Errorf("%v", got)
	}
}
