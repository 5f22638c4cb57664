package throwaway

import (
	"context"
	"errors"
	"time"
)

// TB is what is needed of testing.TB. The package testing itself is not
// imported: it would become part of the rowcast command, whose demo is here too.
type TB interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	Failed() bool
	Error(args ...any)
	Fatal(args ...any)
	Logf(format string, args ...any)
}

// Test is a server for a test alone, which ends with it; see Lending. It fails the test
// when there is none: a test that needs a server is never skipped.
func Test(t TB, f Flavor, args ...string) *Server {
	t.Helper()
	s := lent.take(f, args)
	if s == nil {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		var err error
		if s, err = Start(ctx, Options{Flavor: f, Args: args}); err != nil {
			t.Fatal(err)
		}
		if s.fresh, err = s.state(); err != nil {
			t.Fatal(errors.Join(err, s.Close()))
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of %s's log: %s", s.Flavor(), s.logTail(0))
		}
		if err := lent.giveBack(s, t.Failed()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Each runs f as a parallel subtest for each flavor, named after it. T is *testing.T.
func Each[T interface {
	Helper()
	Parallel()
	Run(name string, f func(T)) bool
}](t T, f func(t T, f Flavor)) {
	t.Helper()
	for _, flavor := range Flavors {
		t.Run(string(flavor), func(t T) {
			t.Parallel()
			f(t, flavor)
		})
	}
}
