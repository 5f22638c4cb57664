package soak

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

var (
	seedFlag = flag.Uint64("seed", 0, "plan of the random tests; 0: a new one, which is printed")
	full     = flag.Bool("soak", os.Getenv("ROWCAST_SOAK") != "", "the full form, also by ROWCAST_SOAK=1")
	duration = flag.Duration("duration", 0, "how long there are faults, for each server; 0: 25s, or 15m in full form")
	changes  = flag.Int("changes", 0, "about how many changes are written to each server; 0: 15000, or 1000000 in full form")
	herdSize = flag.Int("herd", 0, "clients of the herd; 0: 500, or 10000 in full form")
)

// buildDir holds the program under test.
var buildDir string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Setenv("TZ", "UTC") // mysqlbinlog prints local time
	limit := unix.Rlimit{}
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) // a herd needs a file for each client
	}
	var err error
	if buildDir, err = os.MkdirTemp("", "rowcast-soak-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(buildDir)
		os.Exit(code)
	}))
}

var build = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	bin := filepath.Join(buildDir, "rowcast")
	args := []string{"build", "-o", bin}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(ctx, "go", append(args, "rowcast/cmd/rowcast")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return bin, nil
})

// program is the path of the built rowcast.
func program(t testing.TB) string {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// plan is a source of random decisions of a test, from its printed seed.
func plan(t testing.TB) *planner {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	t.Logf("seed %d: -seed %d replays the plan", seed, seed)
	return &planner{seed: seed}
}

type planner struct{ seed uint64 }

// rng is the decisions of one actor, independent of the others' timing.
func (p *planner) rng(actor string, n int) *rand.Rand {
	h := p.seed
	for _, c := range []byte(actor) {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return rand.New(rand.NewPCG(p.seed, h+uint64(n)*0x9e3779b97f4a7c15))
}

// either is the short form's value or the full form's.
func either[T any](short, long T) T {
	if *full {
		return long
	}
	return short
}

func orElse[T comparable](flag, otherwise T) T {
	var zero T
	if flag == zero {
		return otherwise
	}
	return flag
}

// pause waits; false: ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// between is a random duration.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)+1))
}

// eventually polls until ok returns "", or tells what hindered.
func eventually(t testing.TB, patience time.Duration, what string, ok func() string) {
	t.Helper()
	if hinders := within(t.Context(), patience, ok); hinders != "" {
		t.Fatalf("waited %s for %s: %s", patience, what, hinders)
	}
}

func within(ctx context.Context, patience time.Duration, ok func() string) string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		hinders := ok()
		if hinders == "" || !pause(ctx, 20*time.Millisecond) {
			return hinders
		}
	}
}
