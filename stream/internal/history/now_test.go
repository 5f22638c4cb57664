package history

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestNowIsAskedOnce for all who ask at a time.
func TestNowIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{}
		var n nowCache
		for range 100 {
			if _, err := n.get(t.Context(), src, src.end()); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(nowLasts)
		if _, err := n.get(t.Context(), src, src.end()); err != nil || src.nows != 2 {
			t.Errorf("asked %d times, %v", src.nows, err)
		}
	})
}

// TestNowIsNoOlderThanTheID: an answer from before the id was made would take its
// client, which comes from a faster instance, for one that is ahead.
func TestNowIsNoOlderThanTheID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{}
		var n nowCache
		for range 20 {
			src.groups++
			id := src.end()
			if now, err := n.get(t.Context(), src, id); err != nil || id.Compare(now) > 0 {
				t.Fatalf("now is %s, %v, though %s was committed", now, err, id)
			}
		}
		begun, before := time.Now(), src.nows
		for range 10 {
			if _, err := n.get(t.Context(), src, at(900, 4, lineage)); err != nil {
				t.Fatal(err)
			}
		}
		if asked := src.nows - before; time.Since(begun) < time.Duration(asked-1)*nowPause {
			t.Errorf("forged ids made %d questions in %s", asked, time.Since(begun))
		}
	})
}

// TestNowAfterPanic: net/http recovers from a handler's panic; the question for the
// end of the binlog must not be under way for ever.
func TestNowAfterPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{panics: true}
		var n nowCache
		func() {
			defer func() { _ = recover() }()
			_, _ = n.get(t.Context(), src, src.end())
		}()
		<-time.After(2 * nowLasts)
		if pos, err := n.get(t.Context(), src, src.end()); err != nil || pos != src.end() {
			t.Errorf("%s, %v", pos, err)
		}
	})
}
