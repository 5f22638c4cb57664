package row

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"rowcast/cdc/internal/format"
)

// Geometry types in WKB.
const (
	wkbPoint = iota + 1
	wkbLineString
	wkbPolygon
	wkbMultiPoint
	wkbMultiLineString
	wkbMultiPolygon
	wkbCollection
)

// maxGeometryDepth bounds collections within collections.
const maxGeometryDepth = 64

var errGeometry = errors.New("the geometry is damaged")

var geometryNames = [...]string{"", "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"}

// appendGeometry adds a geometry as GeoJSON: 4 bytes of SRID, then WKB. Its
// coordinates come in the order in which they are stored, which is longitude
// first, as ST_AsGeoJSON writes them.
func appendGeometry(dst, b []byte) ([]byte, error) {
	if len(b) < 4 {
		return dst, errGeometry
	}
	g := wkb{b: b[4:], dst: dst}
	if err := g.geometry(binary.LittleEndian.Uint32(b), 0, 0); err != nil {
		return dst, err
	}
	if len(g.b) != 0 {
		return dst, fmt.Errorf("%w: %d bytes too many", errGeometry, len(g.b))
	}
	return g.dst, nil
}

// wkb reads well-known binary and writes GeoJSON.
type wkb struct {
	b     []byte
	dst   []byte
	order binary.ByteOrder
}

func (g *wkb) uint32() (uint32, error) {
	if len(g.b) < 4 {
		return 0, errGeometry
	}
	v := g.order.Uint32(g.b)
	g.b = g.b[4:]
	return v, nil
}

// head reads byte order and type, which must be want unless that is 0.
func (g *wkb) head(want uint32) (uint32, error) {
	if len(g.b) < 1 || g.b[0] > 1 {
		return 0, errGeometry
	}
	g.order = binary.ByteOrder(binary.LittleEndian)
	if g.b[0] == 0 {
		g.order = binary.BigEndian
	}
	g.b = g.b[1:]
	typ, err := g.uint32()
	if err != nil || typ < wkbPoint || typ > wkbCollection || want != 0 && typ != want {
		return 0, errGeometry
	}
	return typ, nil
}

// geometry writes a whole object.
func (g *wkb) geometry(srid uint32, want uint32, depth int) error {
	if depth > maxGeometryDepth {
		return fmt.Errorf("%w: more than %d collections within one another", errGeometry, maxGeometryDepth)
	}
	typ, err := g.head(want)
	if err != nil {
		return err
	}
	g.dst = append(append(append(g.dst, `{"type":"`...), geometryNames[typ]...), `",`...)
	if typ == wkbCollection {
		g.dst = append(g.dst, `"geometries":`...)
		err = g.list(func() error { return g.geometry(0, 0, depth+1) })
	} else {
		g.dst = append(g.dst, `"coordinates":`...)
		err = g.coordinates(typ)
	}
	if err != nil {
		return err
	}
	if srid != 0 {
		g.dst = strconv.AppendUint(append(g.dst, `,"srid":`...), uint64(srid), 10)
	}
	g.dst = append(g.dst, '}')
	return nil
}

func (g *wkb) coordinates(typ uint32) error {
	switch typ {
	case wkbPoint:
		return g.point()
	case wkbLineString:
		return g.list(g.point)
	case wkbPolygon:
		return g.list(func() error { return g.list(g.point) })
	}
	part := typ - wkbMultiPoint + wkbPoint
	return g.list(func() error {
		if _, err := g.head(part); err != nil {
			return err
		}
		return g.coordinates(part)
	})
}

// list writes an array of as many as the next number says.
func (g *wkb) list(one func() error) error {
	n, err := g.uint32()
	if err != nil {
		return err
	}
	g.dst = append(g.dst, '[')
	for i := range n {
		if i > 0 {
			g.dst = append(g.dst, ',')
		}
		if err := one(); err != nil { // ends with the bytes: each takes some
			return err
		}
	}
	g.dst = append(g.dst, ']')
	return nil
}

func (g *wkb) point() error {
	if len(g.b) < 16 {
		return errGeometry
	}
	x, y := math.Float64frombits(g.order.Uint64(g.b)), math.Float64frombits(g.order.Uint64(g.b[8:]))
	g.b = g.b[16:]
	var err error
	if g.dst, err = format.AppendFloat(append(g.dst, '['), x, 64); err != nil {
		return err
	}
	if g.dst, err = format.AppendFloat(append(g.dst, ','), y, 64); err != nil {
		return err
	}
	g.dst = append(g.dst, ']')
	return nil
}
