package charset

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"rowcast/internal/throwaway"
)

var writeCharsets = flag.Bool("charsets", false, "rewrite charset.bin from what MySQL says")

// codeTables are, for each character set, bytes → character.
type codeTables map[string]map[string]rune

// askCharset has the server convert every possible character of a set.
func askCharset(t *testing.T, s *throwaway.Server, cs string, to map[string]rune) {
	t.Helper()
	const bytesOf = "SELECT x.n * 16 + y.n AS n FROM d x, d y"
	digits := "SELECT 0 AS n"
	for i := 1; i < 16; i++ {
		digits += fmt.Sprintf(" UNION SELECT %d", i)
	}
	ask := func(code, from string) {
		for _, row := range query(t, s, "WITH d AS (%s), b AS (%s) SELECT HEX(c), HEX(CONVERT(CONVERT(c USING %s) USING utf32)) FROM (SELECT %s AS c FROM %s) q", digits, bytesOf, cs, code, from) {
			// Unknown codes are NULL, several characters, or a question mark.
			if len(row[1]) != 8 || row[1] == "0000003F" && row[0] != "3F" {
				continue
			}
			r, err := strconv.ParseUint(row[1], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			to[string(unhex(t, row[0]))] = rune(r)
		}
	}
	ask("CHAR(n)", "b")
	switch cs {
	case "big5", "cp932", "eucjpms", "euckr", "gb2312", "gbk", "sjis", "ujis", "gb18030":
		ask("CHAR(x.n, y.n)", "b x, b y WHERE x.n >= 128")
	}
	switch cs {
	case "ujis", "eucjpms":
		ask("CHAR(143, x.n, y.n)", "b x, b y WHERE x.n >= 128 AND y.n >= 128")
	case "gb18030":
		ask("CHAR(w.n, x.n, y.n, z.n)", "b w, b x, b y, b z WHERE (w.n BETWEEN 129 AND 132 OR w.n IN (144, 145, 227)) AND x.n BETWEEN 48 AND 57 AND y.n BETWEEN 129 AND 254 AND z.n BETWEEN 48 AND 57")
	}
}

// TestCharsetTables compares every character of every set with both servers.
func TestCharsetTables(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f)
		names := []string{}
		for _, row := range query(t, s, "SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS ORDER BY 1") {
			if unicodeSets[row[0]] == nil {
				names = append(names, row[0])
			}
		}
		if len(names) < 30 {
			t.Errorf("character sets %v", names)
		}
		tables := codeTables{}
		for _, name := range names {
			tables[name] = map[string]rune{}
			askCharset(t, s, name, tables[name])
		}
		if *writeCharsets && f == throwaway.MySQL {
			if err := os.WriteFile("charset.bin", packTables(tables), 0o644); err != nil {
				t.Fatal(err)
			}
			charsetTables = packTables(tables)
		}
		for name, table := range tables {
			checkCharset(t, name, table)
		}
	})
}

func checkCharset(t *testing.T, name string, table map[string]rune) {
	cs := Of(Default(name))
	if cs == nil || cs.name != name {
		t.Errorf("%s: no such set", name)
		return
	}
	wrong := 0
	for code, want := range table {
		r, n := cs.next([]byte(code + "\x80\x80\x80"))
		if r != want || n != len(code) {
			wrong++
			t.Logf("%s %x: %U of %d bytes, want %U", name, code, r, n, want)
		}
	}
	// What the server can't convert is nothing here either.
	for i := range 1 << 16 {
		code := []byte{byte(i >> 8), byte(i)}
		r, n := cs.next(code)
		if _, ok := table[string(code[:n])]; r != utf8.RuneError && !ok {
			wrong++
			t.Logf("%s %x: %U, unknown to the server", name, code[:n], r)
		}
	}
	if wrong > 0 {
		t.Errorf("%s: %d of %d characters are wrong", name, wrong, len(table))
	}
}

