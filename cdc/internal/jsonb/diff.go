package jsonb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"rowcast/cdc/internal/wire"
)

// What a change of a JSON document does.
const (
	opReplace = 0
	opInsert  = 1
	opRemove  = 2
)

// node is a document that can be changed. It refers to the bytes that it was
// read from; only what lies on the way of a change is unfolded.
type node struct {
	typ    byte
	b      []byte // as writer.value takes it; not used once open is set
	open   bool
	object bool
	keys   [][]byte // of an object
	nodes  []*node
}

// AppendPatched adds the document that base becomes by the changes. base may be
// empty, as for Append.
func AppendPatched(dst, base, diffs []byte, compact bool) ([]byte, error) {
	if len(diffs) == 0 {
		return Append(dst, base, compact)
	}
	root := &node{typ: literal, b: []byte{0}}
	budget := len(base) + len(diffs)
	if len(base) > 0 {
		root = &node{typ: base[0], b: base[1:]}
	}
	c := wire.Cursor{B: diffs}
	for nth := 1; c.Left() > 0; nth++ {
		op := c.Uint(1)
		path := c.Take(c.Length())
		var doc []byte
		if op != opRemove {
			doc = c.Take(c.Length())
		}
		if c.Bad || op > opRemove || op != opRemove && len(doc) == 0 {
			return dst, fmt.Errorf("%w: its changes", errDamaged)
		}
		var v *node
		if len(doc) > 0 {
			v = &node{typ: doc[0], b: doc[1:]}
		}
		var err error
		if root, err = root.apply(byte(op), path, v, &budget); err != nil {
			return dst, fmt.Errorf("change number %d: %w", nth, err) // its path is of the document, which may be masked
		}
	}
	w := writer{dst: dst, compact: compact, budget: len(base) + len(diffs)}
	if err := root.write(&w); err != nil {
		return dst, err
	}
	return w.dst, nil
}

// apply carries out one change and returns the document.
func (n *node) apply(op byte, path []byte, v *node, budget *int) (*node, error) {
	legs, err := parsePath(string(path))
	if err != nil {
		return nil, err
	}
	if len(legs) == 0 {
		if op != opReplace {
			return nil, fmt.Errorf("%w: its root inserted or removed", errDamaged)
		}
		return v, nil
	}
	at := n
	for _, leg := range legs[:len(legs)-1] {
		if err := at.unfold(budget); err != nil {
			return nil, err
		}
		i, found := at.find(leg)
		if !found {
			return nil, fmt.Errorf("%w: nothing is there", errDamaged)
		}
		at = at.nodes[i]
	}
	if err := at.unfold(budget); err != nil {
		return nil, err
	}
	return n, at.change(op, legs[len(legs)-1], v)
}

func (n *node) change(op byte, leg step, v *node) error {
	i, found := n.find(leg)
	switch {
	case leg.array == n.object:
		return fmt.Errorf("%w: an array was taken for an object, or the reverse", errDamaged)
	case op == opInsert && leg.array:
		i = min(leg.index, len(n.nodes))
		n.nodes = append(n.nodes, nil)
		copy(n.nodes[i+1:], n.nodes[i:])
		n.nodes[i] = v
	case op == opInsert && !found:
		n.keys = append(n.keys, nil)
		copy(n.keys[i+1:], n.keys[i:])
		n.keys[i] = []byte(leg.key)
		n.nodes = append(n.nodes, nil)
		copy(n.nodes[i+1:], n.nodes[i:])
		n.nodes[i] = v
	case !found || op == opInsert:
		return fmt.Errorf("%w: nothing is there, or something already", errDamaged)
	case op == opReplace:
		n.nodes[i] = v
	case op == opRemove:
		n.nodes = append(n.nodes[:i], n.nodes[i+1:]...)
		if n.object {
			n.keys = append(n.keys[:i], n.keys[i+1:]...)
		}
	}
	return nil
}

// find is the index of the element, or where it would be inserted. MySQL keeps
// the keys of an object by length, then by bytes.
func (n *node) find(leg step) (int, bool) {
	if leg.array {
		return leg.index, !n.object && leg.index < len(n.nodes)
	}
	for i, key := range n.keys {
		d := len(key) - len(leg.key)
		if d == 0 {
			d = bytes.Compare(key, []byte(leg.key))
		}
		if d >= 0 {
			return i, d == 0
		}
	}
	return len(n.keys), false
}

// unfold makes the elements nodes of their own. budget is how many there can be,
// were no offsets forged.
func (n *node) unfold(budget *int) error {
	if n.open {
		return nil
	}
	if n.typ > largeArray {
		return fmt.Errorf("%w: a path through a scalar", errDamaged)
	}
	t, err := openTree(n.typ, n.b)
	if err != nil {
		return err
	}
	if *budget -= t.count; *budget < 0 {
		return errDamaged
	}
	n.open, n.object = true, t.object
	n.nodes = make([]*node, t.count)
	for i := range t.count {
		if t.object {
			key, err := t.key(i)
			if err != nil {
				return err
			}
			n.keys = append(n.keys, key)
		}
		typ, b, err := t.value(i)
		if err != nil {
			return err
		}
		n.nodes[i] = &node{typ: typ, b: b}
	}
	return nil
}

func (n *node) write(w *writer) error {
	if !n.open {
		return w.value(n.typ, n.b)
	}
	if w.depth++; w.depth > maxDepth {
		return fmt.Errorf("%w: more than %d levels", errDamaged, maxDepth)
	}
	open, end := byte('['), byte(']')
	if n.object {
		open, end = '{', '}'
	}
	w.dst = append(w.dst, open)
	for i, child := range n.nodes {
		w.comma(i)
		if n.object {
			w.key(n.keys[i])
		}
		if err := child.write(w); err != nil {
			return err
		}
	}
	w.dst = append(w.dst, end)
	w.depth--
	return nil
}

// step is one part of a path: .key or [index].
type step struct {
	array bool
	key   string
	index int
}

// parsePath reads a path as the server logs it: $, then .name, ."quoted" and [n].
func parsePath(path string) ([]step, error) {
	rest, ok := strings.CutPrefix(path, "$")
	bad := fmt.Errorf("%w: the path", errDamaged)
	if !ok {
		return nil, bad
	}
	var legs []step
	for rest != "" {
		if len(legs) > maxDepth {
			return nil, bad
		}
		var leg step
		switch {
		case rest[0] == '[':
			digits, after, ok := strings.Cut(rest[1:], "]")
			n, err := strconv.ParseUint(digits, 10, 31)
			if !ok || err != nil {
				return nil, bad
			}
			leg, rest = step{array: true, index: int(n)}, after
		case strings.HasPrefix(rest, `."`):
			key, n, ok := unquote(rest[1:])
			if !ok {
				return nil, bad
			}
			leg, rest = step{key: key}, rest[1+n:]
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			leg, rest = step{key: rest[1 : 1+end]}, rest[1+end:]
			if leg.key == "" {
				return nil, bad
			}
		default:
			return nil, bad
		}
		legs = append(legs, leg)
	}
	return legs, nil
}

// unquote reads the JSON string that s begins with, and its length in s.
func unquote(s string) (string, int, bool) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			var key string
			if err := json.Unmarshal([]byte(s[:i+1]), &key); err != nil {
				return "", 0, false
			}
			return key, i + 1, true
		}
	}
	return "", 0, false
}
