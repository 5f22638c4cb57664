package filters

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rowcast/cdc"
	"rowcast/filters/internal/where"
	"rowcast/internal/throwaway"
)

// every is a table with a column of every type that predicates are judged over.
const every = `CREATE TABLE diff.every (
	id INT PRIMARY KEY,
	i8 TINYINT, u8 TINYINT UNSIGNED, i16 SMALLINT, i24 MEDIUMINT, i32 INT, u32 INT UNSIGNED, i64 BIGINT, u64 BIGINT UNSIGNED,
	f FLOAT, d DOUBLE, dec1 DECIMAL(10,2), dec2 DECIMAL(30,10), bt BIT(8), yr YEAR,
	dt DATE, dtm DATETIME, dtm6 DATETIME(6), ts TIMESTAMP NULL, ts3 TIMESTAMP(3) NULL, tm TIME, tm3 TIME(3),
	ch CHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
	vc VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
	vcb VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
	vuc VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci,
	vdef VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci,
	lat VARCHAR(50) CHARACTER SET latin1 COLLATE latin1_swedish_ci,
	txt TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
	bin BINARY(4), vbin VARBINARY(20), blb BLOB,
	en ENUM('small','Medium','large','É') CHARACTER SET latin1, st SET('a','b','c') CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
	js JSON)`

// pools are the values that rows and predicates are made of, as SQL.
var pools = map[string][]string{
	"int":  {"0", "1", "-1", "5", "7", "42", "100", "127", "-128", "NULL"},
	"uint": {"0", "1", "5", "7", "42", "100", "200", "255", "NULL"},
	"big":  {"0", "1", "-1", "7", "9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808", "NULL"},
	"ubig": {"0", "1", "7", "9007199254740993", "9223372036854775808", "18446744073709551615", "18446744073709551614", "NULL"},
	"real": {"0", "0.1", "-0.1", "1", "1.5", "3.14", "100.25", "1e10", "-1e-5", "16777217", "NULL"},
	"dec":  {"0", "0.10", "-0.10", "1", "1.50", "10.5", "10.50", "99999999.99", "-99999999.99", "NULL"},
	"bit":  {"0", "1", "5", "65", "255", "NULL"},
	"year": {"0", "1901", "1999", "2000", "2026", "2155", "NULL"},
	"date": {"'2026-11-21'", "'2026-01-31'", "'1999-12-31'", "'2024-02-29'", "'1000-01-01'", "'9999-12-31'", "'0000-00-00'", "NULL"},
	"datetime": {"'2026-11-21 01:13:15'", "'2026-11-21 00:00:00'", "'2026-11-21 01:13:15.817'", "'1999-12-31 23:59:59.999999'", "'2024-02-29 12:00:00'",
		"'0000-00-00 00:00:00'", "NULL"},
	"timestamp": {"'2026-11-21 01:13:15'", "'2026-11-21 00:00:00'", "'2026-11-21 01:13:15.817'", "'1999-12-31 23:59:59.999'", "'0000-00-00 00:00:00'", "NULL"},
	"time":      {"'00:00:00'", "'01:13:15'", "'12:34:56.789'", "'-12:34:56'", "'838:59:59'", "'-838:59:59'", "'23:59:59'", "NULL"},
	"text": {"''", "'a'", "'A'", "'a '", "'abc'", "'ABC'", "'Abc'", "'äbc'", "'É'", "'e'", "'ss'", "'ß'", "'7'", "'7.0'", "'07'", "'x7'", "'100%'", "'a_c'", "'Oilers'",
		"'œuf'", "'2026-11-21'", "'a\\\\b'", "NULL"},
	"wide":   {"''", "'a'", "'A '", "'日本'", "'ひらがな'", "'😀'", "'abc'", "'é'", "'Ångström'", "'STRASSE'", "'straße'", "NULL"},
	"binary": {"''", "'a'", "'A'", "'abc'", "x'00ff'", "'7'", "x'c3a9'", "NULL"},
	"enum":   {"'small'", "'Medium'", "'large'", "'É'", "NULL"},
	"set":    {"''", "'a'", "'b'", "'a,b'", "'a,c'", "'a,b,c'", "NULL"},
	"json": {`'{"a": 1, "b": "x", "c": [1, 2, {"d": null}], "t": true}'`, `'{"a": "1", "b": "X"}'`, `'{"a": 1.5}'`, `'[1, 2, 3]'`, `'"str"'`, `'7'`, `'null'`, `'true'`, `'{}'`,
		`'{"a": null, "b": "é\\\\n"}'`, `'{"a": -3, "b": ""}'`, "NULL"},
}

