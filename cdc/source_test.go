package cdc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rowcast/internal/throwaway"
)

func at(t *testing.T, id string) Position {
	t.Helper()
	p, err := ParsePosition(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRefusedPositions: what servers answer to places that they do not hold.
func TestRefusedPositions(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		src := source(t, s)
		rd := read(t, src, Position{}, newRecorder())
		exec(t, s, "INSERT INTO draft.picks (player) VALUES ('a')", "INSERT INTO draft.picks (player) VALUES ('b')")
		rd.upTo(t)
		good := rd.list[0].pos
		lineage := fmt.Sprintf("~%08x", good.lineage)
		refused := func(id string, want error) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := src.Replay(ctx, at(t, id), newRecorder())
			if !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", id, err, want)
			} else if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%s: the error is not one line: %q", id, err)
			}
		}
		refused(fmt.Sprintf("%s/%d/0.0~%08x", good.file, good.pos, good.lineage+1), ErrForeign)
		refused("other.000001/4", ErrForeign)
		refused("binlog.000001/400000000"+lineage, ErrAhead)
		refused("binlog.004711/4"+lineage, ErrAhead)
		refused("binlog.004711/4~00000001", ErrForeign)
		for _, off := range []uint32{1, 2, 7, 19, 25} {
			refused(fmt.Sprintf("binlog.000001/%d%s", good.pos+off, lineage), ErrInvalid)
		}
		for _, at := range insideOffsets(t, s, good) {
			refused(fmt.Sprintf("binlog.000001/%d/0.0%s", at, lineage), ErrInvalid)
		}

		exec(t, s, "FLUSH BINARY LOGS", "INSERT INTO draft.picks (player) VALUES ('c')", "FLUSH BINARY LOGS")
		rd.upTo(t)
		purgeTo(t, s, "binlog.000003")
		refused(good.String(), ErrPurged)
		refused("binlog.000002/4", ErrPurged)

		rd.stop()
		<-rd.done
		waitForSecond(t, rd.at) // of the newest file
		if err := s.ResetBinlog(); err != nil {
			t.Fatal(err)
		}
		exec(t, s, "INSERT INTO draft.picks (player) VALUES ('d')")
		refused(good.String(), ErrForeign)
		refused(rd.at.String(), ErrForeign)
	})
}

// purgeTo: a server keeps files that a dump, or its own crash recovery, may still want.
func purgeTo(t *testing.T, s *throwaway.Server, file string) {
	t.Helper()
	poll(t, "a purge up to "+file, func() bool {
		exec(t, s, "PURGE BINARY LOGS TO '"+file+"'")
		rows, err := s.Query("SHOW BINARY LOGS")
		return err == nil && len(rows) > 0 && rows[0][0] == file
	})
}

// waitForSecond: lineages have whole seconds.
func waitForSecond(t *testing.T, p Position) {
	t.Helper()
	poll(t, "the next second", func() bool { return uint32(nowSeconds()) > p.lineage+1 })
}

// insideOffsets are the events of a group after its first, by the server's own tool.
func insideOffsets(t *testing.T, s *throwaway.Server, group Position) (list []uint32) {
	t.Helper()
	for _, at := range offsets(t, s, group.file) {
		if at > group.pos && at < group.pos+1000 {
			if list = append(list, at); len(list) == 3 {
				break
			}
		}
	}
	return list[:min(2, len(list))]
}

// TestReconnect: the database restarts, crashes, kills the dump and takes the
// server id away; nothing is lost or repeated.
func TestReconnect(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		src := source(t, s)
		rd := read(t, src, Position{}, newRecorder())
		var want []string
		n := 0
		insert := func() {
			n++
			exec(t, s, fmt.Sprintf("INSERT INTO draft.teams VALUES (%d,'t')", n))
			want = append(want, fmt.Sprintf(`insert teams %d,"t"`, n))
		}
		insert()
		rd.upTo(t)
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		insert()
		rd.upTo(t)
		insert()
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		insert()
		rd.upTo(t)
		for range 3 {
			killDumps(t, s)
			insert()
			insert()
			rd.upTo(t)
		}
		same(t, "across breaks", rd.texts(), want)
		ordered(t, rd.list)
		if st := src.Status(); !st.Connected || st.Reconnects == 0 || st.LastError != "" {
			t.Errorf("status after reconnects: %+v", st)
		}
	})
}

