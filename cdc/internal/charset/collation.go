package charset

import (
	"bytes"
	"compress/zlib"
	_ "embed"
	"encoding/binary"
	"io"
	"sync"
)

// charsetTables holds the mappings to Unicode of all character sets that are not
// Unicode themselves, as MySQL 9.7 and MariaDB 10.11 both have them: zlib over,
// for each set, its name and its tables; see loadCharset. TestCharsetTables
// compares it with both servers and can rewrite it.
//
//go:embed charset.bin
var charsetTables []byte

// Collation numbers, which both servers share below 1024. MariaDB adds 1024 for
// NOPAD variants, 576 to 767 for a few contractions, and 2048 and up, in blocks of
// 256 for each Unicode character set, for UCA 14.0.0.
var collationSets = func() map[uint64]string {
	m := map[uint64]string{}
	for name, ids := range map[string][]uint64{
		"armscii8": {32, 64}, "ascii": {11, 65}, "big5": {1, 84}, "binary": {63}, "cp1250": {26, 34, 44, 66, 99},
		"cp1251": {14, 23, 50, 51, 52}, "cp1256": {57, 67}, "cp1257": {29, 58, 59}, "cp850": {4, 80}, "cp852": {40, 81},
		"cp866": {36, 68}, "cp932": {95, 96}, "dec8": {3, 69}, "eucjpms": {97, 98}, "euckr": {19, 85}, "gb18030": {248, 249, 250},
		"gb2312": {24, 86}, "gbk": {28, 87}, "geostd8": {92, 93}, "greek": {25, 70}, "hebrew": {16, 71}, "hp8": {6, 72},
		"keybcs2": {37, 73}, "koi8r": {7, 74}, "koi8u": {22, 75}, "latin1": {5, 8, 15, 31, 47, 48, 49, 94}, "latin2": {2, 9, 21, 27, 77},
		"latin5": {30, 78}, "latin7": {20, 41, 42, 79}, "macce": {38, 43}, "macroman": {39, 53}, "sjis": {13, 88}, "swe7": {10, 82},
		"tis620": {18, 89}, "ujis": {12, 91}, "ucs2": {35, 90}, "utf16": {54, 55}, "utf16le": {56, 62}, "utf32": {60, 61},
		"utf8mb3": {33, 76, 83}, "utf8mb4": {45, 46},
	} {
		for _, id := range ids {
			m[id] = name
		}
	}
	for _, r := range []struct {
		from, to uint64
		name     string
	}{
		{101, 124, "utf16"}, {128, 151, "ucs2"}, {159, 159, "ucs2"}, {160, 183, "utf32"}, {192, 215, "utf8mb3"}, {223, 223, "utf8mb3"},
		{224, 247, "utf8mb4"}, {255, 323, "utf8mb4"},
		{576, 607, "utf8mb3"}, {608, 639, "utf8mb4"}, {640, 671, "ucs2"}, {672, 703, "utf16"}, {736, 767, "utf32"},
		{2048, 2303, "utf8mb3"}, {2304, 2559, "utf8mb4"}, {2560, 2815, "ucs2"}, {2816, 3071, "utf16"}, {3072, 3327, "utf32"},
	} {
		for id := r.from; id <= r.to; id++ {
			m[id] = r.name
		}
	}
	return m
}()

// Name is the character set of a collation, "" where the number is not known.
func Name(collation uint64) string {
	if name, ok := collationSets[collation]; ok {
		return name
	}
	if collation >= 1024 && collation < 2048 {
		return collationSets[collation-1024] // NOPAD
	}
	return ""
}

// Default is some collation of a character set: where the server does not
// tell a collation's number, its character set is what matters here.
func Default(charset string) uint64 {
	switch charset {
	case "":
		return 0
	case "utf8":
		charset = "utf8mb3"
	}
	var least uint64
	for id, name := range collationSets {
		if name == charset && (least == 0 || id < least) {
			least = id
		}
	}
	return least
}

var charsets struct {
	mu     sync.Mutex
	byName map[string]*Charset
}

var unicodeSets = map[string]*Charset{
	"utf8mb3": {name: "utf8mb3", kind: utf8Kind, MaxLen: 3}, "utf8mb4": {name: "utf8mb4", kind: utf8Kind, MaxLen: 4},
	"binary": {name: "binary", kind: binaryKind, MaxLen: 1}, "ucs2": {name: "ucs2", kind: ucs2, MaxLen: 2},
	"utf16": {name: "utf16", kind: utf16BE, MaxLen: 4}, "utf16le": {name: "utf16le", kind: utf16LE, MaxLen: 4},
	"utf32": {name: "utf32", kind: utf32, MaxLen: 4},
}

// Of is the character set of a collation; nil where the number is not known.
func Of(collation uint64) *Charset {
	name := Name(collation)
	if name == "" {
		return nil
	}
	if cs := unicodeSets[name]; cs != nil {
		return cs
	}
	charsets.mu.Lock()
	defer charsets.mu.Unlock()
	if cs := charsets.byName[name]; cs != nil {
		return cs
	}
	cs := loadCharset(name)
	if charsets.byName == nil {
		charsets.byName = map[string]*Charset{}
	}
	charsets.byName[name] = cs
	return cs
}

// loadCharset unfolds one set of charsetTables, nil if that has none of the name.
//
//	set   = length name tables table…
//	table = bytes runs run…        bytes: 1 to 4, how many a character has
//	run   = gap length delta…      codes left out since the last run, codes in this one
//
// All are unsigned varints; a delta is zigzag, from the last character plus one.
func loadCharset(name string) *Charset {
	z, err := zlib.NewReader(bytes.NewReader(charsetTables))
	if err != nil {
		return nil
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return nil
	}
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return v
	}
	for len(b) > 0 {
		n := next()
		set := string(b[:n])
		b = b[n:]
		cs := &Charset{name: set, kind: singleByte, MaxLen: 1}
		for range next() {
			cs.readTable(next, set == name)
		}
		if set == name {
			return cs
		}
	}
	return nil
}

// readTable reads one table, and keeps it if it is of the set that is wanted.
func (cs *Charset) readTable(next func() uint64, keep bool) {
	set := func(int, rune) {}
	width := int(next())
	if keep {
		set = cs.makeTable(width)
	}
	code, r := 0, rune(0)
	for range next() {
		code += int(next())
		for range next() {
			delta := next()
			r += rune(int64(delta>>1)^-int64(delta&1)) + 1
			set(code, r)
			code++
		}
	}
}

// makeTable returns what puts a character into the new table.
func (cs *Charset) makeTable(width int) func(code int, r rune) {
	if width > 1 {
		cs.kind, cs.MaxLen = multiByte, width
	}
	switch width {
	case 1:
		cs.one = new([256]rune)
		for i := range cs.one {
			cs.one[i] = -1
		}
		return func(code int, r rune) { cs.one[code] = r }
	case 2:
		cs.two = make([]uint16, 1<<16)
		return func(code int, r rune) { cs.two[code] = uint16(r) }
	case 3:
		cs.three = make([]uint16, 1<<16)
		return func(code int, r rune) { cs.three[code] = uint16(r) }
	}
	cs.four = make([]uint16, 39420) // up to 0x8431A439, where the BMP ends
	return func(code int, r rune) { cs.four[code] = uint16(r) }
}