var columnPools = map[string][]string{
	"i8": {"int"}, "u8": {"uint"}, "i16": {"int"}, "i24": {"int"}, "i32": {"int"}, "u32": {"uint"}, "i64": {"big", "int"}, "u64": {"ubig", "uint"},
	"f": {"real"}, "d": {"real"}, "dec1": {"dec"}, "dec2": {"dec"}, "bt": {"bit"}, "yr": {"year"},
	"dt": {"date"}, "dtm": {"datetime"}, "dtm6": {"datetime"}, "ts": {"timestamp"}, "ts3": {"timestamp"}, "tm": {"time"}, "tm3": {"time"},
	"ch": {"text"}, "vc": {"text", "wide"}, "vcb": {"text", "wide"}, "vuc": {"text", "wide"}, "vdef": {"text", "wide"}, "lat": {"text"}, "txt": {"text", "wide"},
	"bin": {"binary"}, "vbin": {"binary"}, "blb": {"binary", "wide"}, "en": {"enum"}, "st": {"set"}, "js": {"json"},
}

// addressPools are of columns that only MariaDB has.
var addressPools = map[string][]string{
	"uu": {"'00000001-0000-1000-8000-000000000002'", "'00000002-0000-1000-8000-000000000001'", "'123e4567-e89b-12d3-a456-426655440000'", "'ffffffff-ffff-ffff-ffff-fffffffffffe'", "'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFE'", "'01890a5d-ac96-774b-bcce-b302099a8000'", "'00000000-0000-0000-0000-000000000000'", "NULL"},
	"a4": {"'10.0.0.1'", "'9.255.255.255'", "'0.0.0.0'", "'10.0.0.0'", "'192.168.1.1'", "NULL"},
	"a6": {"'::1'", "'::'", "'2001:db8:1:0:a:b:c:d'", "'2001:db8:1::a:b:c:d'", "'::1.2.3.4'", "'::102:304'", "'::1:0'", "'2001:db8::1'", "'2001:DB8:0::1'", "'::ffff:1.2.3.4'", "'fe80::1:0:0:1'", "'1::'", "NULL"},
}

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

func fromPool(r *rand.Rand, column string) string {
	return pick(r, pools[pick(r, columnPools[column])])
}

func columns() []string {
	var list []string
	for c := range columnPools {
		list = append(list, c)
	}
	slices.Sort(list)
	return list
}

// generated makes predicates that compare each column in each way with values
// like its own.
func generated(r *rand.Rand) (list []string) {
	for _, c := range columns() {
		for range 3 {
			for _, op := range []string{"=", "<>", "<", "<=", ">", ">=", "<=>"} {
				list = append(list, fmt.Sprintf("%s %s %s", c, op, fromPool(r, c)))
			}
		}
		list = append(list,
			fmt.Sprintf("%s IN (%s, %s, %s)", c, fromPool(r, c), fromPool(r, c), fromPool(r, c)),
			fmt.Sprintf("%s NOT IN (%s, %s)", c, fromPool(r, c), fromPool(r, c)),
			fmt.Sprintf("%s BETWEEN %s AND %s", c, fromPool(r, c), fromPool(r, c)),
			fmt.Sprintf("%s NOT BETWEEN %s AND %s", c, fromPool(r, c), fromPool(r, c)),
			fmt.Sprintf("%s IS NULL", c), fmt.Sprintf("%s IS NOT NULL", c),
			fmt.Sprintf("NOT (%s = %s)", c, fromPool(r, c)),
			fmt.Sprintf("(%s = %s) IS NOT TRUE", c, fromPool(r, c)),
			fmt.Sprintf("COALESCE(%s, %s) = %s", c, fromPool(r, c), fromPool(r, c)),
			fmt.Sprintf("NULLIF(%s, %s) IS NULL", c, fromPool(r, c)),
			fmt.Sprintf("IF(%s > %s, 1, 0) = 1", c, fromPool(r, c)),
			fmt.Sprintf("CASE WHEN %s > %s THEN 'x' WHEN %s IS NULL THEN 'n' ELSE 'y' END = 'x'", c, fromPool(r, c), c),
			fmt.Sprintf("CASE %s WHEN %s THEN 1 ELSE 2 END = 1", c, fromPool(r, c)),
		)
	}
	for range 150 {
		a, b, c := pick(r, list), pick(r, list), pick(r, list)
		list = append(list, fmt.Sprintf("(%s OR %s) AND NOT (%s)", a, b, c), fmt.Sprintf("%s XOR %s", a, b))
	}
	return list
}

