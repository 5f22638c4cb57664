package stream

import (
	"bytes"
	"encoding/json"
	"strings"

	"rowcast/cdc"
)

// Frame is one SSE event, encoded once for everybody. It is immutable, as are
// the bytes it refers to.
type Frame struct {
	Pos    cdc.Position // orders frames; its text is the id: line
	Block  []byte       // the complete block, with its blank line; nil for a control frame
	Stream int          // index in the catalog's streams
	Op     cdc.Op       // 0 for a reset
	Time   int64        // commit time, milliseconds since 1970 UTC
	Key    Key          // which bindings it is for, see Renderer
	Tag    any
	ctl    *control // for every subscription that is named: a reset or a new catalog
}

// control is what a cursor has to know when it comes past.
type control struct {
	reset   bool     // a reset frame of Stream, for all its bindings
	catalog *catalog // the config that holds from here on
	lost    *loss    // everybody lost exactness
}

// loss is why a client can't go on exactly.
type loss struct{ reason, message string }

// Reset tells whether the frame is a reset event of its stream.
func (f *Frame) Reset() bool { return f.ctl != nil && f.ctl.reset }

// ID is the event id as clients see it.
func (f *Frame) ID() string { return f.Pos.String() }

// Event and Data are what a browser's EventSource would make of the block:
// Event is "message" where the block names none, Data has its lines joined by "\n".
func (f *Frame) Event() string { e, _, _ := parseBlock(f.Block); return e }

// Data: see Event.
func (f *Frame) Data() string { _, d, _ := parseBlock(f.Block); return d }

// size is what a frame costs in memory, roughly: its bytes and itself.
func (f *Frame) size() int64 { return int64(len(f.Block)) + frameOverhead }

const frameOverhead = 160 // unsafe.Sizeof(Frame{}) and a tag

// appendBlock encodes one event. The id comes from a Position and can't hold a
// line break; event and data are attacker's input: names and values of a database.
func appendBlock(b []byte, ids *cdc.IDs, pos cdc.Position, event string, data []byte) []byte {
	b = append(b, "id: "...)
	b = ids.Append(b, pos)
	b = append(b, '\n')
	if event != "" {
		b = append(b, "event: "...)
		b = append(b, cleanEvent(event)...)
		b = append(b, '\n')
	}
	return append(appendData(b, data), '\n')
}

// appendData writes data as data: lines. CR, LF and CRLF all end a line for a
// browser, so each begins a new data: line.
func appendData(b, data []byte) []byte {
	for {
		end := bytes.IndexByte(data, '\n')
		if cr := bytes.IndexByte(data[:max(end, 0)], '\r'); cr >= 0 {
			end = cr
		} else if end < 0 {
			end = bytes.IndexByte(data, '\r')
		}
		b = append(b, "data: "...)
		if end < 0 {
			return append(append(b, data...), '\n')
		}
		b = append(append(b, data[:end]...), '\n')
		if data[end] == '\r' && end+1 < len(data) && data[end+1] == '\n' {
			end++
		}
		data = data[end+1:]
	}
}

var eventCleaner = strings.NewReplacer("\r", "", "\n", "", "\x00", "")

func cleanEvent(s string) string {
	if strings.ContainsAny(s, "\r\n\x00") {
		return eventCleaner.Replace(s)
	}
	return s
}

// appendCheckpoint is the id-only block: it moves a browser's last id and fires nothing.
func appendCheckpoint(b []byte, pos cdc.Position) []byte {
	b = append(b, "id: "...)
	return append(pos.Append(b), "\n\n"...)
}

// appendReset is the in-band notice that exactness was lost.
func appendReset(b []byte, pos cdc.Position, reason, lastID, message string) []byte {
	data, _ := json.Marshal(struct { // a struct of strings can always be encoded
		Reason string `json:"reason"`
		LastID string `json:"lastEventId"`
		Text   string `json:"message"`
	}{reason, lastID, message})
	return appendBlock(b, &cdc.IDs{}, pos, "reset", data)
}

// parseBlock reads a block that this package wrote; event is "message" where
// there is none, and ok is false where the block has no data.
func parseBlock(block []byte) (event, data string, ok bool) {
	event = "message"
	var lines []string
	for line := range strings.Lines(string(block)) {
		line = strings.TrimSuffix(line, "\n")
		if v, found := strings.CutPrefix(line, "event: "); found {
			event = v
		} else if v, found := strings.CutPrefix(line, "data: "); found {
			lines = append(lines, v)
		}
	}
	return event, strings.Join(lines, "\n"), lines != nil
}
