package browser

import (
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
)

var boardLine = regexp.MustCompile(`(?m)^  board +(\S+)$`)

// TestDemo opens what `rowcast demo` prints.
func TestDemo(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(rowcastBinary, "demo", "--port", "0")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	demo := run(t, cmd)
	url := ""
	poll(t, "the demo", func() string {
		if m := boardLine.FindStringSubmatch(demo.out.String()); m != nil {
			url = m[1]
			return ""
		}
		return "so far: " + demo.out.String()
	})
	script(t, "demo.mjs", stage{Demo: url})
	demo.end(syscall.SIGINT)
	if code := demo.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit %d: %s", code, demo.out.String())
	}
}
