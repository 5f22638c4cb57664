package stream

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestComeBacks: a few clients that are sent away come back soon; a herd comes back
// spread out, and the next few soon again when it has.
func TestComeBacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{config: Config{Retry: 2 * time.Second}, clients: newAttendance(1, nil)}
		few := func() {
			for range 20 {
				if ms := s.retryMillis(); ms < 1000 || ms > 4020 {
					t.Errorf("one of a few is away for %d ms", ms)
				}
			}
		}
		few()
		const herd = 20_000
		perSecond := map[int64]int{}
		for range herd {
			perSecond[s.retryMillis()/1000]++
		}
		for second, n := range perSecond {
			if n > comeBacks*5/4 || second > 1+herd/comeBacks+4 {
				t.Errorf("%d come back in second %d", n, second)
			}
		}
		<-time.After(herd * time.Second / comeBacks)
		few()
	})
}
