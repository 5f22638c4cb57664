package filters

import (
	"fmt"
	"strings"

	"vitess.io/vitess/go/vt/sqlparser"
)

// functions are those that are judged as the servers judge them: they depend on
// their arguments alone, and the differential test compares each with MySQL and
// MariaDB.
var functions = words(`
	abs acos ascii asin atan atan2 bin bit_count bit_length ceil ceiling char_length character_length
	coalesce concat concat_ws conv cos cot crc32 date date_format datediff day dayofmonth dayofweek dayofyear
	degrees elt exp field find_in_set floor from_base64 from_days greatest hex hour if ifnull inet6_aton inet6_ntoa
	inet_aton inet_ntoa instr is_ipv4 is_ipv6 isnull json_depth json_length last_day lcase least left length ln log log10 log2 lower
	lpad makedate maketime md5 microsecond minute mod month monthname nullif oct octet_length ord
	period_add period_diff pi pow power quarter radians repeat replace reverse right round rpad
	sec_to_time second sha sha1 sha2 sign sin space sqrt strcmp tan time time_to_sec to_base64 to_days
	to_seconds truncate ucase unhex upper week weekday weekofyear year yearweek`)

// changing are functions that give another answer each time, or elsewhere.
var changing = words(`
	benchmark connection_id current_date current_time current_timestamp current_user curdate curtime database
	found_rows get_lock is_free_lock is_used_lock last_insert_id load_file localtime localtimestamp
	master_pos_wait now rand random_bytes release_all_locks release_lock row_count schema session_user
	sleep sysdate system_user unix_timestamp user utc_date utc_time utc_timestamp uuid uuid_short version
	from_unixtime convert_tz current_role source_pos_wait`)

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// check walks the expression, refuses what can't be judged, and collects the
// columns it names.
func (w *where) check(e sqlparser.Expr) error {
	seen := map[string]bool{}
	depth := 0
	return sqlparser.Walk(func(n sqlparser.SQLNode) (bool, error) {
		if depth++; depth > maxWhere {
			return false, fmt.Errorf("it is too long")
		}
		if err := w.checkNode(n); err != nil {
			return false, err
		}
		if c, ok := n.(*sqlparser.ColName); ok {
			if name := c.Name.String(); !seen[strings.ToLower(name)] {
				seen[strings.ToLower(name)] = true
				w.columns = append(w.columns, name)
			}
		}
		return true, nil
	}, e)
}

func (w *where) refuse(word, format string, args ...any) error {
	return fmt.Errorf("%s%s", fmt.Sprintf(format, args...), place(w.source, word))
}