// crossed makes predicates that compare what is not alike.
func crossed(r *rand.Rand) (list []string) {
	var names []string
	for name := range pools {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, a := range columns() {
		for _, b := range columns() {
			if a < b {
				list = append(list, fmt.Sprintf("%s %s %s", a, pick(r, []string{"=", "<", ">=", "<>"}), b))
			}
		}
		for _, pool := range names {
			v := pick(r, pools[pool])
			list = append(list, fmt.Sprintf("%s = %s", a, v), fmt.Sprintf("%s < %s", a, v), fmt.Sprintf("%s IN (%s, %s)", a, v, fromPool(r, a)),
				fmt.Sprintf("%s BETWEEN %s AND %s", a, fromPool(r, a), v), fmt.Sprintf("IF(%s >= %s, 1, 0)", a, v))
		}
		for _, f := range []string{"LENGTH(%s) > 3", "CONCAT(%s, 'x') = '7x'", "%s + 1 > 5", "ABS(%s) > 1", "LEFT(%s, 1) = '7'", "%s LIKE '%%7%%'", "UPPER(%s) = 'ABC'", "HEX(%s) = '37'",
			"CAST(%s AS CHAR) = '7'", "CAST(%s AS SIGNED) = 7", "CAST(%s AS DECIMAL(10,2)) > 1", "%s IS TRUE", "NOT %s", "%s XOR 1", "COALESCE(%s, 7) = 7", "COALESCE(%s, 'a') = 'a'", "GREATEST(%s, 7) = 7", "LEAST(%s, 'b') = 'a'",
			"YEAR(%s) = 2026", "HOUR(%s) = 1", "DATE(%s) = '2026-11-21'", "%s REGEXP '7'", "%s * 2 = 14", "%s DIV 2 = 3", "%s %% 5 = 2", "-%s < 0", "%s & 1", "ROUND(%s) = 7", "TRIM(%s) = '7'", "REPLACE(%s, '7', 'x') = 'x'", "MD5(%s) = '8f14e45fceea167a5a36dedd4bea2543'",
			"(%s, 1) = (7, 1)", "%s <=> NULL", "CASE %s WHEN 7 THEN 1 ELSE 0 END", "STRCMP(%s, '7') = 0", "NULLIF(%s, 7) IS NULL", "SUBSTRING(%s, 2) = ''", "CHAR_LENGTH(%s) = 1", "BIT_COUNT(%s) = 3", "TO_DAYS(%s) > 1", "DATE_FORMAT(%s, '%%Y') = '2026'", "INSTR(%s, '7') = 1"} {
			list = append(list, fmt.Sprintf(f, a))
		}
	}
	return list
}

// TestDifferential compares every verdict with that of SELECT on the real servers.
func TestDifferential(t *testing.T) {
	both(t, func(t *testing.T, s *throwaway.Server) {
		r := rand.New(rand.NewPCG(1, 2))
		create := every
		if s.Flavor() == throwaway.MariaDB {
			create = strings.ReplaceAll(create, "utf8mb4_0900_ai_ci", "utf8mb4_unicode_520_ci")
		}
		must(t, s.Exec("CREATE DATABASE diff", "USE diff", create, "SET sql_mode = ''", "SET NAMES utf8mb4"))
		cols := columns()
		var insert []string
		for id := range 150 {
			values := []string{strconv.Itoa(id)}
			for _, c := range cols {
				values = append(values, fromPool(r, c))
			}
			insert = append(insert, fmt.Sprintf("INSERT INTO diff.every (id, %s) VALUES (%s)", strings.Join(cols, ", "), strings.Join(values, ", ")))
		}
		predicates := slices.Concat(byHand, generated(r), crossed(r))
		judged := judge(t, s, predicates, insert)
		compare(t, s, predicates, judged)
		must(t, s.Exec("DROP DATABASE diff"))
	})
}

// judgement is what we say of one predicate.
type judgement struct {
	refused error
	failed  error
	ids     []string
	skipped []string // rows that we say we can't judge: a zero date in a function
}

func judge(t *testing.T, s *throwaway.Server, predicates, insert []string) []judgement {
	list := make([]judgement, len(predicates))
	bound := make([]*where.Predicate, len(predicates))
	var e where.Evaluator
	first := true
	changes(t, s, "diff", func() { must(t, s.Exec(insert...)) }, func(c *cdc.Change) {
		for i, text := range predicates {
			if first {
				w, err := where.Parse(text)
				if err == nil {
					bound[i], err = w.Compile(c.Table, nil)
				}
				list[i].refused = err
			}
			if list[i].refused != nil || list[i].failed != nil {
				continue
			}
			e.Reset()
			row, err := e.Load(after, bound[i], c.After)
			var v where.Verdict
			if err == nil {
				v, err = e.Eval(bound[i].Static(), row)
			}
			id, e := c.After.AppendText(nil, c.Table.Find("id"))
			must(t, e)
			switch {
			case err != nil && strings.Contains(err.Error(), "a part that is 0"):
				list[i].skipped = append(list[i].skipped, string(id))
			case err != nil:
				list[i].failed = err
			case v == where.True:
				list[i].ids = append(list[i].ids, string(id))
			}
		}
		first = false
	})
	return list
}

func compare(t *testing.T, s *throwaway.Server, predicates []string, judged []judgement) {
	var same, refused, failed int
	verbose := os.Getenv("DIFF") != ""
	for i, text := range predicates {
		rows, err := s.Query("SELECT id FROM diff.every WHERE " + text + " ORDER BY id")
		j := judged[i]
		if j.refused != nil {
			refused++
			if verbose {
				t.Logf("REFUSED %s\n\t%v (server err %v)", text, j.refused, err)
			}
			continue
		}
		if err != nil {
			if j.failed == nil && verbose {
				t.Logf("SERVER FAILS %s: %v, we say %d rows", text, err, len(j.ids))
			}
			continue
		}
		if j.failed != nil {
			failed++
			t.Errorf("FAILED %s: %v", text, j.failed)
			continue
		}
		var want []string
		for _, row := range rows {
			if !slices.Contains(j.skipped, row[0]) {
				want = append(want, row[0])
			}
		}
		if slices.Equal(want, j.ids) {
			same++
			continue
		}
		t.Errorf("%s\n\tserver %v\n\twe     %v", text, only(want, j.ids), only(j.ids, want))
	}
	t.Logf("%d predicates: %d judged as the server does, %d refused, %d failed", len(predicates), same, refused, failed)
	if most := map[throwaway.Flavor]int{throwaway.MySQL: 2016, throwaway.MariaDB: 1983}[s.Flavor()]; refused > most {
		t.Errorf("%d are refused, more than %d", refused, most)
	}
}

// only lists what a has and b has not.
func only(a, b []string) (list []string) {
	for _, x := range a {
		if !slices.Contains(b, x) && len(list) < 5 {
			list = append(list, x)
		}
	}
	return list
}

var byHand = []string{
	"vc = 'abc'", "vc LIKE 'a%'", "vcb LIKE 'a%'", "vc LIKE '%B%'", "vc LIKE 'a\\_c'", "vc NOT LIKE '_'", "vc LIKE '100\\%'", "lat LIKE 'ä%'", "vuc LIKE 'STRASS%'",
	"vc REGEXP '^a'", "vcb REGEXP '^a.c$'", "vc NOT REGEXP '[0-9]'", "vc RLIKE 'B'", "vc REGEXP '^(abc|oilers)$'",
	"i32 + 1 = 8", "i32 * 2 > 10", "i32 - u8 < 0", "i32 / 2 = 3.5", "i32 DIV 2 = 3", "i32 % 2 = 1", "i32 MOD 3 = 1", "-i32 = 1", "u8 & 4", "u8 | 1 = 5", "u8 ^ 1 = 4", "u8 << 1 = 10", "~u8 > 0",
	"i32 = 7.0", "i32 = '7'", "i32 = 7.5", "u64 > 9223372036854775807", "i64 = 9007199254740993", "i64 = '9007199254740993'", "u64 = '18446744073709551615'",
	"dec1 = 10.5", "dec1 = '10.5'", "dec1 * 2 = 21", "dec1 + dec2 = 21", "dec1 / 3 > 3", "f = 0.1", "d = 0.1", "f > 0.1", "f < d", "f = 3.14", "d * 10 = 1",
	"i32 = d", "i64 = u64", "dec1 = i32", "i32 > dec1", "u8 > i8",
	"bt = 5", "bt = b'101'", "bt & 1", "bt > 4", "bt = x'41'",
	"yr = 2026", "yr > 2000", "yr = '2026'", "yr = 99", "yr + 0 = 1999", "yr = 26",
	"dt = '2026-11-21'", "dt > '2026-01-01'", "dt = DATE '2026-11-21'", "dt = 20261121", "dt < dtm", "DATE(dtm) = dt", "dt = '20261121'", "dt = '2026-11-21 00:00:00'",
	"dtm = '2026-11-21 01:13:15'", "dtm >= '2026-11-21'", "dtm = TIMESTAMP '2026-11-21 01:13:15'", "dtm6 = '2026-11-21 01:13:15.817'", "ts3 > '2026-11-21 01:13:15.5'", "dtm = ts", "dtm6 > dtm",
	"dtm + INTERVAL 1 DAY > '2026-11-22'", "dtm - INTERVAL 1 HOUR < '2026-11-21 00:30:00'", "DATE_ADD(dt, INTERVAL 1 MONTH) = '2026-12-21'", "DATE_SUB(dtm, INTERVAL 1 YEAR) > '2025-01-01'",
	"ts = '2026-11-21 01:13:15'", "ts > '2026-01-01'", "ts IN ('2026-11-21 01:13:15', '2026-11-21')",
	"tm = '01:13:15'", "tm > '12:00:00'", "tm < '00:00:00'", "tm3 = '12:34:56.789'", "tm = TIME '23:59:59'", "tm > '100:00:00'", "tm = 11315", "tm = '11315'",
	"YEAR(dt) = 2026", "MONTH(dt) = 11", "DAY(dt) = 21", "DAYOFWEEK(dt) = 7", "WEEKDAY(dt) = 5", "DAYOFYEAR(dt) > 300", "HOUR(dtm) = 1", "MINUTE(dtm) = 13", "SECOND(dtm6) = 15", "MICROSECOND(dtm6) > 0",
	"QUARTER(dt) = 4", "WEEK(dt) = 46", "WEEK(dt, 1) = 47", "WEEKOFYEAR(dt) = 47", "YEARWEEK(dt) = 202646", "LAST_DAY(dt) = '2026-11-30'", "TO_DAYS(dt) > 700000", "MONTHNAME(dt) = 'november'", "MAKEDATE(yr, 32) = '2026-02-01'",
	"DATE_FORMAT(dtm, '%Y-%m') = '2026-11'", "TIME_TO_SEC(tm) > 3600", "SEC_TO_TIME(i32) = '00:00:07'", "EXTRACT(YEAR FROM dt) = 2026", "TIMESTAMPDIFF(DAY, dt, dtm) = 0", "HOUR(tm) = 12", "TIME(dtm) = '01:13:15'", "TO_SECONDS(dtm) > 0",
	"PERIOD_ADD(202601, 2) = 202603", "FROM_DAYS(TO_DAYS(dt)) = dt", "MAKETIME(1, 13, 15) = tm", "DATEDIFF(dtm, dt) = 0",
	"LOWER(vc) = 'abc'", "UPPER(vcb) = 'ABC'", "LENGTH(vc) = 3", "CHAR_LENGTH(vc) = 2", "CONCAT(vc, 'x') = 'abcx'", "CONCAT_WS('-', vc, vc) = 'a-a'", "SUBSTRING(vc, 2) = 'bc'", "SUBSTR(vc, 1, 1) = 'a'", "SUBSTRING(vc FROM 2 FOR 1) = 'b'",
	"LEFT(vc, 2) = 'ab'", "RIGHT(vc, 2) = 'bc'", "TRIM(vc) = 'a'", "LTRIM(vc) = 'a'", "RTRIM(vc) = 'a'", "TRIM(LEADING 'a' FROM vcb) = 'bc'", "REPLACE(vcb, 'b', 'x') = 'axc'", "REVERSE(vcb) = 'cba'", "REPEAT(vcb, 2) = 'aa'",
	"LOCATE('b', vc) = 2", "INSTR(vc, 'B') = 2", "POSITION('c' IN vc) = 3", "LPAD(vcb, 4, '0') = '0abc'", "RPAD(vcb, 4, '0') = 'abc0'", "INSERT(vcb, 1, 1, 'x') = 'xbc'", "ASCII(vc) = 97", "ORD(vc) = 97", "HEX(vcb) = '616263'", "HEX(i32) = '7'",
	"UNHEX(HEX(vcb)) = 'abc'", "STRCMP(vc, 'ABC') = 0", "FIELD(vc, 'x', 'ABC') = 2", "ELT(i8, 'one', 'two') = 'one'", "MD5(vcb) = '900150983cd24fb0d6963f7d28e17f72'", "SHA1(vcb) LIKE 'a9%'", "SHA2(vcb, 256) LIKE 'ba%'", "CRC32(vcb) = 891568578",
	"TO_BASE64(vcb) = 'YWJj'", "FROM_BASE64('YWJj') = vcb", "BIT_LENGTH(vc) = 24", "OCTET_LENGTH(vc) = 3", "SPACE(3) = '   '", "BIN(i8) = '111'", "OCT(i8) = '7'", "CONV(i8, 10, 16) = '7'",
	"ABS(i32) = 1", "SIGN(i32) = -1", "CEIL(d) = 2", "FLOOR(d) = 1", "ROUND(d) = 2", "ROUND(dec1, 1) = 10.5", "TRUNCATE(d, 1) = 3.1", "MOD(i32, 5) = 2", "POW(i32, 2) = 49", "SQRT(i32) > 2", "EXP(0) = 1", "LN(d) > 0", "LOG(2, 8) = 3", "LOG10(100) = 2", "LOG2(8) = 3",
	"GREATEST(i32, 5) = 7", "LEAST(i32, 5) = 5", "GREATEST(vc, 'b') = 'b'", "BIT_COUNT(u8) = 2", "INTERVAL(i32, 1, 5, 10) = 2", "PI() > 3", "DEGREES(PI()) = 180", "SIN(0) = 0",
	"IFNULL(i32, 7) = 7", "IFNULL(vc, 'x') = 'x'", "ISNULL(vc)", "IF(i32 > 5, vc, vcb) = 'abc' COLLATE utf8mb4_bin",
	"vc = vcb", "vc COLLATE utf8mb4_bin = 'abc'", "vc = 'ABC' COLLATE utf8mb4_bin", "vcb COLLATE utf8mb4_general_ci = 'ABC'", "BINARY vc = 'abc'", "CAST(vc AS BINARY) = 'abc'", "vc = ch", "lat = 'É'", "lat = 'e'", "lat IN ('É', 'ß')", "vc = 'ß'", "vuc = 'ss'", "vdef = 'é'", "vdef = 'A '", "vc = 'a'", "vuc = 'Ångström'", "vc > 'ひ'",
	"CAST(vc AS SIGNED) = 7", "CAST(vc AS UNSIGNED) = 7", "CAST(vc AS DECIMAL(10,2)) = 7", "CAST(i32 AS CHAR) = '7'", "CAST(d AS SIGNED) = 2", "CAST(dtm AS DATE) = '2026-11-21'", "CAST('2026-11-21' AS DATE) = dt", "CAST(dt AS DATETIME) = dtm", "CONVERT(i32, CHAR) = '7'", "CONVERT(vc USING latin1) = 'abc'", "CAST(i32 AS DOUBLE) = 7",
	"vc = 7", "vc > 5", "vc + 0 = 7", "vc * 1 > 0", "vc", "NOT vc", "i32", "d", "NOT i32", "!i32", "i32 IS TRUE", "i32 IS NOT FALSE", "i32 IS UNKNOWN", "vc IS TRUE", "dt", "i32 AND vc",
	"bin = 'a'", "bin = 'a\\0\\0\\0'", "vbin = 'abc'", "vbin = 'ABC'", "vbin = x'00ff'", "vbin LIKE 'a%'", "blb = 'abc'", "blb > 'a'", "HEX(vbin) = '00FF'", "LENGTH(bin) = 4",
	"en = 'small'", "en = 'SMALL'", "en IN ('small', 'large')", "en <> 'large'", "en LIKE 's%'", "en = 1", "en > 'm'", "en + 0 = 2", "en = 'é'", "en", "en = vc", "LOWER(en) = 'medium'", "CONCAT(en, 'x') = 'smallx'", "en REGEXP '^s'", "en BETWEEN 'a' AND 'm'", "en IS NULL",
	"st = 'a,b'", "st = 'b,a'", "st LIKE '%b%'", "FIND_IN_SET('b', st)", "st & 2", "st = 3", "st = ''", "st IN ('a', 'a,c')", "st > 'a'", "st",
	"js->'$.a' = 1", "js->>'$.a' = '1'", "js->>'$.b' = 'x'", "js->'$.b' = 'x'", "JSON_EXTRACT(js, '$.a') > 0", "JSON_EXTRACT(js, '$.c[0]') = 1", "JSON_UNQUOTE(JSON_EXTRACT(js, '$.b')) LIKE 'x%'", "JSON_EXTRACT(js, '$.t') = true", "JSON_EXTRACT(js, '$.a') IS NULL", "JSON_CONTAINS_PATH(js, 'one', '$.a')",
	"JSON_CONTAINS_PATH(js, 'all', '$.a', '$.b')", "JSON_CONTAINS(js, '1', '$.a')", "JSON_LENGTH(js) = 3", "JSON_DEPTH(js) > 1", "JSON_TYPE(js) = 'OBJECT'", "JSON_VALID(js)", "js = '7'", "js = 7", "js IS NOT NULL", "JSON_EXTRACT(js, '$.a') = 1.5", "JSON_EXTRACT(js, '$.a') IN (1, 2)", "JSON_EXTRACT(js, '$.a') BETWEEN 0 AND 2", "JSON_KEYS(js) IS NOT NULL", "JSON_VALUE(js, '$.a') = 1", "1 MEMBER OF (js->'$.c')", "JSON_OVERLAPS(js, '[1]')",
	"LENGTH(js->>'$.b') = 1", "CAST(js->>'$.a' AS SIGNED) = 1", "js->>'$.a' > 0", "js->>'$.a' IS NULL", "JSON_EXTRACT(js, '$.b') = 'X'", "JSON_UNQUOTE(js->'$.a') = 1",
	"JSON_LENGTH(js, '$.c') = 3", "JSON_CONTAINS(js, '\"x\"', '$.b')", "JSON_CONTAINS(js, '2')", "JSON_CONTAINS(js, '[1, 3]')", "NOT JSON_CONTAINS(js, '2', '$.c')", "JSON_CONTAINS(js, '{\"a\": 1}')", "JSON_CONTAINS(js, '[1, {\"d\": null}]', '$.c')", "JSON_CONTAINS(js, '1.0', '$.a')", "JSON_CONTAINS(js, 'null', '$.a')", "JSON_CONTAINS(js, JSON_QUOTE('str'))", "JSON_CONTAINS(js, 'true')", "JSON_CONTAINS(js, '[]')", "JSON_CONTAINS(js, '{}')", "JSON_CONTAINS(js, '7') = 1", "JSON_CONTAINS(js, '[7]')", "JSON_EXTRACT(js, '$.a') = 1", "JSON_UNQUOTE(JSON_EXTRACT(js, '$.a')) = '1'", "JSON_UNQUOTE(JSON_EXTRACT(js, '$.b')) = 'x'", "JSON_UNQUOTE(JSON_EXTRACT(js, '$.b')) = 'X'", "JSON_EXTRACT(js, '$.b') = 'x'", "JSON_EXTRACT(js, '$.b') > 'A'", "JSON_EXTRACT(js, '$.c[2].d') IS NULL", "JSON_EXTRACT(js, '$.a') <> 1", "JSON_EXTRACT(js, '$[1]') = 2", "JSON_EXTRACT(js, '$.a') + 1 = 2", "CAST(JSON_EXTRACT(js, '$.a') AS SIGNED) = 1", "JSON_UNQUOTE(JSON_EXTRACT(js, '$.a')) > 0", "JSON_EXTRACT(js, '$.t')", "JSON_EXTRACT(js, '$.a') = i32", "LENGTH(JSON_EXTRACT(js, '$.b')) > 2", "JSON_EXTRACT(js, '$.a', '$.b') IS NOT NULL", "js LIKE '%x%'", "JSON_UNQUOTE(JSON_EXTRACT(js, '$.a')) IN ('1', '-3')",
	"FIND_IN_SET('b', st) > 0", "FIND_IN_SET('B', st) = 0", "NOT FIND_IN_SET('c', st)", "FIND_IN_SET('abc', vc)", "EXTRACT(MONTH FROM dtm) = 11", "EXTRACT(DAY FROM dt) > 20", "en = 'small' OR FIND_IN_SET('a', st)", "LEFT(en, 1) = 's'", "TRIM(en) = 'small'", "COALESCE(en, 'none') = 'none'", "CASE en WHEN 'SMALL' THEN 1 ELSE 0 END", "IF(en = 'large', 1, 0)",
	"yr < 26", "yr IN (26, 99)", "yr BETWEEN 0 AND 26", "yr = '0'", "yr = '99'", "yr <> 99", "IF(yr = 26, 1, 0)", "dt > '2026-1-1'", "dtm = '2026-11-21T01:13:15'", "dt IN ('2026-11-21')", "dt = dtm", "ts3 = dtm6", "dt >= ts", "tm = tm3", "tm > tm3", "i8 = u64", "i64 > u64", "u64 = i8", "ch = vc", "ch > vc", "vc <=> ch", "bt = i8", "yr > i32", "vbin = bin", "blb > vbin", "en = 'x'", "lat = vc COLLATE utf8mb4_bin",
	"vc LIKE '%ß%'", "vuc LIKE 'ä%'", "vdef LIKE 'É'", "vc LIKE ''", "vc LIKE '%'", "vc LIKE 'a '", "vc LIKE 'A_C'", "lat LIKE '_'", "lat LIKE 'É'", "lat LIKE '%e%'", "ch LIKE 'a%'", "vbin LIKE '%\\0%'", "blb LIKE 'a_c'", "en LIKE '_e%'", "st LIKE 'a%'", "txt LIKE '%日%'", "vcb LIKE '%A%'", "vuc LIKE 'a__'", "vuc LIKE '%ss%'", "vc LIKE '😀'", "vdef LIKE '%é%'", "vc LIKE 'a\\\\b'", "NOT vc LIKE 'a%'", "vc LIKE vcb", "vc LIKE CONCAT('a', '%')", "LOWER(vc) LIKE 'a%'", "LOWER(lat) = 'é'", "UPPER(lat) = 'ABC'", "LOWER(vuc) = 'abc'", "UPPER(vdef) = 'ABC'", "LOWER(txt) IN ('abc', 'a')", "UPPER(ch) = 'ABC'", "CONCAT(LOWER(vc), 'x') = 'abcx'",
	"(i32, vc) = (7, 'abc')", "(i32, i8) IN ((7, 7), (1, 1))", "(i32, i8) > (1, 1)",
	"i32 = NULL", "i32 <=> NULL", "NULL", "TRUE", "FALSE", "1", "0", "1 = 1", "i32 = 7 OR NULL", "NOT NULL", "i32 IN (7, NULL)", "i32 NOT IN (7, NULL)", "NULL IS NULL", "i32 <=> i8",
	"INET_ATON('10.0.0.1') = 167772161", "IS_IPV4(vc)", "INET6_NTOA(INET6_ATON('::1')) = '::1'",
	"i32 BETWEEN 1 AND 7", "vc BETWEEN 'a' AND 'b'", "7 BETWEEN i8 AND i32", "i32 NOT BETWEEN 1 AND 7", "dec1 BETWEEN 1 AND 20", "dt BETWEEN '2026-01-01' AND '2026-12-31'",
	"vuc = x'c3a9'", "vdef < x'C3A9'", "vuc IN (0xc3a9, 'a')", "lat = x'e9'", "vc > b'01100001'", "IF(vuc >= x'c3a9', 1, 0)", "IF(lat >= x'e9', 1, 0)",
	"i32 / 3 = 2.3333", "i32 / 3 > 2.3333", "i32 / 3 < 2.3334", "dec1 / 7 = 1.5", "dec1 / 7 = 0.014286", "-i32 / 3 = -2.3333", "i32 / 3.0 = 2.3333", "i32 / 0.3 = 23.3333", "(i32 + 0.5) / 3 = 2.50000", "(i32 + 0.5) / 7 = 1.07143", "f / 3 > 0.5", "d / 3 = 0.5", "(dec1 * dec1) / 3 = 36.75000000",
	"i32 / 3 + 1 = 3.3333", "i64 / 7 = 1.0000", "u64 / 3 = 2.3333", "i32 / dec1 > 1", "i32 / i8 = 0.1429", "yr / 7 = 289.4286", "bt / 3 = 1.6667", "COALESCE(i32 / 3, 0) = 2.3333", "i32 / 3 = u8 / 3", "i32 / '3' > 2", "ROUND(i32 / 3, 3) = 2.333", "FLOOR(i32 / 3) = 2", "i32 / 3 IS NULL", "dec2 / 3 = 0.03333333333333",
	"ts3 < '1000-01-01'", "ts > '1969-12-31'", "IF(ts3 >= '1000-01-01', 1, 0)", "ts3 BETWEEN '1000-01-01' AND '2026-11-21'", "ts3 <> '1000-01-01'",
	"i32 > ALL (SELECT 1)", "i64 + 1 > 0", "u64 - 1 >= 0", "i64 * 2 > 0", "i32 / 0 IS NULL", "i32 % 0 IS NULL", "u8 - 10 < 0",
}
