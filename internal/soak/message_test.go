package soak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
)

var hashSeed = maphash.MakeSeed()

// message is an event's data.
type message struct {
	Op, Table          string
	Key, Row, Before   json.RawMessage
	OldKey             json.RawMessage `json:"old_key"`
	TS                 int64
	key, row, old, bef [][2]string
}

// readMessage parses data and returns its essence.
func readMessage(data []byte) (*message, string, error) {
	m := &message{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, "", err
	}
	var b strings.Builder
	b.WriteString(m.Op + " " + m.Table)
	for _, part := range []struct {
		name string
		raw  json.RawMessage
		to   *[][2]string
	}{{"key", m.Key, &m.key}, {"old_key", m.OldKey, &m.old}, {"row", m.Row, &m.row}, {"before", m.Before, &m.bef}} {
		if part.raw == nil {
			continue
		}
		pairs, err := readObject(part.raw)
		if err != nil {
			return nil, "", err
		}
		*part.to = pairs
		b.WriteString(" " + part.name + fmt.Sprint(pairs))
	}
	if m.Op == "row" && m.TS != 0 || m.Op != "row" && (m.TS < 1.6e12 || m.TS > 5e12) {
		return nil, "", fmt.Errorf("ts %d", m.TS)
	}
	return m, b.String(), nil
}

// readObject returns members in their order.
func readObject(raw []byte) (pairs [][2]string, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := d.Token()
		if err != nil {
			return nil, err
		}
		text := "null"
		switch v := value.(type) {
		case json.Number:
			text = v.String()
		case string:
			text = strconv.Quote(v)
		case nil:
		default:
			return nil, fmt.Errorf("value %v", v)
		}
		pairs = append(pairs, [2]string{fmt.Sprint(name), text})
	}
	return pairs, nil
}
