package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts holds the manners of the command line: see testdata.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true})
}
