package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"rowcast/internal/throwaway"
)

// event is what a listener of an EventSource would see.
type event struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Data string `json:"data"`
}

// parser follows the HTML standard's "interpreting an event stream", and
// nothing that rowcast happens to do.
type parser struct {
	lastID, name string
	data         []string
	events       []event
}

func (p *parser) line(line string) {
	if line == "" {
		p.dispatch()
		return
	}
	field, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch field {
	case "event":
		p.name = value
	case "data":
		p.data = append(p.data, value)
	case "id":
		if !strings.Contains(value, "\x00") {
			p.lastID = value
		}
	}
}

func (p *parser) dispatch() {
	if p.data != nil {
		if p.name == "" {
			p.name = "message"
		}
		p.events = append(p.events, event{p.name, p.lastID, strings.Join(p.data, "\n")})
	}
	p.name, p.data = "", nil
}

// lines splits at CR LF, CR and LF; what no line end follows is not a line.
func lines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	i := bytes.IndexAny(data, "\r\n")
	switch {
	case i < 0:
		return 0, nil, nil
	case data[i] == '\n':
		return i + 1, data[:i], nil
	case i+1 == len(data) && !atEOF:
		return 0, nil, nil // an LF may follow
	case i+1 < len(data) && data[i+1] == '\n':
		return i + 2, data[:i], nil
	}
	return i + 1, data[:i], nil
}

// listen reads url until n events other than pings have come.
func listen(url string, n int) ([]event, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		text, _ := io.ReadAll(resp.Body)
		return nil, fmt.Errorf("%s: %s: %s", resp.Status, kind, text)
	}
	body := bufio.NewReader(resp.Body)
	if bom, _ := body.Peek(3); string(bom) == "\ufeff" {
		_, _ = body.Discard(3)
	}
	scanner := bufio.NewScanner(body)
	scanner.Buffer(nil, 16<<20)
	scanner.Split(lines)
	var p parser
	for len(p.events) < n && scanner.Scan() {
		p.line(scanner.Text())
		if k := len(p.events); k > 0 && p.events[k-1].Type == "ping" {
			p.events = p.events[:k-1]
		}
	}
	return p.events, scanner.Err()
}

func TestParser(t *testing.T) {
	var p parser
	scanner := bufio.NewScanner(strings.NewReader("data: a\r\ndata:b\rdata\n\n:c\nid: 7\n\nevent: x\ndata:  y\n\ndata: lost"))
	scanner.Split(lines)
	for scanner.Scan() {
		p.line(scanner.Text())
	}
	if got, want := fmt.Sprintf("%q", p.events), `[{"message" "" "a\nb\n"} {"x" "7" " y"}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestParsers has Chromium, two npm clients, the client module and the parser
// above read the same rows, whose texts hold whatever could break an event stream.
func TestParsers(t *testing.T) {
	t.Parallel()
	s := newStageOn(t, throwaway.MariaDB, []string{"ROWCAST_STREAM_PING=ping"}, "", `
[[table]]
name = "draft.picks"
as = "text"
data = "text"
text = "{{.player}}"
event = "line"
`)
	script(t, "parsers.mjs", s)
}

// goClient answers a script with what the Go client reads.
func goClient(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		URL string
		N   int
	}
	err := json.NewDecoder(r.Body).Decode(&ask)
	var events []event
	if err == nil {
		events, err = listen(ask.URL, ask.N)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(events)
}
