package cdc

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

func float32frombytes(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }

func commonColumns() []typed {
	var list []typed
	add := func(typ string, s sort, values ...string) { list = append(list, typed{typ, s, values}) }
	for i, typ := range []string{"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT"} {
		bits := []int{8, 16, 24, 32, 64}[i]
		top := new(strings.Builder)
		fmt.Fprint(top, uint64(1)<<(bits-1)-1)
		add(typ, number, "-"+top.String()+"-1", top.String(), "0", "-1", "1", "42")
		add(typ+" UNSIGNED", number, fmt.Sprint(uint64(math.MaxUint64)>>(64-bits)), "0", "1", top.String(), fmt.Sprint(uint64(1)<<(bits-1)))
	}
	add("INT(6) ZEROFILL", number, "7", "123456789")
	add("BOOLEAN", number, "TRUE", "FALSE")
	for _, d := range [][2]int{{1, 0}, {5, 5}, {9, 0}, {10, 2}, {10, 0}, {18, 9}, {19, 10}, {28, 20}, {65, 0}, {65, 30}, {38, 1}} {
		whole, part := strings.Repeat("9", d[0]-d[1]), strings.Repeat("9", d[1])
		one := "1"
		if d[1] > 0 {
			one = "0." + strings.Repeat("0", d[1]-1) + "1"
		}
		top := strings.TrimSuffix("0"+whole+"."+part, ".")
		add(fmt.Sprintf("DECIMAL(%d,%d)", d[0], d[1]), decimal, top, "-"+top, "0", "-0.0", one, "-"+one, "12.345e-3")
	}
	add("DECIMAL(12,4) UNSIGNED", decimal, "99999999.9999", "0", "1000000000.5e-2")
	add("FLOAT", float, "0", "-0e0", "1.5", "-3.402823466e38", "1.175494351e-38", "1e-45", "16777217", "3.14159265358979", "1e20", "1e-7")
	add("FLOAT UNSIGNED", float, "3.402823466e38", "0.1")
	add("DOUBLE", double, "0", "1.5", "-1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "9007199254740993", "3.14159265358979",
		"1e15", "1e14", "999999999999999", "0.1e-14", "1e-15", "1.25e-15", "123456789012345680", "0.1", "1e22", "1e23", "-1.5e-300")
	add("DOUBLE UNSIGNED", double, "1e100")
	for _, n := range []int{1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 41, 63, 64} {
		add(fmt.Sprintf("BIT(%d)", n), number, "0", fmt.Sprint(uint64(math.MaxUint64)>>(64-n)), "1")
	}
	add("YEAR", number, "0", "1901", "2155", "2026")
	add("DATE", temporal, "'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2026-00-00'", "'2026-11-00'", "'2026-02-30'", "'0001-01-01'", "'2026-11-21'")
	times := []string{"'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:00.000001'", "'-00:00:00.9'", "'-12:34:56.7'", "'100:00:00.5'", "'23:59:58.999999'", "'-01:00:01.01'", "'-25:01:00'"}
	dates := []string{"'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:58.999999'", "'2026-00-00 00:00:00'", "'2026-01-00 12:13:14.15'",
		"'2026-02-31 01:02:03.000001'", "'0000-00-00 01:02:03'", "'2026-11-21 01:13:15.817'", "'0001-02-03 00:00:00'"}
	stamps := []string{"'1970-01-01 00:00:01'", "'2038-01-19 03:14:06.999999'", "0", "'2000-02-29 23:59:59.000001'", "'2026-11-21 01:13:15.817'", "'1970-01-01 00:00:01.5'",
		"'1999-12-31 23:59:59'", "'2024-12-31 12:00:00.1'", "'2026-03-01 00:00:00'"}
	for n := range 7 {
		add(fmt.Sprintf("TIME(%d)", n), temporal, times...)
		add(fmt.Sprintf("DATETIME(%d)", n), temporal, dates...)
		add(fmt.Sprintf("TIMESTAMP(%d)", n), instant, stamps...)
	}
	strs := []string{"''", "'a'", "'trailing  '", `_utf8mb4'q"b\\s/<>&'`, "CONCAT('c',CHAR(0,1,9,10,13,31,127 USING utf8mb4))", "_utf8mb4 X'C3A9E282ACF09F9880'", "_utf8mb4 X'E280A8'"}
	for _, typ := range []string{"CHAR(20)", "CHAR(255)", "VARCHAR(20)", "VARCHAR(63)", "VARCHAR(64)", "VARCHAR(300)", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT"} {
		add(typ, text, append(strs, "REPEAT('x',20)")...)
	}
	bins := []string{"''", "X'00'", "X'6100'", "X'FFFE'", "X'0000000000'", "X'6162636465'", "X'0A0D'"}
	for _, typ := range []string{"BINARY(5)", "BINARY(16)", "BINARY(4)", "BINARY(255)", "VARBINARY(5)", "VARBINARY(300)", "TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB"} {
		add(typ, binaries, bins...)
	}
	add("ENUM('','a','it''s','é','x\"y','back\\\\slash','n\\nr\\r0\\0t\\tz\\Z')", text, "'a'", "'it''s'", "_utf8mb4 X'C3A9'", "0", "6", "1", "5", "7")
	add("ENUM("+many(300)+")", text, "1", "255", "256", "300", "0")
	add("SET('a','b''c','é','d\"')", labels, "''", "'a'", "15", "_utf8mb4 X'C3A9'", "8")
	for _, n := range []int{1, 8, 9, 17, 25, 33, 64} {
		add("SET("+many(n)+")", labels, "0", fmt.Sprint(uint64(math.MaxUint64)>>(64-n)), "1", fmt.Sprint(uint64(1)<<(n-1)))
	}
	for _, cs := range []string{"latin1", "gbk", "utf16", "ucs2", "utf32", "cp1251"} {
		add("ENUM('a','ё') CHARACTER SET "+cs, text, "1", "2", "0")
		add("SET('a','ё','b') CHARACTER SET "+cs, labels, "1", "7", "0")
	}
	return append(list, geometryColumns()...)
}

