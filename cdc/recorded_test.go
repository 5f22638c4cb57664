package cdc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rowcast/cdc/internal/ddl"
	"rowcast/cdc/internal/schema"
	"rowcast/internal/throwaway"
)

var record = flag.Bool("record", false, "write testdata/*.binlog and *.golden again from the real servers")

// offline is a server for a reader of a recorded binlog: it knows no more than the file.
type offline struct{}

func (offline) define(context.Context, ddl.Name, Position, Position) (*schema.Table, error) {
	return nil, nil
}
func (offline) hint(context.Context, ddl.Name, Position) (*schema.Table, error) { return nil, nil }
func (offline) same(t *Table) *Table                                            { return t }
func (offline) committing(uint32, Position, *Change)                            {}
func (offline) touch(*ddl.Statement, Position)                                  {}
func (offline) prepared(context.Context, string, Position) (xaState, error) {
	return xaState{}, ErrPurged
}
func (offline) again(context.Context, *delivery, Position, outcome) error {
	return errors.New("a recorded binlog is read once")
}

// splitBinlog cuts a binlog file into its events.
func splitBinlog(file []byte) (events [][]byte, err error) {
	if len(file) < firstPos || !bytes.Equal(file[:firstPos], []byte("\xfebin")) {
		return nil, errors.New("no binlog file")
	}
	for b := file[firstPos:]; len(b) > 0; {
		if len(b) < headerSize {
			return nil, errors.New("cut short")
		}
		n := int(binary.LittleEndian.Uint32(b[9:]))
		if n < headerSize || n > len(b) {
			return nil, errors.New("cut short")
		}
		events, b = append(events, b[:n]), b[n:]
	}
	return events, nil
}

// readEvents runs events through a reader as a dump from the file's start would.
func readEvents(events [][]byte, flavor Flavor, h Handler) error {
	start, err := Checkpoint("binlog.000001", firstPos, 0)
	if err != nil {
		return err
	}
	r := newReader(h, offline{}, start)
	r.restart(flavor)
	d := &dump{}
	for _, p := range events {
		var e event
		if err := d.parse(bytes.Clone(p), &e); err != nil {
			return err
		}
		if err := r.event(context.Background(), &e); err != nil {
			return err
		}
	}
	return nil
}

// TestRecorded reads binlogs of each server version, kept in testdata, without any server.
func TestRecorded(t *testing.T) {
	if *record {
		recordAll(t)
	}
	files, err := filepath.Glob("testdata/*.binlog")
	if err != nil || len(files) < 4 {
		t.Fatalf("testdata holds %d recorded binlogs (%v); go test -run TestRecorded -record makes them", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			rec := newRecorder()
			flavor, events := load(t, path)
			if err := readEvents(events, flavor, rec); err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, h := range rec.list {
				fmt.Fprintf(&got, "%s %s\n", h.pos, h.text)
			}
			golden := strings.TrimSuffix(path, ".binlog") + ".golden"
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			same(t, golden, strings.Split(got.String(), "\n"), strings.Split(string(want), "\n"))
		})
	}
}

func load(t testing.TB, path string) (Flavor, [][]byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	events, err := splitBinlog(b)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(path, "mariadb") {
		return MariaDB, events
	}
	return MySQL, events
}

var digits = regexp.MustCompile(`^\d+\.\d+`)

// recordAll writes what each server logs for one list of statements. The golden
// file is what the live reading of that same server heard, checked by changes().
func recordAll(t *testing.T) {
	for _, flavor := range throwaway.Flavors {
		for name, arg := range map[string]string{"plain": "", "compressed": map[throwaway.Flavor]string{
			throwaway.MySQL: "--binlog-transaction-compression=ON", throwaway.MariaDB: "--log-bin-compress=1"}[flavor]} {
			args := []string{"--binlog-row-metadata=FULL"}
			if arg != "" {
				args = append(args, arg)
			}
			if name == "compressed" && flavor == throwaway.MariaDB {
				args = append(args, "--log-bin-compress-min-len=10")
			}
			s := throwaway.Test(t, flavor, args...)
			base := fmt.Sprintf("testdata/%s-%s-%s", flavor, digits.FindString(s.Version()), name)
			draft(t, s)
			rd := read(t, source(t, s), at(t, "binlog.000001/4"), newRecorder())
			exec(t, s, "INSERT INTO draft.picks (player) VALUES ('"+strings.Repeat("long ", 30)+"'),('é')")
			session(t, s, "BEGIN", "INSERT INTO draft.teams VALUES (1,'a')", "INSERT INTO draft.unwatched VALUES (1)", "UPDATE draft.teams SET name = 'b'", "DELETE FROM draft.picks WHERE id = 1", "COMMIT")
			session(t, s, "XA START 'x'", "INSERT INTO draft.teams VALUES (2,'xa')", "XA END 'x'", "XA PREPARE 'x'")
			exec(t, s, "INSERT INTO draft.plain VALUES (1)")
			finishXA(t, s, "COMMIT", "x")
			exec(t, s, "TRUNCATE TABLE draft.picks")
			session(t, s, "SET binlog_format = 'STATEMENT'", "INSERT INTO draft.picks (player) VALUES ('s')")
			exec(t, s, "INSERT INTO draft.picks (player) VALUES ('last')")
			rd.upTo(t)
			rd.stop()
			<-rd.done
			var golden strings.Builder
			for _, h := range rd.list {
				fmt.Fprintf(&golden, "%s %s\n", h.pos, h.text)
			}
			if err := s.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(filepath.Join(s.DataDir(), "binlog.000001"))
			if err != nil {
				t.Fatal(err)
			}
			for path, content := range map[string][]byte{base + ".binlog": file, base + ".golden": []byte(golden.String())} {
				if err := os.WriteFile(path, content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// FuzzReader: whatever bytes come, the reader ends with an error or not, and
// never with a panic, a change out of order or one from a group that did not end.
func FuzzReader(f *testing.F) {
	files, err := filepath.Glob("testdata/*.binlog")
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded binlogs: %v", err)
	}
	for n, path := range files {
		_, events := load(f, path)
		for i := range events {
			f.Add(uint8(n), uint16(i), uint16(20), byte(0xff))
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, i, at uint16, b byte) {
		flavor, events := load(t, files[int(n)%len(files)])
		// The checksum is taken out of the way: it would catch nearly everything.
		for j, e := range events {
			events[j] = unchecked(e)
		}
		hit := events[int(i)%len(events)]
		hit[int(at)%len(hit)] ^= b
		rec := newRecorder()
		if err := readEvents(events, flavor, rec); err != nil && strings.Contains(err.Error(), "\n") {
			t.Fatalf("%q is not one line", err)
		}
		for j := 1; j < len(rec.list); j++ {
			if rec.list[j].pos.Compare(rec.list[j-1].pos) < 0 {
				t.Fatalf("%v before %v", rec.list[j-1], rec.list[j])
			}
		}
	})
}

// unchecked rewrites an event as a server with binlog_checksum=NONE would send it.
func unchecked(p []byte) []byte {
	p = bytes.Clone(p)
	if p[4] == 15 { // format description: the checksum algorithm is its last byte but four
		p[len(p)-5] = 0
		return p
	}
	p = p[:len(p)-4]
	binary.LittleEndian.PutUint32(p[9:], uint32(len(p)))
	return p
}
