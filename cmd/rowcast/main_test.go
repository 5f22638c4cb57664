package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"rowcast/internal/throwaway"
)

// asMain has the test binary be rowcast, for tests that send signals to it.
const asMain = "TEST_AS_ROWCAST"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		os.Exit(realMain())
	}
	testscript.Main(leakChecked{m}, map[string]func(){"rowcast": main})
}

// leakChecked fails a run that left goroutines running.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := throwaway.Lending{M: l.m}.Run()
	if code == 0 {
		// glog, which Vitess brings along, starts this when it is imported.
		glog := goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon")
		if err := goleak.Find(glog); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}
