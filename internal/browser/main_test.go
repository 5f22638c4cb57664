package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what is to happen: the machine may be
// busy with other packages' servers.
const patience = 90 * time.Second

var rowcastBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rowcast-browser-")
	if err == nil {
		rowcastBinary = filepath.Join(dir, "rowcast")
		err = prepare()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// prepare builds rowcast and gets the npm modules where they are missing.
func prepare() error {
	for _, step := range [][]string{{"./install.sh"}, {"go", "build", "-o", rowcastBinary, "rowcast/cmd/rowcast"}} {
		if out, err := exec.Command(step[0], step[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(step, " "), err, out)
		}
	}
	return nil
}

// find looks for a program on PATH, in the folders of root, and at other places.
func find(t testing.TB, name string, others ...string) string {
	t.Helper()
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, p := range append(others, "/usr/sbin/"+name, "/usr/local/sbin/"+name) {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	t.Fatalf("%s is missing; internal/browser/install.sh installs it", name)
	return ""
}

// output takes what a process says; the test shows it when it fails.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// script runs scripts/name to its end; facts reach it as JSON. Its standard
// input ends with this process, so that it never outlives a killed test.
func script(t *testing.T, name string, facts any) {
	t.Helper()
	stage, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), find(t, "node"), filepath.Join("scripts", name))
	cmd.Env = append(os.Environ(), "STAGE="+string(stage), "CHROMIUM="+find(t, "chromium"), "NODE_TEST_CONTEXT=")
	cmd.WaitDelay = 10 * time.Second
	alive, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if err != nil || testing.Verbose() {
		t.Log(out.String())
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// poll waits for a condition that nothing announces; ok returns what hinders, or "".
func poll(t testing.TB, what string, ok func() string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(patience); ; <-tick.C {
		hinders := ok()
		if hinders == "" {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("waited %s for %s: %s", patience, what, hinders)
		}
	}
}