// packTables is the reverse of loadCharset.
func packTables(tables codeTables) []byte {
	var b []byte
	names := []string{}
	for name := range tables {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		widths := map[int]map[int]rune{}
		for code, r := range tables[name] {
			if i, ok := linear(code); ok {
				if widths[len(code)] == nil {
					widths[len(code)] = map[int]rune{}
				}
				widths[len(code)][i] = r
			}
		}
		b = append(binary.AppendUvarint(b, uint64(len(name))), name...)
		b = binary.AppendUvarint(b, uint64(len(widths)))
		for width := 1; width <= 4; width++ {
			if table := widths[width]; table != nil {
				b = packTable(binary.AppendUvarint(b, uint64(width)), table)
			}
		}
	}
	var z bytes.Buffer
	w, _ := zlib.NewWriterLevel(&z, zlib.BestCompression)
	_, _ = w.Write(b)
	_ = w.Close()
	return z.Bytes()
}

// linear is a code's place in its table; GB18030 above the BMP has none.
func linear(code string) (int, bool) {
	switch len(code) {
	case 1:
		return int(code[0]), true
	case 2:
		return int(code[0])<<8 | int(code[1]), true
	case 3:
		return int(code[1])<<8 | int(code[2]), true
	}
	i := ((int(code[0])-0x81)*10+int(code[1])-'0')*1260 + (int(code[2])-0x81)*10 + int(code[3]) - '0'
	return i, i < 39420
}

func packTable(b []byte, table map[int]rune) []byte {
	codes := []int{}
	for code := range table {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	type run struct{ from, n int }
	var runs []run
	for _, code := range codes {
		if last := len(runs) - 1; last >= 0 && runs[last].from+runs[last].n == code {
			runs[last].n++
		} else {
			runs = append(runs, run{code, 1})
		}
	}
	b = binary.AppendUvarint(b, uint64(len(runs)))
	end, previous := 0, rune(0)
	for _, r := range runs {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(r.from-end)), uint64(r.n))
		end = r.from + r.n
		for code := r.from; code < end; code++ {
			b = binary.AppendVarint(b, int64(table[code]-previous-1)) // zigzag
			previous = table[code]
		}
	}
	return b
}

// TestInvalidText: what means nothing in its set becomes U+FFFD, and what follows is read as before.
func TestInvalidText(t *testing.T) {
	for _, c := range []struct {
		collation uint64
		in, want  string
	}{
		{45, "a\xff\xc3(b\xf0\x9f\x98", "a\ufffd\ufffd(b\ufffd\ufffd\ufffd"},
		{33, "\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
		{8, "\x80\x81\x8d\x9d\xff", "€\u0081\u008d\u009dÿ"},
		{11, "a\x80b", "a\ufffdb"},
		{28, "\xc4\xe3\xff\xc4", "你\ufffd\ufffd"},
		{13, "\x83e\x83\xff\xb1", "テ\ufffd\ufffdｱ"},
		{54, "\x00a\xd8\x3d\xde\x00\xd8\x3d\x00b\x00", "a😀\ufffdb\ufffd"},
		{35, "\x00a\xd8\x3d\x20\xac", "a\ufffd€"},
		{60, "\x00\x01\xf6\x00\x00\x11\x00\x00\x00\x00\xd8\x00\x00", "😀\ufffd\ufffd\ufffd"},
		{248, "\x81\x30\x81\x30\x90\x30\x81\x30\xe3\x32\x9a\x35\xe3\x32\x9a\x36", "\u0080\U00010000\U0010ffff\ufffd"},
	} {
		cs := Of(c.collation)
		if got := string(cs.AppendUTF8(nil, []byte(c.in))); got != c.want {
			t.Errorf("%s %x: %q, want %q", cs.name, c.in, got, c.want)
		}
		if got := string(cs.AppendQuoted(nil, []byte(c.in))); !cs.IsUTF8() && !strings.Contains(got, c.want) {
			t.Errorf("%s %x: %s, want %q", cs.name, c.in, got, c.want)
		}
	}
}

func query(t *testing.T, s *throwaway.Server, sql string, args ...any) [][]string {
	t.Helper()
	if len(args) > 0 {
		sql = fmt.Sprintf(sql, args...)
	}
	rows, err := s.Query(sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return rows
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