func killDumps(t *testing.T, s *throwaway.Server) {
	t.Helper()
	rows, err := s.Query("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		s.Exec("KILL " + r[0]) // it may be gone by itself
	}
}

// TestLargeGroup: a transaction over what is held, rolled back savepoints in it
// and all, comes out whole, and a break in its middle repeats nothing.
func TestLargeGroup(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		exec(t, s, "ALTER TABLE draft.picks MODIFY player LONGTEXT")
		src := source(t, s)
		rec := newRecorder()
		count, broken := 0, false
		rec.stopAt = func(c *Change) error {
			if count++; count == 20 && !broken {
				broken = true
				killDumps(t, s)
			}
			return nil
		}
		rd := read(t, src, Position{}, rec)
		const rows = 40
		begin := []string{"BEGIN"}
		for i := range rows {
			begin = append(begin, fmt.Sprintf("INSERT INTO draft.picks VALUES (%d, REPEAT('x', 1000000))", i+1))
		}
		session(t, s, append(begin, "COMMIT")...)
		undone := []string{"BEGIN"}
		for _, q := range begin[1:] {
			undone = append(undone, strings.Replace(q, "VALUES (", "VALUES (1000+", 1))
		}
		session(t, s, append(undone, "ROLLBACK")...)
		exec(t, s, "DELETE FROM draft.teams", "INSERT INTO draft.teams VALUES (1,'after')")
		rd.upTo(t)
		got := rd.texts()
		if len(got) != rows+1 || got[rows] != `insert teams 1,"after"` {
			t.Fatalf("%d changes instead of %d", len(got), rows+1)
		}
		for i := range rows {
			if want := fmt.Sprintf(`insert picks %d,"xxx`, i+1); !strings.HasPrefix(got[i], want) {
				t.Fatalf("change %d is %.40s", i, got[i])
			}
		}
		ordered(t, rd.list)
		to := rd.upTo(t)
		if rest := replay(t, src, rd.list[25].pos, to); len(rest) != rows+1-26 {
			t.Fatalf("from change 25: %d changes", len(rest))
		}
	})
}

// TestPreparedElsewhere: an XA transaction that was prepared before the reading
// began, in an older file, or that was too large to hold.
func TestPreparedElsewhere(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		prepare := func(xid, player string) {
			session(t, s, "XA START '"+xid+"'", "INSERT INTO draft.picks (player) VALUES ('"+player+"')", "XA END '"+xid+"'", "XA PREPARE '"+xid+"'")
		}
		prepare("early", "e")
		exec(t, s, "FLUSH BINARY LOGS")
		src := source(t, s)
		rd := read(t, src, Position{}, newRecorder())
		exec(t, s, "INSERT INTO draft.teams VALUES (1,'between')")
		finishXA(t, s, "COMMIT", "early")
		rd.upTo(t)
		same(t, "xa", rd.texts(), []string{`insert teams 1,"between"`, `insert picks 1,"e"`})
		ordered(t, rd.list)
		replays(t, rd, 0)

		prepare("lost", "l")
		exec(t, s, "FLUSH BINARY LOGS")
		rd.upTo(t)
		other := read(t, src, Position{}, newRecorder())
		purgeTo(t, s, "binlog.000003")
		finishXA(t, s, "COMMIT", "lost")
		other.upTo(t)
		same(t, "purged prepare", other.texts(), []string{"notice ."})
		rd.upTo(t)
		if got := rd.texts(); got[len(got)-1] != `insert picks 2,"l"` {
			t.Errorf("who had read the prepare got %v", got)
		}
	})
}

