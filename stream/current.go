package stream

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"rowcast/cdc"
	"rowcast/stream/frame"
	"rowcast/stream/internal/rows"
)

const (
	// currentWait is how long a request for rows waits for them.
	currentWait = 25 * time.Second
	// pageRows is how many rows a page has where a request does not say, maxPage at most.
	pageRows = 1000
	maxPage  = 10_000
)

// currentAnswer is what /rows answers: the rows as events have them, and the id of a
// stream that goes on from there.
type currentAnswer struct {
	ID   string            `json:"id"`
	Rows []json.RawMessage `json:"rows"`
	More bool              `json:"more"`
	Next string            `json:"next,omitempty"` // the key of the page that follows
}

// currentRows serves the rows of a stream as JSON.
func (s *Server) currentRows(c echo.Context) error {
	want, sub, err := s.parseRows(c)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(c.Request().Context(), currentWait)
	defer stop()
	got, err := s.rows.Get(ctx, want, sub.Rows()[0].Part, cdc.Position{})
	switch {
	case errors.Is(err, rows.ErrKey):
		return detail(http.StatusBadRequest, "key is not one that rowcast has given; begin again with key=")
	case c.Request().Context().Err() != nil:
		return nil // the client has left
	case err != nil:
		c.Response().Header().Set("Retry-After", strconv.FormatInt((s.retryMillis()+999)/1000, 10))
		return detail(http.StatusServiceUnavailable, "the rows can't be had at the moment; try again")
	}
	defer got.Release()
	answer := currentAnswer{ID: got.At.String(), Rows: make([]json.RawMessage, 0, got.Len()), More: got.More}
	err = got.Each(nil, func(_, _ string, data []byte) error {
		if got.Plan.Text() {
			data, _ = json.Marshal(string(data)) // a string can always be encoded
		}
		answer.Rows = append(answer.Rows, slices.Clone(data))
		return nil
	})
	if err != nil {
		s.logger.Error("a row can't be sent; mend the row or the stream", "stream", want.Catalog.Name(want.Stream), "cause", err)
		return detail(http.StatusServiceUnavailable, "a row can't be sent; rowcast's log says why")
	}
	if got.More && want.Limit == 0 {
		at := sub.AllRows()
		if id := got.ID(&at, string(got.Last)); id.IsZero() {
			answer.ID = cdc.ID{Position: got.At, Rows: sub.AllRows()}.String()
		} else {
			answer.ID, answer.Next = id.String(), base64.RawURLEncoding.EncodeToString(got.Last)
		}
	}
	return sendCurrent(c, answer)
}

// parseRows reads a request for rows.
func (s *Server) parseRows(c echo.Context) (want rows.Want, sub *frame.Subscription, err error) {
	r := c.Request()
	name := strings.TrimPrefix(r.URL.Path, "/rows/")
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return want, nil, detail(http.StatusBadRequest, "the query can't be read: %v", err)
	}
	params, err := bindValues(query)
	if err != nil {
		return want, nil, err
	}
	delete(params, "key")
	catalog, _ := s.history.Live().Current()
	sub, err = catalog.SubscribeRows([]string{name}, params, query.Get("rows"))
	switch {
	case err == nil && (len(sub.Rows()) == 0 || s.rows == nil):
		return want, nil, detail(http.StatusNotFound, "stream %q has no rows; set rows in its [[table]], and ask for at least 1", name)
	case err != nil:
		return want, nil, refusal(err)
	}
	p := sub.Rows()[0]
	want = rows.Want{Catalog: catalog, Stream: p.Part.Stream, Binding: p.Part.ID(), Limit: p.Limit}
	if _, all := catalog.Rows(p.Part.Stream); all { // a number is the size of a page
		want.Limit, want.Chunk = 0, min(cmp.Or(p.Limit, pageRows), maxPage)
	}
	if key := query.Get("key"); key != "" {
		if want.Limit > 0 {
			return want, nil, detail(http.StatusBadRequest, `key pages through streams whose rows are "all"; stream %q gives the newest %d at once`, name, p.Limit)
		}
		record, err := base64.RawURLEncoding.Strict().DecodeString(key)
		if err != nil || len(record) > maxKey {
			return want, nil, detail(http.StatusBadRequest, "key is not one that rowcast has given; begin again with key=")
		}
		want.After = string(record)
	}
	return want, sub, nil
}

// maxKey is what a key in a request may have: MySQL's keys have 3,072 bytes at most.
const maxKey = 4096

// sendCurrent answers. The tag is of the rows alone: where they are the same, an older
// id is as good.
func sendCurrent(c echo.Context, a currentAnswer) error {
	sum := sha256.New()
	for _, row := range a.Rows {
		sum.Write(strconv.AppendInt(nil, int64(len(row)), 10))
		sum.Write(row)
	}
	sum.Write(strconv.AppendBool(nil, a.More))
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:12]) + `"`
	h := c.Response().Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	for given := range strings.SplitSeq(c.Request().Header.Get("If-None-Match"), ",") {
		if given = strings.TrimPrefix(strings.TrimSpace(given), "W/"); given == tag || given == "*" {
			return c.NoContent(http.StatusNotModified)
		}
	}
	h.Set("Content-Type", "application/json")
	if c.Request().Method == http.MethodHead {
		return c.NoContent(http.StatusOK)
	}
	return writeJSON(c.Response(), a)
}