func (w *where) checkNode(n sqlparser.SQLNode) error {
	switch n := n.(type) {
	case nil, sqlparser.BoolVal, *sqlparser.NullVal, *sqlparser.Literal, *sqlparser.AndExpr, *sqlparser.OrExpr, *sqlparser.XorExpr,
		*sqlparser.NotExpr, *sqlparser.IsExpr, *sqlparser.BinaryExpr, sqlparser.ValTuple, *sqlparser.BetweenExpr, *sqlparser.CaseExpr, *sqlparser.When,
		*sqlparser.CollateExpr, *sqlparser.UnaryExpr, *sqlparser.CastExpr, *sqlparser.ConvertType, *sqlparser.ConvertExpr,
		sqlparser.IdentifierCI, sqlparser.IdentifierCS, sqlparser.TableName,
		*sqlparser.TrimFuncExpr, *sqlparser.SubstrExpr, *sqlparser.LocateExpr, *sqlparser.InsertExpr,
		*sqlparser.IntervalDateExpr, *sqlparser.IntervalFuncExpr, *sqlparser.RegexpLikeExpr,
		*sqlparser.JSONUnquoteExpr, *sqlparser.JSONContainsPathExpr:
		return nil
	case *sqlparser.ColName:
		if !n.Qualifier.IsEmpty() {
			return w.refuse(n.Name.String(), "write the column %s without its table", n.Name.String())
		}
		return nil
	case *sqlparser.JSONExtractExpr:
		for _, path := range n.PathList {
			if _, ok := path.(*sqlparser.Literal); !ok {
				return w.refuse("json_extract", "the path of JSON_EXTRACT or -> must be a literal, such as '$.name'")
			}
		}
		return nil
	case *sqlparser.JSONContainsExpr, *sqlparser.JSONQuoteExpr:
		return nil // judged where its column is known
	case *sqlparser.JSONAttributesExpr:
		if n.Type != sqlparser.LengthAttributeType && n.Type != sqlparser.DepthAttributeType {
			return w.refuse(n.Type.ToString(), "%s is not supported in where", n.Type.ToString())
		}
		return nil
	case *sqlparser.ExtractFuncExpr:
		if extracts[n.IntervalType] == "" {
			return w.refuse("extract", "EXTRACT(%s FROM …) is not supported in where", n.IntervalType.ToString())
		}
		return nil
	case *sqlparser.Argument:
		if !paramName.MatchString(n.Name) || !strings.Contains(w.source, ":"+n.Name) {
			return w.refuse("?", "write a parameter as :name")
		}
		return nil
	case *sqlparser.ComparisonExpr:
		return w.checkComparison(n)
	case *sqlparser.FuncExpr:
		for _, arg := range n.Exprs {
			if f, ok := arg.(*sqlparser.FuncExpr); ok && f.Name.Lowered() == "find_in_set" {
				return w.refuse("find_in_set", "FIND_IN_SET can only be compared with 0")
			}
		}
		return w.checkFunction(n.Name.Lowered(), n.Qualifier.String())
	case *sqlparser.CurTimeFuncExpr:
		return w.checkFunction(n.Name.Lowered(), "")
	case *sqlparser.Subquery, *sqlparser.ExistsExpr:
		return w.refuse("select", "a subquery can't be judged from one row: name columns of this table only")
	case *sqlparser.Variable:
		return w.refuse("@", "variables have no value here; use a parameter (:name, declared in params)")
	case sqlparser.ListArg, *sqlparser.Offset:
		return w.refuse("::", "write a parameter as :name")
	case sqlparser.AggrFunc:
		return w.refuse(n.AggrName(), "%s looks at many rows, but where is judged for each row alone", n.AggrName())
	case *sqlparser.Default:
		return w.refuse("default", "default() is not supported in where")
	}
	text := ""
	if e, ok := n.(sqlparser.Expr); ok {
		text, _, _ = strings.Cut(sqlparser.String(e), "(")
		text = strings.TrimSpace(text)
	}
	if text == "" || len(text) > 64 {
		return fmt.Errorf("it holds something that is not supported in where")
	}
	return w.refuse(text, "%s is not supported in where", text)
}

func (w *where) checkFunction(name, qualifier string) error {
	switch {
	case changing[name]:
		return w.refuse(name, "%s() has another value each time, so that the same change would be judged differently later", name)
	case qualifier != "" || !functions[name]:
		known := make([]string, 0, len(functions))
		for f := range functions {
			known = append(known, f)
		}
		return w.refuse(name, "the function %s is not supported in where%s", name, didYouMean(name, known))
	}
	return nil
}

func (w *where) checkComparison(n *sqlparser.ComparisonExpr) error {
	if n.Modifier != sqlparser.Missing {
		return w.refuse("select", "a subquery can't be judged from one row: name columns of this table only")
	}
	for side, e := range []sqlparser.Expr{n.Left, n.Right} {
		f, ok := e.(*sqlparser.FuncExpr)
		if !ok || f.Name.Lowered() != "find_in_set" {
			continue
		}
		lit, ok := []sqlparser.Expr{n.Right, n.Left}[side].(*sqlparser.Literal)
		if !ok || lit.Val != "0" || side == 1 {
			return w.refuse("find_in_set", "FIND_IN_SET can only be compared with 0")
		}
	}
	switch n.Operator {
	case sqlparser.RegexpOp, sqlparser.NotRegexpOp:
		return w.checkPattern(n.Right, "regexp")
	case sqlparser.LikeOp, sqlparser.NotLikeOp:
		if n.Escape != nil {
			return w.refuse("escape", "LIKE … ESCAPE is not supported; escape with \\")
		}
	}
	return nil
}

// checkPattern: a pattern from a client could cost unbounded time.
func (w *where) checkPattern(e sqlparser.Expr, word string) error {
	lit, ok := e.(*sqlparser.Literal)
	if !ok || lit.Type != sqlparser.StrVal {
		return w.refuse(word, "the pattern of REGEXP must be a literal")
	}
	return nil
}