// TestPreparedFarBack: the search goes back by more and more files at a time, and past
// what was purged in the midst of these.
func TestPreparedFarBack(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		files := 1
		flush := func(n int) {
			for range n {
				exec(t, s, "FLUSH BINARY LOGS")
			}
			files += n
		}
		for i, apart := range []int{1, 2, 4, 5} {
			xid := fmt.Sprintf("x%d", i)
			flush(1)
			session(t, s, "XA START '"+xid+"'", fmt.Sprintf("INSERT INTO draft.picks (player) VALUES ('%d')", i), "XA END '"+xid+"'", "XA PREPARE '"+xid+"'")
			oldest := files
			flush(apart)
			if i == 3 {
				purgeTo(t, s, fmt.Sprintf("binlog.%06d", oldest)) // the third stretch begins before it
			}
			rd := read(t, source(t, s), Position{}, newRecorder())
			finishXA(t, s, "COMMIT", xid)
			rd.upTo(t)
			same(t, fmt.Sprintf("%d files back", apart), rd.texts(), []string{fmt.Sprintf(`insert picks %d,"%d"`, i+1, i)})
		}
	})
}

// TestCommittedTwice: a server that dies between the binlog and the engine has an
// XA transaction prepared when it is back, and logs its XA COMMIT once more when
// it is told again. The changes belong to the first.
func TestCommittedTwice(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		var ends []Position
		end := func() { ends = append(ends, endNow(t, s)) }
		end()
		session(t, s, "XA START 'x'", "INSERT INTO draft.picks (player) VALUES ('once')", "XA END 'x'", "XA PREPARE 'x'")
		end()
		finishXA(t, s, "COMMIT", "x")
		end()
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		repeatGroup(t, s, ends[1], ends[2], ends[1].File())
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		exec(t, s, "INSERT INTO draft.teams VALUES (1,'last')")
		for from, want := range [][]string{
			{`insert picks 1,"once"`, `insert teams 1,"last"`}, // all of it
			{`insert picks 1,"once"`, `insert teams 1,"last"`}, // after the prepare
			{`insert teams 1,"last"`},                          // after the first commit
		} {
			rd := read(t, source(t, s), ends[from], newRecorder())
			rd.upTo(t)
			same(t, fmt.Sprintf("from %s", ends[from]), rd.texts(), want)
		}
	})
}

// TestRolledBackCommit: such a server may also be told to roll back what its binlog
// has as committed. Who has the changes must hear of it.
func TestRolledBackCommit(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		var ends []Position
		end := func() { ends = append(ends, endNow(t, s)) }
		prepare := func() {
			session(t, s, "XA START 'x'", "INSERT INTO draft.picks (player) VALUES ('once')", "XA END 'x'", "XA PREPARE 'x'")
		}
		prepare()
		end()
		finishXA(t, s, "ROLLBACK", "x")
		end()
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		repeatGroup(t, s, ends[0], ends[1], ends[0].File()) // no harm: it was rolled back
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		prepare()
		finishXA(t, s, "COMMIT", "x")
		end()
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		repeatGroup(t, s, ends[0], ends[1], ends[2].File())
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		exec(t, s, "INSERT INTO draft.teams VALUES (1,'last')")
		for _, c := range []struct {
			from Position
			want []string
		}{
			{ends[0], []string{`insert picks 2,"once"`, "notice .", `insert teams 1,"last"`}},
			{ends[2], []string{"notice .", `insert teams 1,"last"`}}, // the row had come before
		} {
			rd := read(t, source(t, s), c.from, newRecorder())
			rd.upTo(t)
			same(t, fmt.Sprintf("from %s", c.from), rd.texts(), c.want)
		}
	})
}

