package main

import (
	"rowcast/cdc"
	"rowcast/filters"
	"rowcast/stream"
)

// renderer lets stream render with a filters.Set: the two packages do not know
// each other.
type renderer struct{ *filters.Set }

var _ stream.Renderer = renderer{}

func (r renderer) Streams() []stream.Info {
	var infos []stream.Info
	for _, i := range r.Set.Streams() {
		info := stream.Info{Name: i.Name, Table: i.Table, Columns: i.Columns, Ops: i.Ops, Event: i.Event}
		for _, p := range i.Params {
			info.Params = append(info.Params, stream.Param{Name: p.Name, Default: p.Default, Required: p.Required})
		}
		infos = append(infos, info)
	}
	return infos
}

func (r renderer) Render(c *cdc.Change, emit stream.Emit) { r.Set.Render(c, emit) }

func (r renderer) Bind(i int, params map[string]string) (stream.Binding, error) {
	b, err := r.Set.Bind(i, params)
	if b == nil {
		return nil, err // not an interface that holds a nil pointer
	}
	return b, err
}
