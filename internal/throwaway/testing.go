package throwaway

import (
	"context"
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

// Test starts a server for a test, which ends with it. It fails the test when
// there is none: a test that needs a server is never skipped.
func Test(t TB, f Flavor, args ...string) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s, err := Start(ctx, Options{Flavor: f, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of %s's log: %s", s.Flavor(), s.logTail(0))
		}
		if err := s.Close(); err != nil {
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