// endNow is where a server's binlog ends.
func endNow(t *testing.T, s *throwaway.Server) Position {
	t.Helper()
	at, err := source(t, s).Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// repeatGroup adds the events between two places of a stopped server's binlog to
// the end of one of its files.
func repeatGroup(t *testing.T, s *throwaway.Server, from, to Position, file string) {
	t.Helper()
	whole, err := os.ReadFile(filepath.Join(s.DataDir(), from.File()))
	if err != nil {
		t.Fatal(err)
	}
	events := whole[from.Offset():to.Offset()]
	file = filepath.Join(s.DataDir(), file)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := uint32(0); at < uint32(len(events)); {
		size := binary.LittleEndian.Uint32(events[at+9:])
		e := bytes.Clone(events[at : at+size])
		binary.LittleEndian.PutUint32(e[13:], uint32(len(b))+size)
		binary.LittleEndian.PutUint32(e[size-4:], crc32.ChecksumIEEE(e[:size-4]))
		b, at = append(b, e...), at+size
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// finishXA: the session that prepared it may still be on its way out.
func finishXA(t *testing.T, s *throwaway.Server, verb, xid string) {
	t.Helper()
	poll(t, "XA "+verb+" "+xid, func() bool { return s.Exec("XA "+verb+" '"+xid+"'") == nil })
}

// TestUnreachable: what waiting can't mend comes back as such, and ctx ends all else.
func TestUnreachable(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		exec(t, s, "CREATE USER poor@'%' IDENTIFIED BY 'p'", "CREATE USER poor@localhost IDENTIFIED BY 'p'")
		for name, c := range map[string]Config{
			"wrong password":    {Addr: s.Addr(), User: s.User(), Password: "wrong-secret"},
			"no such user":      {Addr: s.Addr(), User: "nobody", Password: "wrong-secret"},
			"missing privilege": {Addr: s.Addr(), User: "poor", Password: "p"},
		} {
			src, err := New(c)
			if err != nil {
				t.Fatal(err)
			}
			err = src.Read(t.Context(), Position{}, newRecorder())
			if !errors.Is(err, ErrDenied) {
				t.Errorf("%s: %v", name, err)
			} else if strings.Contains(err.Error(), "wrong-secret") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %q", name, err)
			}
		}
		addr := s.Addr()
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		src, err := New(Config{Addr: addr, User: "u"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1) // one result
		go func() { done <- src.Read(ctx, Position{}, newRecorder()) }()
		poll(t, "an error in the status that says what to do", func() bool {
			return strings.HasSuffix(src.Status().LastError, "; check that the server runs, and [source] addr")
		})
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("a reading of a server that is away ended with %v", err)
		}
		if err := s.Restart(t.Context(), "--skip-log-bin"); err != nil {
			t.Fatal(err)
		}
		if err := source(t, s).Read(t.Context(), Position{}, newRecorder()); !errors.Is(err, ErrNotReplicable) {
			t.Errorf("without a binlog: %v", err)
		}
	})
}

// TestOneTable: all readings have one Table for one definition. What is kept for
// each Table would otherwise be kept for each replay that ever was.
func TestOneTable(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		src := source(t, s)
		from, err := src.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tables := func() (list []*Table) {
			rec := newRecorder()
			rec.stopAt = func(c *Change) error { list = append(list, c.Table); return nil }
			rd := read(t, src, from, rec)
			rd.upTo(t)
			rd.stop()
			<-rd.done
			return list
		}
		exec(t, s, "INSERT INTO draft.picks (player) VALUES ('a')", "INSERT INTO draft.picks (player) VALUES ('b')")
		once, again := tables(), tables()
		if len(once) != 2 || once[0] != once[1] || !slices.Equal(once, again) {
			t.Errorf("two readings of two rows have the tables %p and %p", once, again)
		}
		exec(t, s, "ALTER TABLE draft.picks MODIFY player VARCHAR(99)", "INSERT INTO draft.picks (player) VALUES ('c')")
		if list := tables(); len(list) != 3 || list[0] == list[2] || list[2].Columns[list[2].Find("player")].Meta == once[0].Columns[once[0].Find("player")].Meta {
			t.Errorf("after an ALTER: %+v", list)
		}
	})
}

