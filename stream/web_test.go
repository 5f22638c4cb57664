package stream

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// A file that has not changed is not sent again, and no two files have one tag.
func TestFilesAreRevalidated(t *testing.T) {
	s := serve(t, Config{}, newFake(), bothTables).started(t)
	tags := map[string]string{}
	for _, path := range []string{"/", "/rowcast.js", "/rowcast.d.ts", "/rowcast/sse.js", "/page/page.js", "/page/page.css", "/examples/"} {
		get := func(tag string) (*http.Response, string) {
			req, _ := http.NewRequest(http.MethodGet, s.url+path, nil)
			req.Header.Set("If-None-Match", tag)
			return do(t, req)
		}
		resp, body := get(`"of another version"`)
		tag := resp.Header.Get("ETag")
		if resp.StatusCode != http.StatusOK || body == "" || !strings.HasPrefix(tag, `"`) || tags[tag] != "" {
			t.Errorf("%s: %s, %d bytes, ETag %s, which is that of %q", path, resp.Status, len(body), tag, tags[tag])
		}
		tags[tag] = path
		if resp, body = get(tag); resp.StatusCode != http.StatusNotModified || body != "" || resp.Header.Get("ETag") != tag {
			t.Errorf("%s: %s, %d bytes", path, resp.Status, len(body))
		}
		resp, err := http.Head(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || len(rest) > 0 || resp.Header.Get("ETag") != tag {
			t.Errorf("HEAD %s: %s", path, resp.Status)
		}
	}
}
