package main

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a new content must stay as it is before it counts: editors
// and config maps change several names, and half a file must not be used.
const settle = 200 * time.Millisecond

// watcher reports when a file's content changes, whether it is written, renamed
// over, or reached through links that were swapped.
type watcher struct {
	file    string
	log     *slog.Logger
	fs      *fsnotify.Watcher
	sum     [sha256.Size]byte // of the content that was reported last
	seen    [sha256.Size]byte // of the content at the last look
	changed chan struct{}     // room for one: the receiver reads the file as it is then
	done    chan struct{}
}

// watchFile watches a file whose content has been read and had that sum.
func watchFile(file string, sum [sha256.Size]byte, log *slog.Logger) (*watcher, error) {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", file, err)
	}
	w := &watcher{file: file, log: log, fs: fs, sum: sum, seen: sum, changed: make(chan struct{}, 1), done: make(chan struct{})}
	if err := w.follow(); err != nil {
		_ = fs.Close()
		return nil, err
	}
	go w.run()
	return w, nil
}

// Close ends the watch.
func (w *watcher) Close() {
	_ = w.fs.Close()
	<-w.done
}

// follow watches the folders of the file and of each link on the way to it,
// rather than the file: a watch on that stays with the old one when another is
// renamed over it.
func (w *watcher) follow() error {
	var dirs []string
	for path, n := w.file, 0; n < 20; n++ {
		dir := filepath.Dir(path)
		if dirs = append(dirs, dir); n == 0 {
			// A config map's file leads to ..data/file, and ..data to a dated folder.
			if real, err := filepath.EvalSymlinks(path); err == nil {
				dirs = append(dirs, filepath.Dir(real))
			}
		}
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if path = to; !filepath.IsAbs(to) {
			path = filepath.Join(dir, to)
		}
	}
	watched := w.fs.WatchList()
	for i, dir := range dirs {
		if slices.Contains(watched, dir) {
			continue
		}
		if err := w.fs.Add(dir); err != nil && i == 0 {
			return fmt.Errorf("watch %s: %w", dir, err)
		}
	}
	return nil
}

// run looks at the file a settle after something happened in one of its
// folders, however much goes on happening there, until it finds the file settled.
func (w *watcher) run() {
	defer close(w.done)
	look := time.After(0) // it may have changed before the watch began
	for {
		select {
		case _, ok := <-w.fs.Events:
			if !ok {
				return
			}
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			w.log.Warn("watching the config", "file", w.file, "error", err)
		case <-look:
			look = nil
			_ = w.follow()
			if w.settled() {
				continue
			}
		}
		if look == nil {
			look = time.After(settle)
		}
	}
}

// settled looks at the file, and reports a content that is new and the same as
// a settle ago. It is false where another look is needed. A missing file is a
// content too: it is not a config, and its return is a change.
func (w *watcher) settled() bool {
	text, err := os.ReadFile(w.file)
	sum := sha256.Sum256(text)
	if err != nil {
		sum = [sha256.Size]byte{}
	}
	before := w.seen
	w.seen = sum
	if sum == w.sum {
		return true
	}
	if sum != before {
		return false
	}
	w.sum = sum
	select {
	case w.changed <- struct{}{}:
	default:
	}
	return true
}