// TestAltered: without names in the binlog, an event from before an ALTER is
// told, not guessed; with them it is exact.
func TestAltered(t *testing.T) {
	for _, full := range []bool{false, true} {
		t.Run(fmt.Sprintf("full=%v", full), func(t *testing.T) {
			throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
				var args []string
				if full {
					args = []string{"--binlog-row-metadata=FULL"}
				}
				s := throwaway.Test(t, flavor, args...)
				draft(t, s)
				src := source(t, s)
				start, err := src.Now(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				exec(t, s, "CREATE TABLE draft.t (a INT PRIMARY KEY, b VARCHAR(10), c VARCHAR(10))")
				for i, ddl := range []string{
					"ALTER TABLE draft.t RENAME COLUMN b TO x", // nothing but a name: counts and types still fit
					"ALTER TABLE draft.t MODIFY c VARCHAR(10) AFTER a",
					"ALTER TABLE draft.t ADD COLUMN d INT",
					"ALTER TABLE draft.t DROP COLUMN x",
					"RENAME TABLE draft.t TO draft.t2",
				} {
					values := map[int]string{3: "'b','c',1", 4: "'c',1"}[i]
					if values == "" {
						values = "'b','c'"
					}
					exec(t, s, fmt.Sprintf("INSERT INTO draft.t VALUES (%d,%s)", i, values), ddl)
				}
				exec(t, s, "INSERT INTO draft.t2 VALUES (9,'c',1)")
				to, err := src.Now(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, line := range replay(t, src, start, to) {
					_, text, _ := strings.Cut(line, " ")
					got = append(got, text)
				}
				wantTold := []string{"notice draft.t", "notice draft.t", "notice draft.t", "notice draft.t", "notice draft.t", "notice draft.t", "notice draft.t2", `insert t2 9,"c",1`}
				if full {
					wantTold = []string{`insert t 0,"b","c"`, `insert t 1,"b","c"`, `insert t 2,"b","c"`, `insert t 3,"b","c",1`, `insert t 4,"c",1`,
						"notice draft.t", "notice draft.t2", `insert t2 9,"c",1`}
				}
				same(t, "altered", got, wantTold)
			})
		})
	}
}

// TestAlteredWhileReading: columns change their names and places all the time, and
// no row comes with the names of another moment. Each value says what its column
// was called when it was written.
func TestAlteredWhileReading(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		exec(t, s, "CREATE TABLE draft.r (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(9), b VARCHAR(9))", "CREATE TABLE draft.q (id INT PRIMARY KEY AUTO_INCREMENT, c VARCHAR(9))")
		rec := newRecorder()
		rows, wrong := 0, 0
		rec.stopAt = func(c *Change) error {
			for i := range c.Table.Columns {
				name := c.Table.Columns[i].Name
				v, err := c.After.AppendText(nil, i)
				if name == "id" {
					continue
				}
				if rows++; err != nil || string(v) != name {
					wrong++
					t.Logf("%s: column %s holds %q, %v", c.Pos, name, v, err)
				}
			}
			return nil
		}
		rd := read(t, source(t, s), Position{}, rec)
		q := []string{"c", "d"}
		for i := range 60 {
			exec(t, s, "INSERT INTO draft.r (a, b) VALUES ('a', 'b')", // the places change, the types don't
				"ALTER TABLE draft.r RENAME COLUMN a TO b, RENAME COLUMN b TO a",
				"INSERT INTO draft.r (a, b) VALUES ('a', 'b')",
				fmt.Sprintf("INSERT INTO draft.q (%s) VALUES ('%s')", q[i%2], q[i%2]),
				fmt.Sprintf("ALTER TABLE draft.q RENAME COLUMN %s TO %s", q[i%2], q[1-i%2]))
			if i%4 == 0 {
				rd.upTo(t) // else all readings of a definition would be late
			}
		}
		exec(t, s, "INSERT INTO draft.r (a, b) VALUES ('a', 'b')")
		rd.upTo(t)
		exec(t, s, "INSERT INTO draft.r (a, b) VALUES ('a', 'b')")
		rd.upTo(t)
		if wrong > 0 || rows < 2 {
			t.Errorf("%d values of %d came under another column's name", wrong, rows)
		}
		if texts := rd.texts(); !strings.HasPrefix(texts[len(texts)-1], "insert r ") {
			t.Errorf("the last row, long after the last ALTER, came as %q", texts[len(texts)-1])
		}
		t.Logf("%d values, %d notices", rows, len(rd.told()))
	})
}

