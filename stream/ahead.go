package stream

import (
	"runtime"
	"sync"

	"rowcast/cdc"
)

// A large transaction is rendered by several goroutines: in runs of rows events,
// of which the frames are handed on in order, by one.
const (
	runBytes = 32 << 10 // of rows make a run; smaller ones cost more than they gain
	minRuns  = 4        // are worth a goroutine
	maxRun   = 256 << 10
)

// ahead is a press that collects its frames until it is their turn.
type ahead struct {
	*press
	run    []cdc.Rows
	frames []*Frame
	done   chan struct{} // room for one: work never waits
}

func newAhead(keep bool) *ahead {
	a := &ahead{done: make(chan struct{}, 1)}
	a.press = newPress(func(f *Frame) error {
		a.frames = append(a.frames, f)
		return nil
	}, keep)
	a.press.ahead = true
	return a
}

func (a *ahead) work() {
	_ = a.rows(a.catalog, a.run) // collecting can't fail
	a.done <- struct{}{}
}

// handOn gives the frames to out, unless that has failed before.
func (a *ahead) handOn(out func(*Frame) error, err error) error {
	for _, f := range a.frames {
		if err == nil {
			err = out(f)
		}
	}
	clear(a.frames)
	a.frames, a.run = a.frames[:0], nil
	return err
}

// split cuts a batch into runs.
func split(runs [][]cdc.Rows, batch []cdc.Rows) [][]cdc.Rows {
	bytes, first := 0, 0
	for i, rows := range batch {
		if bytes += rows.Len(); bytes >= runBytes || i == len(batch)-1 {
			runs = append(runs, batch[first:i+1])
			bytes, first = 0, i+1
		}
	}
	return runs
}

// large tells whether what a run unfolds to should never be in memory as a whole.
func large(run []cdc.Rows) bool { return run[len(run)-1].Len() > maxRun }

// cores is how many goroutines may render runs, this one among them.
func cores(runs [][]cdc.Rows) int {
	if len(runs) < minRuns {
		return 1
	}
	return min(runtime.GOMAXPROCS(0), len(runs))
}

// sideBySide renders runs on n goroutines and hands their frames on in order.
func (e *Encoder) sideBySide(runs [][]cdc.Rows, n int) error {
	window := 2 * n // while some are worked on, others wait to be handed on
	for len(e.ahead) < window {
		e.ahead = append(e.ahead, newAhead(e.press.keep))
	}
	work := make(chan *ahead, window) // room for all there are: giving work never waits
	var wg sync.WaitGroup
	defer wg.Wait() // the rows are valid only until we return
	defer close(work)
	for range n - 1 {
		wg.Go(func() {
			for a := range work {
				a.work()
			}
		})
	}
	var err error
	for i, next := 0, 0; i < len(runs); i++ {
		for ; err == nil && next < len(runs) && next < i+window; next++ {
			a := e.ahead[next%window]
			if a.catalog, a.run = e.catalog, runs[next]; !large(a.run) {
				work <- a
			}
		}
		if i == next {
			break // after an error: nothing is under way any more
		}
		if large(runs[i]) {
			if err == nil {
				err = e.press.rows(e.catalog, runs[i])
				e.collect(e.press)
			}
			continue
		}
		a := e.ahead[i%window]
		await(a, work)
		err = a.handOn(e.press.out, err)
		e.collect(a.press)
	}
	return err
}

// await helps with the work until a is done.
func await(a *ahead, work <-chan *ahead) {
	for {
		select {
		case <-a.done:
			return
		case other := <-work:
			other.work()
		}
	}
}
