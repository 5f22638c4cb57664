package where

// traits is what has to be known of a function: how its result compares, and
// which columns it takes for what they are.
type traits uint16

const (
	givesText traits = 1 << iota // in the collation of its arguments
	givesDate
	givesTime
	givesAny // what its arguments are; without any of these: a number

	takesNumbers  // FLOAT, BIT and YEAR, whose text form is not the number's
	takesDates    // and no numbers: each server makes a date of a number in its own way
	takesTimes    // or dates, and no numbers
	takesLabels   // ENUM and SET as text, not as their number
	refusesBinary // BINARY and the like
	foldsCase
	changes // it has another value each time, or elsewhere: refused

	plain traits = 0
)

// functions are those that where may name: they depend on their arguments alone,
// and the differential test compares each with MySQL and MariaDB. Those that
// change are here so that their refusal can say why.
var functions = map[string]traits{
	"abs": takesNumbers, "acos": takesNumbers, "ascii": plain, "asin": takesNumbers, "atan": takesNumbers,
	"atan2": takesNumbers, "bin": givesText, "bit_count": takesNumbers | refusesBinary, "bit_length": plain,
	"ceil": takesNumbers, "ceiling": takesNumbers, "char_length": takesLabels, "character_length": takesLabels,
	"coalesce": givesAny | takesNumbers | takesLabels, "concat": givesText | takesLabels,
	"concat_ws": givesText | takesLabels, "conv": givesText, "cos": takesNumbers, "cot": takesNumbers,
	"crc32": plain, "date": givesDate | takesDates, "date_format": givesText | takesDates, "datediff": takesDates,
	"day": takesDates, "dayofmonth": takesDates, "dayofweek": takesDates, "dayofyear": takesDates,
	"degrees": takesNumbers, "elt": givesText, "exp": takesNumbers, "field": plain, "find_in_set": plain,
	"floor": takesNumbers, "from_base64": givesAny | givesText, "from_days": givesDate,
	"greatest": givesAny | takesNumbers, "hex": givesText, "hour": takesTimes, "if": givesAny | takesNumbers,
	"ifnull": givesAny | takesNumbers | takesLabels, "inet6_aton": givesAny, "inet6_ntoa": givesText,
	"inet_aton": plain, "inet_ntoa": givesText, "instr": takesLabels, "is_ipv4": plain, "is_ipv6": plain,
	"isnull": takesNumbers, "json_depth": plain, "json_length": plain, "last_day": givesDate | takesDates,
	"lcase": givesText | takesLabels | foldsCase, "least": givesAny | takesNumbers, "left": givesText | takesLabels,
	"length": takesLabels, "ln": takesNumbers, "log": takesNumbers, "log10": takesNumbers,
	"log2": takesNumbers, "lower": givesText | takesLabels | foldsCase, "lpad": givesText,
	"makedate": givesDate, "maketime": givesTime, "md5": givesText, "microsecond": takesTimes,
	"minute": takesTimes, "mod": takesNumbers, "month": takesDates, "monthname": givesText | takesDates,
	"nullif": givesAny | takesNumbers, "oct": givesText, "octet_length": plain, "ord": plain, "period_add": plain,
	"period_diff": plain, "pi": takesNumbers, "pow": takesNumbers, "power": takesNumbers,
	"quarter": takesDates, "radians": takesNumbers, "repeat": givesText, "replace": givesText | takesLabels,
	"reverse": givesText | takesLabels, "right": givesText | takesLabels, "round": takesNumbers,
	"rpad": givesText, "sec_to_time": givesTime, "second": takesTimes, "sha": givesText,
	"sha1": givesText, "sha2": givesText, "sign": takesNumbers, "sin": takesNumbers,
	"space": givesText, "sqrt": takesNumbers, "strcmp": plain, "tan": takesNumbers,
	"time": givesTime | takesTimes, "time_to_sec": takesTimes, "to_base64": givesText, "to_days": takesDates,
	"to_seconds": takesDates, "truncate": takesNumbers, "ucase": givesText | takesLabels | foldsCase,
	"unhex": givesAny | givesText, "upper": givesText | takesLabels | foldsCase, "week": takesDates,
	"weekday": takesDates, "weekofyear": takesDates, "year": takesDates, "yearweek": takesDates,

	"benchmark": changes, "connection_id": changes, "convert_tz": changes, "curdate": changes, "current_date": changes, "current_role": changes,
	"current_time": changes, "current_timestamp": changes, "current_user": changes, "curtime": changes, "database": changes, "found_rows": changes,
	"from_unixtime": changes, "get_lock": changes, "is_free_lock": changes, "is_used_lock": changes, "last_insert_id": changes, "load_file": changes,
	"localtime": changes, "localtimestamp": changes, "master_pos_wait": changes, "now": changes, "rand": changes, "random_bytes": changes,
	"release_all_locks": changes, "release_lock": changes, "row_count": changes, "schema": changes, "session_user": changes, "sleep": changes,
	"source_pos_wait": changes, "sysdate": changes, "system_user": changes, "unix_timestamp": changes, "user": changes, "utc_date": changes,
	"utc_time": changes, "utc_timestamp": changes, "uuid": changes, "uuid_short": changes, "version": changes,
}