// TestTableInUse: a table that somebody has locked, as the restore of a dump does,
// holds nobody up for long, and comes exactly; also if it was altered under the lock.
func TestTableInUse(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		exec(t, s, "CREATE TABLE draft.other (id INT PRIMARY KEY)")
		locker, err := s.Conn()
		if err != nil {
			t.Fatal(err)
		}
		defer locker.Close()
		do := func(list ...string) {
			t.Helper()
			for _, q := range list {
				if _, err := locker.Execute(q); err != nil {
					t.Fatalf("%s: %v", q, err)
				}
			}
		}
		do("LOCK TABLES draft.picks WRITE")
		rd := read(t, source(t, s), Position{}, newRecorder())
		do("INSERT INTO draft.picks (player) VALUES ('a')")
		exec(t, s, "INSERT INTO draft.other VALUES (1)")
		rd.upTo(t) // with the lock held
		do("ALTER TABLE draft.picks ADD COLUMN more INT", "INSERT INTO draft.picks (player, more) VALUES ('b', 1)")
		rd.upTo(t)
		do("UNLOCK TABLES")
		exec(t, s, "SET GLOBAL "+map[throwaway.Flavor]string{throwaway.MySQL: "max_execution_time = 500", throwaway.MariaDB: "max_statement_time = 0.5"}[flavor])
		do("LOCK TABLES draft.picks WRITE", "ALTER TABLE draft.picks MODIFY player VARCHAR(99)", "INSERT INTO draft.picks (player, more) VALUES ('c', 2)")
		rd.upTo(t)
		same(t, "under the lock", rd.texts(), []string{`insert picks 1,"a"`, "insert other 1", `insert picks 2,"b",1`, `insert picks 3,"c",2`})
	})
}

// TestOthersEnd: MariaDB sends no heartbeat while other dumps are ended again and
// again; the live reading must not take that for a dead connection.
func TestOthersEnd(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		src := source(t, s)
		src.patience = 2 * time.Second
		live := read(t, src, Position{}, newRecorder())
		from, err := src.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		dumps := 0
		often := time.NewTicker(src.patience / 20) // a fifth of a heartbeat; without a pause the server runs out of connections
		defer often.Stop()
		for begun := time.Now(); time.Since(begun) < 3*src.patience; dumps++ {
			ctx, cancel := context.WithCancel(t.Context())
			rec, done := newRecorder(), make(chan struct{})
			go func() {
				defer close(done)
				_ = src.Replay(ctx, from, rec)
			}()
			rec.wait(t, func() bool { return rec.groups > 0 })
			cancel()
			<-done
			<-often.C
		}
		exec(t, s, "INSERT INTO draft.picks (player) VALUES ('a')")
		live.upTo(t)
		if n := src.Status().Reconnects; n > 0 || len(live.texts()) != 1 {
			t.Errorf("%d dumps were ended meanwhile, and the live reading reconnected %d times; it heard %q", dumps, n, live.texts())
		}
	})
}

// TestSilence: what is committed in the moment in which a silence is noticed is on
// its way, and no reason to reconnect; a dump that the server has ended is one.
func TestSilence(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		src := source(t, s)
		c, err := src.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rec := newRecorder()
		rd := src.reading(Position{}, rec)
		r := rd.reader
		if err := rd.approach(c); err != nil {
			t.Fatal(err)
		}
		d, err := src.dump(c, r.cur, rd.replica(c))
		if err != nil {
			t.Fatal(err)
		}
		defer src.end(t.Context(), d)
		r.restart(src.identify(c))
		upTo := func(done func() bool) {
			t.Helper()
			for e := (event{}); !done(); {
				if err := d.next(&e); err != nil {
					t.Fatal(err)
				}
				if err := r.event(t.Context(), &e); err != nil {
					t.Fatal(err)
				}
			}
		}
		upTo(func() bool { return r.known })
		if !rd.nothingToSay(t.Context(), d) {
			t.Error("a dump with nothing to say was taken for a dead one")
		}
		before := *r
		earlier := reading{Source: src, reader: &before}
		exec(t, s, "INSERT INTO draft.picks (player) VALUES ('a')")
		if !rd.nothingToSay(t.Context(), d) {
			t.Error("a dump that is about to say something was taken for a dead one")
		}
		upTo(func() bool { return rec.groups > 0 })
		exec(t, s, fmt.Sprintf("KILL %d", d.conn.GetConnectionID()))
		for e := (event{}); err == nil; err = d.next(&e) {
		}
		if rd.nothingToSay(t.Context(), d) || earlier.nothingToSay(t.Context(), d) {
			t.Error("a dump that the server has ended was taken for a silent one")
		}
	})
}