func many(n int) string {
	labels := make([]string, n)
	for i := range labels {
		labels[i] = fmt.Sprintf("'label %d'", i+1)
	}
	return strings.Join(labels, ",")
}

func geometryColumns() []typed {
	var list []typed
	for typ, values := range map[string][]string{
		"POINT":              {"POINT(1 2)", "POINT(-1.5 1e300)", "POINT(0 0)", "POINT(0.1 123456789.123456789)"},
		"LINESTRING":         {"LINESTRING(0 0,1 1,2 0.5)"},
		"POLYGON":            {"POLYGON((0 0,10 0,10 10,0 10,0 0),(1 1,1 2,2 2,2 1,1 1))"},
		"MULTIPOINT":         {"MULTIPOINT((1 2),(3 4))"},
		"MULTILINESTRING":    {"MULTILINESTRING((0 0,1 1),(2 2,3 3,4 5))"},
		"MULTIPOLYGON":       {"MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))"},
		"GEOMETRYCOLLECTION": {"GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))", "GEOMETRYCOLLECTION EMPTY", "GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 2)),POLYGON((0 0,1 0,1 1,0 0)))"},
	} {
		c := typed{typ: typ, sort: shape}
		for _, v := range values {
			c.values = append(c.values, "ST_GeomFromText('"+v+"')")
		}
		list = append(list, c)
		list = append(list, typed{"GEOMETRY", shape, []string{"ST_GeomFromText('" + values[0] + "',3857)"}})
	}
	return list
}

func mysqlColumns() []typed {
	var list []typed
	add := func(typ string, s sort, values ...string) { list = append(list, typed{typ, s, values}) }
	add("GEOMETRY SRID 4326", shape, "ST_GeomFromText('POINT(12 34)',4326)", "ST_GeomFromText('LINESTRING(1 2,3 4)',4326)")
	add("VECTOR(3)", floats, "STRING_TO_VECTOR('[1,2,3]')", "STRING_TO_VECTOR('[0.1,-3.4028235e38,1.2e-38]')", "STRING_TO_VECTOR('[0,-0,16777216]')")
	add("VECTOR(3)", floats, "STRING_TO_VECTOR('[1]')")
	docs := []string{"null", "true", "false", "0", "-1", "1.0", "1", "1e100", "-0.0", "32767", "-32768", "32768", "65535", "65536", "2147483647", "4294967295", "4294967296",
		"9223372036854775807", "-9223372036854775808", "18446744073709551615", "18446744073709551616", "1e-5", "1e15", "1e14", "123456789012345678", "0.1", "1.5e-20",
		`""`, `"é \" \\ / \u0000 \u001f \u2028 < & 😀"`, `[]`, `{}`, `[1,"a",null,[true,{"k":[{}]}]]`, `{"bb":1,"a":2,"":3,"ccc":{"z":[],"y":1.0}}`, `[65536,-40000,3.5,"x"]`}
	var values []string
	for _, d := range docs {
		values = append(values, "CAST("+sqlQuote(d)+" AS JSON)")
	}
	values = append(values,
		"CAST(CAST('12345678901234567890.12345' AS DECIMAL(40,10)) AS JSON)", "JSON_ARRAY(CAST('-0.5' AS DECIMAL(2,1)), CAST(0 AS DECIMAL(30,30)))",
		"JSON_ARRAY(CAST('2026-11-21' AS DATE), CAST('2026-11-21 01:02:03.5' AS DATETIME(3)), CAST('-12:34:56.789' AS TIME(6)), TIMESTAMP'2026-01-02 03:04:05', CAST('0000-00-00' AS DATE), CAST('00:00:00' AS TIME))",
		"JSON_ARRAY(X'00FF', b'101', CAST('abc' AS BINARY), CAST(2026 AS YEAR), ST_GeomFromText('POINT(1 2)'))",
		"JSON_OBJECT('big', REPEAT('x', 70000), 'n', 70000, 'neg', -70000, 'arr', JSON_ARRAY(1, 70000, -1, 4294967295, 1.5))",
		"CAST(CONCAT('[', REPEAT('1,', 40000), '2]') AS JSON)", "CAST(CONCAT(REPEAT('[', 100), REPEAT(']', 100)) AS JSON)",
		"CAST(CONCAT(REPEAT('{\"a\":', 99), '1', REPEAT('}', 99)) AS JSON)")
	add("JSON", document, values...)
	for _, cs := range charsetNames {
		list = append(list, charsetColumns(cs)...)
	}
	return append(list, charsetColumns("gb18030")...)
}

