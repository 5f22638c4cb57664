package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"

	"rowcast/filters"
	"rowcast/internal/renderer"
)

// retryReload is how long a config waits that could not be checked because the
// database was away.
const retryReload = 5 * time.Second

// reloadOnChange takes a changed config over, on SIGHUP and when the file
// changes, until ctx ends. A config that is not read from a file never changes,
// and the command that made it handles SIGHUP itself.
func (a *app) reloadOnChange(ctx context.Context) {
	if !a.conf.onDisk {
		return
	}
	hup := make(chan os.Signal, 1) // signals that come while one is served mean the same
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	var changed <-chan struct{}
	w, err := watchFile(a.conf.file, a.conf.sum, a.log)
	if err != nil {
		a.log.Warn("changes to the config are not noticed; send SIGHUP after each", "error", err)
	} else {
		defer w.Close()
		changed = w.changed
	}
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-hup:
		case <-again:
		}
		again = nil
		if err := a.reload(ctx); err != nil && mayPass(err) && ctx.Err() == nil {
			again = time.After(retryReload)
		}
	}
}

// reload takes the config over whole, or changes nothing and says why. The
// error is of a kind that mayPass tells apart.
func (a *app) reload(ctx context.Context) error {
	conf, set, err := a.checkReload(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		a.server.SetConfigError(err)
		a.log.Error("the config was not reloaded; the old one stays in force", "error", joinLines(err))
		return err
	}
	if keys := a.conf.differs(conf); len(keys) > 0 {
		a.log.Warn("changes of these keys take effect at the next start", "keys", strings.Join(keys, ", "))
	}
	set.OnReshape(a.server.Seal)
	a.server.Swap(renderer.Of(set))
	a.server.SetConfigError(nil)
	a.log.Info("config reloaded", "file", conf.file, "streams", len(conf.Tables))
	return nil
}

func (a *app) checkReload(ctx context.Context) (*config, *filters.Set, error) {
	conf, err := loadConfig(a.conf.file, a.env)
	if err != nil {
		return nil, nil, unfit{err}
	}
	set, err := conf.compile()
	if err != nil {
		return nil, nil, unfit{err}
	}
	verdicts, err := inspectTables(ctx, a.src, conf, set)
	if err == nil {
		err = a.src.Remember(ctx, set.Wants)
	}
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for _, v := range verdicts {
		errs = append(errs, v.errs...)
	}
	if len(errs) > 0 {
		return nil, nil, unfit{errors.Join(errs...)}
	}
	return conf, set, nil
}

// differs names the keys that a reload does not change.
func (c *config) differs(with *config) (keys []string) {
	others := with.settings()
	for i, s := range c.settings() {
		if !strings.HasPrefix(s.key, "values.") && !reflect.DeepEqual(s.value.Interface(), others[i].value.Interface()) {
			keys = append(keys, s.key)
		}
	}
	return keys
}

func joinLines(err error) string {
	var lines []string
	for _, e := range flatten(err) {
		lines = append(lines, oneLine(e.Error()))
	}
	return strings.Join(lines, "; ")
}
