package cdc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// What a change of a JSON document does.
const (
	jsonReplace = 0
	jsonInsert  = 1
	jsonRemove  = 2
)

// jsonNode is a document that can be changed. It refers to the bytes that it was
// read from; only what lies on the way of a change is unfolded.
type jsonNode struct {
	typ    byte
	b      []byte // as jsonWriter.value takes it; not used once open is set
	open   bool
	object bool
	keys   [][]byte // of an object
	nodes  []*jsonNode
}

// appendJSONDiffs adds the document that base becomes by the changes. base may be
// empty, as for appendJSONB.
func appendJSONDiffs(dst, base, diffs []byte, compact bool) ([]byte, error) {
	if len(diffs) == 0 {
		return appendJSONB(dst, base, compact)
	}
	root := &jsonNode{typ: jsonLiteral, b: []byte{0}}
	budget := len(base) + len(diffs)
	if len(base) > 0 {
		root = &jsonNode{typ: base[0], b: base[1:]}
	}
	c := cursor{b: diffs}
	for c.left() > 0 {
		op := c.uint(1)
		path := c.take(c.length())
		var doc []byte
		if op != jsonRemove {
			doc = c.take(c.length())
		}
		if c.bad || op > jsonRemove || op != jsonRemove && len(doc) == 0 {
			return dst, fmt.Errorf("%w: its changes", errJSON)
		}
		var v *jsonNode
		if len(doc) > 0 {
			v = &jsonNode{typ: doc[0], b: doc[1:]}
		}
		var err error
		if root, err = root.apply(byte(op), path, v, &budget); err != nil {
			return dst, fmt.Errorf("change at %q: %w", path, err)
		}
	}
	w := jsonWriter{dst: dst, compact: compact, budget: len(base) + len(diffs)}
	if err := root.write(&w); err != nil {
		return dst, err
	}
	return w.dst, nil
}

// apply carries out one change and returns the document.
func (n *jsonNode) apply(op byte, path []byte, v *jsonNode, budget *int) (*jsonNode, error) {
	legs, err := parseJSONPath(string(path))
	if err != nil {
		return nil, err
	}
	if len(legs) == 0 {
		if op != jsonReplace {
			return nil, fmt.Errorf("%w: its root inserted or removed", errJSON)
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
			return nil, fmt.Errorf("%w: nothing is there", errJSON)
		}
		at = at.nodes[i]
	}
	if err := at.unfold(budget); err != nil {
		return nil, err
	}
	return n, at.change(op, legs[len(legs)-1], v)
}

func (n *jsonNode) change(op byte, leg jsonLeg, v *jsonNode) error {
	i, found := n.find(leg)
	switch {
	case leg.array == n.object:
		return fmt.Errorf("%w: an array was taken for an object, or the reverse", errJSON)
	case op == jsonInsert && leg.array:
		i = min(leg.index, len(n.nodes))
		n.nodes = append(n.nodes, nil)
		copy(n.nodes[i+1:], n.nodes[i:])
		n.nodes[i] = v
	case op == jsonInsert && !found:
		n.keys = append(n.keys, nil)
		copy(n.keys[i+1:], n.keys[i:])
		n.keys[i] = []byte(leg.key)
		n.nodes = append(n.nodes, nil)
		copy(n.nodes[i+1:], n.nodes[i:])
		n.nodes[i] = v
	case !found || op == jsonInsert:
		return fmt.Errorf("%w: nothing is there, or something already", errJSON)
	case op == jsonReplace:
		n.nodes[i] = v
	case op == jsonRemove:
		n.nodes = append(n.nodes[:i], n.nodes[i+1:]...)
		if n.object {
			n.keys = append(n.keys[:i], n.keys[i+1:]...)
		}
	}
	return nil
}

// find is the index of the element, or where it would be inserted. MySQL keeps
// the keys of an object by length, then by bytes.
func (n *jsonNode) find(leg jsonLeg) (int, bool) {
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
func (n *jsonNode) unfold(budget *int) error {
	if n.open {
		return nil
	}
	if n.typ > jsonLargeArray {
		return fmt.Errorf("%w: a path through a scalar", errJSON)
	}
	t, err := openJSON(n.typ, n.b)
	if err != nil {
		return err
	}
	if *budget -= t.count; *budget < 0 {
		return errJSON
	}
	n.open, n.object = true, t.object
	n.nodes = make([]*jsonNode, t.count)
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
		n.nodes[i] = &jsonNode{typ: typ, b: b}
	}
	return nil
}

func (n *jsonNode) write(w *jsonWriter) error {
	if !n.open {
		return w.value(n.typ, n.b)
	}
	if w.depth++; w.depth > maxJSONDepth {
		return fmt.Errorf("%w: more than %d levels", errJSON, maxJSONDepth)
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

// jsonLeg is one step of a path: .key or [index].
type jsonLeg struct {
	array bool
	key   string
	index int
}

// parseJSONPath reads a path as the server logs it: $, then .name, ."quoted" and [n].
func parseJSONPath(path string) ([]jsonLeg, error) {
	rest, ok := strings.CutPrefix(path, "$")
	bad := fmt.Errorf("%w: the path", errJSON)
	if !ok {
		return nil, bad
	}
	var legs []jsonLeg
	for rest != "" {
		if len(legs) > maxJSONDepth {
			return nil, bad
		}
		var leg jsonLeg
		switch {
		case rest[0] == '[':
			digits, behind, ok := strings.Cut(rest[1:], "]")
			n, err := strconv.ParseUint(digits, 10, 31)
			if !ok || err != nil {
				return nil, bad
			}
			leg, rest = jsonLeg{array: true, index: int(n)}, behind
		case strings.HasPrefix(rest, `."`):
			key, n, ok := unquoteJSON(rest[1:])
			if !ok {
				return nil, bad
			}
			leg, rest = jsonLeg{key: key}, rest[1+n:]
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			leg, rest = jsonLeg{key: rest[1 : 1+end]}, rest[1+end:]
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

// unquoteJSON reads the JSON string that s begins with, and its length in s.
func unquoteJSON(s string) (string, int, bool) {
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