// TestLagBytes: what is still to be read is told while a reading catches up.
func TestLagBytes(t *testing.T) {
	files := []binlogFile{{"binlog.000001", 1000}, {"binlog.000002", 500}, {"binlog.000003", 300}}
	for _, c := range []struct {
		from, to string
		want     uint64
	}{
		{"binlog.000001/4", "binlog.000001/904", 900},
		{"binlog.000001/900", "binlog.000003/104", 100 + 500 + 104},
		{"binlog.000003/104", "binlog.000003/104", 0},
		{"binlog.000003/204", "binlog.000003/104", 0},
		{"binlog.000000/4", "binlog.000003/104", 0},
	} {
		if got := between(files, at(t, c.from), at(t, c.to)); got != c.want {
			t.Errorf("from %s to %s: %d instead of %d", c.from, c.to, got, c.want)
		}
	}
}

// TestCommittedBetween: what is known of a whole file, from an earlier search,
// must not be taken for what was so at a commit in the middle of it.
func TestCommittedBetween(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor)
		draft(t, s)
		src := source(t, s)
		for _, xid := range []string{"first", "second"} {
			session(t, s, "XA START '"+xid+"'", "INSERT INTO draft.picks (player) VALUES ('"+xid+"')", "XA END '"+xid+"'", "XA PREPARE '"+xid+"'")
		}
		exec(t, s, "FLUSH BINARY LOGS")
		between, err := src.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		finishXA(t, s, "COMMIT", "first")
		exec(t, s, "FLUSH BINARY LOGS")
		live := read(t, src, Position{}, newRecorder())
		live.upTo(t)
		finishXA(t, s, "COMMIT", "second")
		live.upTo(t)
		same(t, "live", live.texts(), []string{`insert picks 2,"second"`})
		later := read(t, src, between, newRecorder())
		later.upTo(t)
		same(t, "a replay", later.texts(), []string{`insert picks 1,"first"`, `insert picks 2,"second"`})
	})
}

