// Package renderer joins filters and stream, which do not know each other: a
// compiled filters.Set renders frames.
package renderer

import (
	"rowcast/cdc"
	"rowcast/filters"
	"rowcast/stream/frame"
)

// Of is a set as a frame.Renderer.
func Of(set *filters.Set) frame.Renderer { return renderer{set} }

type renderer struct{ *filters.Set }

var _ frame.RowsRenderer = renderer{}

func (r renderer) Streams() []frame.Info {
	var infos []frame.Info
	for _, i := range r.Set.Streams() {
		info := frame.Info{Name: i.Name, Table: i.Table, Columns: i.Columns, Ops: i.Ops, Event: i.Event, Rows: i.Rows.String(), Order: i.Order}
		for _, p := range i.Params {
			info.Params = append(info.Params, frame.Param{Name: p.Name, Default: p.Default, Required: p.Required})
		}
		infos = append(infos, info)
	}
	return infos
}

func (r renderer) Render(c *cdc.Change, emit frame.Emit) { r.Set.Render(c, emit) }

func (r renderer) Bind(i int, params map[string]string) (frame.Binding, error) {
	b, err := r.Set.Bind(i, params)
	if b == nil {
		return nil, err // not an interface that holds a nil pointer
	}
	return b, err
}

func (r renderer) Rows(stream int) (limit int, all bool) {
	c := r.Set.Rows(stream)
	return c.Limit, c.All
}

func (r renderer) PlanRows(stream int, t *cdc.Table, b frame.Binding, byKey bool) (frame.RowsPlan, error) {
	binding, _ := b.(*filters.Binding)
	p, err := r.Set.PlanRows(stream, t, binding, byKey)
	if err != nil {
		return nil, err // not an interface that holds a nil pointer
	}
	return p, nil
}
