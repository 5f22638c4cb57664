package soak

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"rowcast/internal/throwaway"
)

// thiefID is the server id that one instance has by its config, and that others steal.
const thiefID = 4711

// faults breaks things, and counts what it broke.
type faults struct {
	t         testing.TB
	s         *throwaway.Server
	instances []*instance
	databases []*proxy // between instance and database
	fronts    []*proxy // between clients and instance
	configs   []func(extra bool) string

	mu     sync.Mutex
	counts map[string]int
	crash  bool // the database was killed: its MyISAM tables need not agree with its binlog
}

func (f *faults) count(kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[kind]++
}

// run has a fault of its list every so often until ctx ends.
func (f *faults) run(ctx context.Context, rng *rand.Rand, least, most time.Duration, list ...func(context.Context, *rand.Rand)) {
	for turn := 0; pause(ctx, between(rng, least, most)); turn++ {
		n := rng.IntN(len(list))
		if turn < len(list) {
			n = turn // each once, however short the test
		}
		list[n](ctx, rng)
	}
}

// start has all kinds of faults until ctx ends.
func (f *faults) start(ctx context.Context, wg *sync.WaitGroup, p *planner) {
	scale := either(1, 3)
	each := func(n int, actor string, least, most int, list ...func(context.Context, *rand.Rand)) {
		ms := func(n int) time.Duration { return time.Duration(n*scale) * time.Millisecond }
		wg.Go(func() { f.run(ctx, p.rng(actor, n), ms(least), ms(most), list...) })
	}
	each(0, "rowcast", 1000, 3000, f.killRowcast, f.termRowcast, f.killRowcast)
	each(0, "reload", 300, 2000, f.reload)
	each(0, "database", 2000, 7000, f.killDatabase, f.restartDatabase)
	each(0, "binlog", 200, 1500, f.flush, f.killDumps, f.steal)
	each(0, "metadata", 1000, 5000, f.metadata)
	each(0, "cuts", 500, 2500, f.cutDatabase, f.cutClients)
	each(0, "rude", 500, 2000, f.vanish, f.sayNothing, f.bigHeaders, f.garbage)
}

func (f *faults) killRowcast(ctx context.Context, rng *rand.Rand) {
	i := f.instances[rng.IntN(len(f.instances))]
	f.count("kill -9 of rowcast")
	i.kill()
	f.restart(ctx, i, rng)
}

func (f *faults) termRowcast(ctx context.Context, rng *rand.Rand) {
	i := f.instances[rng.IntN(len(f.instances))]
	i.begun(ctx) // what has not begun can't end in order
	f.count("SIGTERM of rowcast")
	i.term()
	f.restart(ctx, i, rng)
}

func (f *faults) restart(ctx context.Context, i *instance, rng *rand.Rand) {
	pause(ctx, between(rng, 0, time.Second))
	if err := i.start(); err != nil {
		f.t.Error(err)
	}
}

func (f *faults) reload(_ context.Context, rng *rand.Rand) {
	n := rng.IntN(len(f.instances))
	f.count("config reload")
	f.instances[n].configure(f.t, f.configs[n](rng.IntN(2) == 0)+fmt.Sprintf("# %d\n", rng.Int()))
}

func (f *faults) killDatabase(_ context.Context, rng *rand.Rand) {
	f.count("kill -9 of the database")
	f.mu.Lock()
	f.crash = true
	f.mu.Unlock()
	if err := f.s.Kill(); err != nil {
		f.t.Error(err)
	}
	f.backUp()
	if err := f.s.Exec("REPAIR NO_WRITE_TO_BINLOG TABLE soak.m"); err != nil {
		f.t.Log(err)
	}
}

func (f *faults) restartDatabase(context.Context, *rand.Rand) {
	f.count("restart of the database")
	f.backUp()
}

// backUp starts the database again; not within the storm's context, whose end
// must find it running.
func (f *faults) backUp() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := f.s.Restart(ctx); err != nil {
		f.t.Error(err)
	}
}

// flush and what follows may meet a database that is down: then they are no faults.
func (f *faults) flush(context.Context, *rand.Rand) {
	if f.s.Exec("FLUSH BINARY LOGS") == nil {
		f.count("FLUSH BINARY LOGS")
	}
}

func (f *faults) killDumps(_ context.Context, rng *rand.Rand) {
	for _, pid := range dumpThreads(f.s) {
		if rng.IntN(2) == 0 && f.s.Exec("KILL "+pid) == nil {
			f.count("KILL of a dump")
		}
	}
}

// dumpThreads are the server's connections that send its binlog.
func dumpThreads(s *throwaway.Server) (ids []string) {
	rows, err := s.Query("SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'")
	if err != nil {
		return nil
	}
	for _, r := range rows {
		ids = append(ids, r[0])
	}
	return ids
}

// metadata turns what table maps say: everything, or what servers say by default.
func (f *faults) metadata(_ context.Context, rng *rand.Rand) {
	full := metadata(f.s.Flavor(), rng.IntN(2) == 0)
	if f.s.Exec("SET GLOBAL binlog_row_metadata = "+full) == nil {
		f.count("binlog_row_metadata = " + full)
	}
}

// steal is another replica with our server id.
func (f *faults) steal(ctx context.Context, rng *rand.Rand) {
	file, pos, err := binlogEnd(f.s)
	if err != nil {
		return
	}
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: thiefID, Flavor: string(f.s.Flavor()), Host: "127.0.0.1", Port: uint16(f.s.Port()),
		User: f.s.User(), Password: f.s.Password(), DisableRetrySync: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	defer syncer.Close()
	if _, err := syncer.StartSync(mysql.Position{Name: file, Pos: pos}); err == nil {
		f.count("server id stolen")
		pause(ctx, between(rng, 50*time.Millisecond, time.Second))
	}
}

// binlogEnd is where the binlog ends now.
func binlogEnd(s *throwaway.Server) (file string, pos uint32, err error) {
	q := "SHOW BINARY LOG STATUS"
	if s.Flavor() == throwaway.MariaDB {
		q = "SHOW MASTER STATUS"
	}
	rows, err := s.Query(q)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(rows[0][1], 10, 32)
	return rows[0][0], uint32(n), err
}

func (f *faults) cutDatabase(_ context.Context, rng *rand.Rand) {
	f.databases[rng.IntN(len(f.databases))].cutAll()
	f.count("database connections cut")
}

func (f *faults) cutClients(_ context.Context, rng *rand.Rand) {
	f.fronts[rng.IntN(len(f.fronts))].cutAll()
	f.count("client connections cut")
}
