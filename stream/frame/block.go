package frame

import (
	"bytes"
	"encoding/json"
	"strings"

	"rowcast/cdc"
)

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

// AppendCheckpoint appends an id-only block: it moves a browser's last id and fires nothing.
func AppendCheckpoint(b []byte, pos cdc.Position) []byte {
	b = append(b, "id: "...)
	return append(pos.Append(b), "\n\n"...)
}

// AppendReset appends the in-band notice that exactness was lost. lastID is what
// the client last had, in its own words.
func AppendReset(b []byte, pos cdc.Position, why Loss, lastID string) []byte {
	data, _ := json.Marshal(struct { // a struct of strings can always be encoded
		Reason string `json:"reason"`
		LastID string `json:"lastEventId"`
		Text   string `json:"message"`
	}{why.Reason, lastID, why.Message})
	return appendBlock(b, &cdc.IDs{}, pos, "reset", data)
}

// Message is an event as a browser's EventSource hands it to a page.
type Message struct {
	ID    string // of the block; "": it has none, and the one before holds
	Event string
	Data  string
}

// Parse reads a block that this package wrote, as EventSource would: Event is
// "message" where the block names none, Data has its lines joined by "\n".
// Without data nothing fires.
func Parse(block []byte) (m Message, fires bool) {
	m.Event = "message"
	var lines []string
	for line := range strings.Lines(string(block)) {
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			m.ID = value
		case "event":
			m.Event = value
		case "data":
			lines = append(lines, value)
		}
	}
	m.Data = strings.Join(lines, "\n")
	return m, lines != nil
}
