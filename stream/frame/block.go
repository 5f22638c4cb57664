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
	if event = cleanEvent(event); event != "" {
		b = append(b, "event: "...)
		b = append(b, event...)
		b = append(b, '\n')
	}
	return append(appendData(b, data), '\n')
}

// appendData writes data as data: lines. CR, LF and CRLF all end a line for a
// browser, so each begins a new data: line. Each byte is looked at once for
// either, however many there are: data is what anybody could write to a column.
func appendData(b, data []byte) []byte {
	lf, cr := next(data, 0, '\n'), next(data, 0, '\r')
	for at := 0; ; {
		end := min(lf, cr)
		b = append(append(append(b, "data: "...), data[at:end]...), '\n')
		if end == len(data) {
			return b
		}
		if end == cr && lf == end+1 && lf < len(data) {
			end = lf
		}
		at = end + 1
		if lf < at {
			lf = next(data, at, '\n')
		}
		if cr < at {
			cr = next(data, at, '\r')
		}
	}
}

// next is where the next c is, from at on, or the end of data.
func next(data []byte, at int, c byte) int {
	if i := bytes.IndexByte(data[at:], c); i >= 0 {
		return at + i
	}
	return len(data)
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
