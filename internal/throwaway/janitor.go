package throwaway

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// janitorScript makes the folder $1, says so, and reads lines until end of
// file: "dir PATH" names a further folder to remove, "clean" says that no
// server runs any more. Servers are known by their --datadir, never by a
// process id, so that neither a reused id nor a process started a moment
// before our death can fool it; a SQL client on the socket is left alone.
// The search runs until it finds nothing three times, since a child that was
// being started when we died may show up late.
const janitorScript = `
trap '' HUP INT TERM PIPE
mkdir -m 700 -- "$1" 2>&1 || exit 1
mark="--datadir=$1/"
clean=
echo ok
exec >/dev/null 2>&1
while IFS= read -r line; do
	case $line in
	"dir "*) set -- "$@" "${line#dir }" ;;
	clean) clean=1 ;;
	esac
done
servers() {
	if [ -d /proc/self ]; then
		for file in $(printf '%s\n' "$mark" | grep -lasF -f - /proc/[0-9]*/cmdline); do
			file=${file#/proc/}
			echo "${file%/cmdline}"
		done
	else
		mark=$mark awk 'BEGIN { while (("ps -A -ww -o pid= -o args=" | getline) > 0)
			if (index($0, ENVIRON["mark"])) print $1 }' </dev/null
	fi
}
quiet=0 round=0
while [ -z "$clean" ] && [ $quiet -lt 3 ] && [ $round -lt 200 ]; do
	pids=$(servers)
	if [ -n "$pids" ]; then
		kill -9 $pids
		quiet=0
	else
		rm -rf -- "$@"
		quiet=$((quiet + 1))
	fi
	round=$((round + 1))
	sleep 0.05
done
rm -rf -- "$@"
for dir in "$@"; do [ ! -e "$dir" ] || exit 1; done
`

// janitor owns the temporary folder: see the package comment.
type janitor struct {
	dir string
	cmd *exec.Cmd

	mu    sync.Mutex
	stdin io.WriteCloser // nil once it was asked to finish
}

// startJanitor returns when the janitor has made dir.
func startJanitor(ctx context.Context, dir string) (*janitor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", janitorScript, "rowcast-janitor", dir)
	cmd.Dir = "/"
	// A session of its own: Ctrl-C and a closed terminal pass it by.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the janitor of %s: %w", dir, err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the janitor of %s: %w", dir, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the janitor of %s: %w; it needs /bin/sh", dir, err)
	}
	j := &janitor{dir: dir, cmd: cmd, stdin: stdin}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	if line = strings.TrimSpace(line); line != "ok" {
		_ = stdin.Close()
		_ = cmd.Wait()
		return nil, fmt.Errorf("make the temporary folder: %s; check that its parent exists and can be written, or set TMPDIR", line)
	}
	return j, nil
}

// alsoRemove names one more folder that must not outlive us.
func (j *janitor) alsoRemove(dir string) error {
	return j.tell("dir " + dir)
}

func (j *janitor) tell(line string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stdin == nil {
		return fmt.Errorf("the janitor of %s has been dismissed", j.dir)
	}
	if _, err := io.WriteString(j.stdin, line+"\n"); err != nil {
		return fmt.Errorf("the janitor of %s is gone: %w", j.dir, err)
	}
	return nil
}

// dismiss has the folders removed at once: the caller knows that no server
// runs any more.
func (j *janitor) dismiss() error {
	_ = j.tell("clean")
	return j.sweep()
}

// sweep has leftover servers looked for and killed, the folders removed, and
// waits for that.
func (j *janitor) sweep() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stdin == nil {
		return nil
	}
	_ = j.stdin.Close()
	j.stdin = nil
	if err := j.cmd.Wait(); err != nil {
		return fmt.Errorf("remove %s: its janitor failed (%w); remove it by hand", j.dir, err)
	}
	return nil
}

// randomName is short, as socket paths must be, and never seen before.
func randomName() string {
	return strings.ToLower(rand.Text()[:12])
}
