package browser

import (
	"os/exec"
	"testing"
)

// TestTypes compiles a page's use of the client module, strictly, against
// rowcast.d.ts. That the module has what is declared, the other tests show.
func TestTypes(t *testing.T) {
	out, err := exec.Command("node_modules/.bin/tsc", "--ignoreConfig", "--noEmit", "--strict", "--target", "es2022",
		"--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable", "scripts/types.ts").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