// TestPreparedWithSavepoint: what an XA transaction rolled back before it was
// prepared stays away, also where the transaction has to be looked for in the
// binlog. A row of a table without transactions makes servers log the rollback.
func TestPreparedWithSavepoint(t *testing.T) {
	for _, size := range []int{1, 5_000_000} { // held, or too large for that
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
				var args []string
				if flavor == throwaway.MySQL {
					args = []string{"--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"} // which refuse such a mixture
				}
				s := throwaway.Test(t, flavor, args...)
				draft(t, s)
				exec(t, s, "ALTER TABLE draft.teams MODIFY name LONGTEXT")
				from := endNow(t, s)
				seen := read(t, source(t, s), Position{}, newRecorder())
				insert := func(ids ...int) (list []string) {
					for _, id := range ids {
						list = append(list, fmt.Sprintf("INSERT INTO draft.teams VALUES (%d, REPEAT('x', %d))", id, size))
					}
					return list
				}
				session(t, s, slices.Concat([]string{"XA START 'x'"}, insert(21, 22, 23), []string{"SAVEPOINT a"}, insert(31, 32),
					[]string{"INSERT INTO draft.plain VALUES (1)", "ROLLBACK TO SAVEPOINT a"}, insert(24, 25),
					[]string{"SAVEPOINT b"}, insert(33), []string{"INSERT INTO draft.plain VALUES (2)", "ROLLBACK TO SAVEPOINT b"}, insert(26, 27),
					[]string{"XA END 'x'", "XA PREPARE 'x'"})...)
				live := read(t, source(t, s), Position{}, newRecorder())
				finishXA(t, s, "COMMIT", "x")
				var want []string
				for _, row := range mustQuery(t, s, "SELECT id FROM draft.teams ORDER BY id") {
					want = append(want, "insert teams "+row[0])
				}
				if len(want) != 7 {
					t.Fatalf("the table holds %v", want)
				}
				teams := func(texts []string) (list []string) {
					for _, text := range texts {
						if i := strings.Index(text, "insert teams "); i >= 0 {
							list = append(list, text[i:i+len("insert teams 21")])
						}
					}
					return list
				}
				live.upTo(t)
				same(t, "a reading from between prepare and commit", teams(live.texts()), want)
				now := seen.upTo(t)
				same(t, "a reading that saw it prepared", teams(seen.texts()), want)
				same(t, "a replay", teams(replay(t, source(t, s), from, now)), want)
				middle := live.list[2].pos
				same(t, "a replay from the third row", teams(replay(t, source(t, s), middle, now)), want[3:])
			})
		})
	}
}

// TestPreparedWithUnknownSavepoint: where it is not clear what an XA transaction
// rolled back, nothing of it is sent at its commit but a notice, whether it was seen
// when it was prepared or is looked for. MariaDB takes é and e for one name.
func TestPreparedWithUnknownSavepoint(t *testing.T) {
	s := throwaway.Test(t, throwaway.MariaDB)
	draft(t, s)
	seen := read(t, source(t, s), Position{}, newRecorder())
	session(t, s, "SET NAMES utf8mb4", "XA START 'x'", "INSERT INTO draft.teams VALUES (1, 'kept')", "SAVEPOINT `é`", "INSERT INTO draft.teams VALUES (2, 'taken back')",
		"INSERT INTO draft.plain VALUES (1)", "ROLLBACK TO SAVEPOINT `e`", "XA END 'x'", "XA PREPARE 'x'")
	between := seen.upTo(t)
	finishXA(t, s, "COMMIT", "x")
	seen.upTo(t)
	later := read(t, source(t, s), between, newRecorder())
	later.upTo(t)
	for name, r := range map[string]*following{"a reading that saw it prepared": seen, "a reading from between": later} {
		teams := slices.DeleteFunc(r.texts(), func(text string) bool { return !strings.Contains(text, " teams ") })
		same(t, name, teams, nil)
		if told := r.told(); len(told) == 0 || !strings.HasPrefix(told[len(told)-1], "XA COMMIT at ") {
			t.Errorf("%s was told %q", name, told)
		}
	}
}

// TestHugeRow: a row that is larger than what a reader may hold is in memory once,
// and read once.
func TestHugeRow(t *testing.T) {
	const size = 50 << 20
	throwaway.Each(t, func(t *testing.T, flavor throwaway.Flavor) {
		s := throwaway.Test(t, flavor, "--max-allowed-packet=128M", "--binlog-row-metadata=FULL")
		draft(t, s)
		exec(t, s, "ALTER TABLE draft.teams MODIFY name LONGTEXT")
		src, rec := source(t, s), newRecorder()
		rec.stopAt = func(c *Change) error {
			if n := len(c.After.Bytes(1)); n != size {
				t.Errorf("a row of %d bytes", n)
			}
			return errEnough
		}
		from := endNow(t, s)
		exec(t, s, fmt.Sprintf("INSERT INTO draft.teams VALUES (1, REPEAT('x', %d))", size))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := src.Replay(t.Context(), from, rec); !errors.Is(err, errEnough) {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > size*5/4 {
			t.Errorf("a row of %d bytes took %d", size, n)
		}
		if n := src.Status().BytesRead; n > size*5/4 {
			t.Errorf("%d bytes were read for it", n)
		}
	})
}