func mariadbColumns() []typed {
	var list []typed
	add := func(typ string, s sort, values ...string) { list = append(list, typed{typ, s, values}) }
	add("UUID", plainly, "'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
		"'01890a5d-ac96-774b-bcce-b302099a8057'", "'f81d4fae-7dec-41d0-a765-00a0c91e6bf6'", "UUID()", "'1ec9414c-232a-6b00-b3c8-9e6bdeced846'", "'00112233-4455-6677-8899-aabbccddeeff'", "'00112233-4455-1677-c899-aabbccddee00'")
	add("INET4", plainly, "'0.0.0.0'", "'255.255.255.255'", "'1.2.3.0'", "'10.0.0.1'")
	add("INET6", plainly, "'::'", "'::1'", "'2001:db8::ff00:42:8329'", "'::ffff:1.2.3.4'", "'::1.2.3.4'", "'::1:0'", "'::ffff:0:0'", "'1::'", "'1:0:0:2::'", "'1:0:2:0:3:0:4:0'", "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'", "'::0.1.0.0'", "'::2:3:4'")
	docs := []string{`{"a": 1, "b" : [1.0, 1e400, "é\n"]}`, "null", `"x"`, "[\n1,\r\n\t2]", `{"k":"\\u2028<"}`, "12345678901234567890123", "-0", `{"a":1,"a":2}`}
	for i := range docs {
		docs[i] = sqlQuote(docs[i])
	}
	add("JSON", document, docs...)
	add("LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", text, docs...)
	add("VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_ai_ci", text, "'x'", "_utf8mb4 X'F09F9880'")
	add("VARCHAR(20) CHARACTER SET ucs2 COLLATE uca1400_turkish_as_ci", text, "'x'", "_utf8mb4 X'E282AC'")
	add("VARCHAR(20) CHARACTER SET utf16 COLLATE uca1400_ai_ci", text, "'x'", "_utf8mb4 X'F09F9880'")
	add("VARCHAR(20) CHARACTER SET utf32 COLLATE uca1400_nopad_as_cs", text, "'x'", "_utf8mb4 X'F09F9880'")
	add("VARCHAR(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_uca1400_ai_ci", text, "'x'", "_utf8mb4 X'E282AC'")
	add("VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_nopad_ci", text, "'x  '", "_utf8mb4 X'E282AC'")
	for _, cs := range charsetNames {
		list = append(list, charsetColumns(cs)...)
	}
	return list
}

var charsetNames = []string{"armscii8", "ascii", "big5", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "cp932", "dec8", "eucjpms", "euckr",
	"gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8", "keybcs2", "koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "macce", "macroman", "sjis", "swe7",
	"tis620", "ucs2", "ujis", "utf16", "utf16le", "utf32", "utf8mb3", "utf8mb4"}

// charsetColumns are texts of several scripts: what a set does not have the server stores as ?.
func charsetColumns(cs string) []typed {
	var values []string
	for _, s := range []string{"", "plain \\ ~ \" [x]", "Grüße à Łódź", "Привет, мир", "日本語テキスト ﾊﾝｶｸ ①", "한국어 문장", "简体中文与繁體中文", "Ελληνικά שלום مرحبا", "€ “q” – … • ™", "ąęž ő ğ", "😀 emoji", "ends with space  "} {
		values = append(values, "CONVERT("+sqlQuote(s)+" USING "+cs+")")
	}
	return []typed{
		{"CHAR(40) CHARACTER SET " + cs, text, values},
		{"VARCHAR(200) CHARACTER SET " + cs, text, values},
		{"TEXT CHARACTER SET " + cs, text, values},
	}
}

func sqlQuote(s string) string {
	return "_utf8mb4 X'" + fmt.Sprintf("%X", s) + "'"
}
