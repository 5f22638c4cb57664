package stream

import (
	"fmt"
	"slices"
	"strings"
)

// catalog is one config as clients see it. It is immutable.
type catalog struct {
	Renderer
	infos  []Info
	byName map[string]int
}

func newCatalog(r Renderer) *catalog {
	c := &catalog{Renderer: r, infos: r.Streams(), byName: map[string]int{}}
	for i, info := range c.infos {
		c.byName[info.Name] = i
	}
	return c
}

// subscription is what one request asks for: streams and, for each, a binding.
// It is immutable and belongs to one catalog.
type subscription struct {
	catalog *catalog
	names   []string          // as asked for
	params  map[string]string // as asked for
	parts   []part
	id      string // equal ids within a catalog, equal subscriptions
}

type part struct {
	stream  int
	binding Binding // nil: every frame
	key     Key
}

// unknownStream and badRequest tell a client's mistakes apart.
type unknownStream struct{ text string }

func (e unknownStream) Error() string { return e.text }

type badRequest struct{ text string }

func (e badRequest) Error() string { return e.text }

// subscribe checks a request against the catalog. Errors are unknownStream or badRequest.
func (c *catalog) subscribe(names []string, params map[string]string) (*subscription, error) {
	s := &subscription{catalog: c, names: names, params: params}
	used := map[string]bool{}
	for _, name := range names {
		i, ok := c.byName[name]
		if !ok {
			return nil, unknownStream{c.noSuchStream(name)}
		}
		for _, p := range s.parts {
			if p.stream == i {
				return nil, badRequest{fmt.Sprintf("table=%s is named twice; once is enough", name)}
			}
			if c.Overlap(p.stream, i) {
				return nil, badRequest{fmt.Sprintf("streams %q and %q may publish the same table, and one event id must name one event; open a connection for each", c.infos[p.stream].Name, name)}
			}
		}
		given := map[string]string{}
		for _, p := range c.infos[i].Params {
			if v, ok := params[p.Name]; ok {
				given[p.Name], used[p.Name] = v, true
			}
		}
		b, err := c.Bind(i, given)
		if err != nil {
			return nil, badRequest{err.Error()}
		}
		s.add(i, b)
	}
	if err := c.undeclared(names, params, used); err != nil {
		return nil, err
	}
	slices.SortFunc(s.parts, func(a, b part) int { return a.stream - b.stream })
	s.identify()
	return s, nil
}

func (s *subscription) add(stream int, b Binding) {
	p := part{stream: stream, binding: b}
	if b != nil {
		p.key = KeyOf([]byte(b.Key()))
	}
	s.parts = append(s.parts, p)
}

func (s *subscription) identify() {
	var id strings.Builder
	for _, p := range s.parts {
		fmt.Fprintf(&id, "%d", p.stream)
		if p.binding != nil {
			bid := p.binding.ID()
			fmt.Fprintf(&id, ":%d:%s", len(bid), bid)
		}
		id.WriteByte(';')
	}
	s.id = id.String()
}

func (c *catalog) undeclared(names []string, params map[string]string, used map[string]bool) error {
	var unknown []string
	for name := range params {
		if !used[name] {
			unknown = append(unknown, fmt.Sprintf("%q", name))
		}
	}
	if unknown == nil {
		return nil
	}
	slices.Sort(unknown)
	var known []string
	for _, name := range names {
		for _, p := range c.infos[c.byName[name]].Params {
			known = append(known, p.Name)
		}
	}
	text := "it takes none"
	if known != nil {
		text = "it takes " + strings.Join(known, ", ")
	}
	return badRequest{fmt.Sprintf("stream %s has no parameter %s; %s (table, lastEventId and wait are rowcast's own)",
		strings.Join(names, ", "), strings.Join(unknown, ", "), text)}
}

// noSuchStream names the nearest streams, so that a typing error is seen at once.
func (c *catalog) noSuchStream(name string) string {
	if len(name) > 100 {
		name = name[:100] + "…"
	}
	if len(c.infos) == 0 {
		return fmt.Sprintf("there is no stream %q; none is configured", name)
	}
	names := make([]string, len(c.infos))
	for i, info := range c.infos {
		names[i] = info.Name
	}
	slices.SortStableFunc(names, func(a, b string) int { return distance(a, name) - distance(b, name) })
	text := fmt.Sprintf("there is no stream %q; did you mean %q?", name, names[0])
	if len(names) > 1 {
		text += " Others: " + strings.Join(names[1:min(len(names), 10)], ", ") + "; GET /streams lists all"
	}
	return text
}

// distance is Levenshtein's, without regard to case.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// rebind is the same request under another config. An error means that the
// stream, or a parameter of it, is gone.
func (s *subscription) rebind(c *catalog) (*subscription, error) {
	if s.catalog == c {
		return s, nil
	}
	return c.subscribe(s.names, s.params)
}

// wants tells whether a frame of s's catalog is for s.
func (s *subscription) wants(f *Frame) bool {
	for i := range s.parts {
		p := &s.parts[i]
		if p.stream != f.Stream {
			continue
		}
		return f.Reset() || p.key.Fits(f.Key) && p.matches(f)
	}
	return false
}

// matches leaves the key out: the writers look frames up by it.
func (p *part) matches(f *Frame) bool {
	return p.binding == nil || f.Tag == nil || p.binding.Match(f.Tag)
}
