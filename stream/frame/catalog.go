package frame

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"rowcast/cdc"
	"rowcast/internal/nearest"
)

// Catalog is one config as clients see it. It is immutable, its log of resets apart.
type Catalog struct {
	Renderer
	infos  []Info
	byName map[string]int
	resets resetLog
}

// NewCatalog makes the catalog of a compiled config. Resets of its streams are
// logged to log, which may be nil.
func NewCatalog(r Renderer, log *slog.Logger) *Catalog {
	c := &Catalog{Renderer: r, infos: r.Streams(), byName: map[string]int{}, resets: resetLog{log: log}}
	for i, info := range c.infos {
		c.byName[info.Name] = i
	}
	return c
}

// Len is the number of streams.
func (c *Catalog) Len() int { return len(c.infos) }

// Name is the public name of a stream.
func (c *Catalog) Name(stream int) string { return c.infos[stream].Name }

// RequestError says what is wrong with what Subscribe was asked for. The text is
// for the subscriber, who may have come by HTTP or by the command line.
type RequestError struct {
	Kind Mistake
	Text string
}

func (e *RequestError) Error() string { return e.Text }

// Mistake tells RequestErrors apart.
type Mistake uint8

const (
	NoStream Mistake = iota
	Together         // streams that can't share a subscription
	BadValue         // of a parameter: missing or impossible
	NoSuchParam
)

func mistake(kind Mistake, format string, args ...any) error {
	return &RequestError{kind, fmt.Sprintf(format, args...)}
}

// Subscribe makes a subscription of public names and the values of parameters, without
// rows. The error is a *RequestError.
func (c *Catalog) Subscribe(names []string, params map[string]string) (*Subscription, error) {
	return c.SubscribeRows(names, params, "0")
}

// SubscribeRows is Subscribe, with rows: "" is as many as configured, "all" or a number
// what was asked for.
func (c *Catalog) SubscribeRows(names []string, params map[string]string, rows string) (*Subscription, error) {
	s := &Subscription{catalog: c, names: names, params: params, asked: rows}
	used := map[string]bool{}
	for _, name := range names {
		i, ok := c.byName[name]
		if !ok {
			return nil, mistake(NoStream, "%s", c.noStream(name))
		}
		beside := 0 // streams of its table
		for _, p := range s.Parts {
			if p.Stream == i {
				return nil, mistake(Together, "stream %q is named twice; once is enough", name)
			}
			if c.Overlap(p.Stream, i) {
				beside++
			}
		}
		if beside >= cdc.MaxEvents {
			return nil, mistake(Together, "stream %q and %d others may publish the same table; at most %d such streams share a connection: ask for some of them on another", name, beside, cdc.MaxEvents)
		}
		s.overlaps = s.overlaps || beside > 0
		given := map[string]string{}
		for _, p := range c.infos[i].Params {
			if v, ok := params[p.Name]; ok {
				given[p.Name], used[p.Name] = v, true
			}
		}
		b, err := c.Bind(i, given)
		if err != nil {
			return nil, mistake(BadValue, "%s", err)
		}
		s.add(i, b)
	}
	if err := c.undeclared(names, params, used); err != nil {
		return nil, err
	}
	if !s.overlaps { // else the order of the request is that of a change's events
		slices.SortFunc(s.Parts, func(a, b Part) int { return a.Stream - b.Stream })
	}
	if err := s.askRows(c, rows); err != nil {
		return nil, err
	}
	s.identify()
	return s, nil
}

func (c *Catalog) undeclared(names []string, params map[string]string, used map[string]bool) error {
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
	return mistake(NoSuchParam, "stream %s has no parameter %s; %s", strings.Join(names, ", "), strings.Join(unknown, ", "), text)
}

// listed is how many streams a message lists.
const listed = 10

// noStream names the nearest stream, so that a typing error is seen at once.
func (c *Catalog) noStream(name string) string {
	if len(c.infos) == 0 {
		return fmt.Sprintf("there is no stream %q; none is configured", shorten(name))
	}
	names := make([]string, len(c.infos))
	for i, info := range c.infos {
		names[i] = info.Name
	}
	text := fmt.Sprintf("there is no stream %q", shorten(name))
	others := names
	if near := nearest.Name(name, names); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
		others = slices.DeleteFunc(names, func(n string) bool { return n == near })
		if len(others) > 0 {
			text += " Others: " + strings.Join(others[:min(len(others), listed)], ", ")
		}
	} else {
		text += "; there are " + strings.Join(others[:min(len(others), listed)], ", ")
	}
	if more := len(others) - listed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// shorten keeps what a client sent from filling a message.
func shorten(name string) string {
	if len(name) > 100 {
		name = name[:100] + "…"
	}
	return name
}
