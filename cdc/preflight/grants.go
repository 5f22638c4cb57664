package preflight

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"rowcast/cdc/internal/sqlname"
)

// grants are the privileges of an account, its active roles included.
type grants struct {
	global  map[string]bool // in upper case
	revoked map[string]bool // schemas without SELECT, by MySQL's partial revokes
	schemas []string        // patterns with SELECT on all tables, as GRANT has them: % and _
	tables  map[string]bool // schema.table with SELECT
}

// privileges compares what the account may do with what is needed.
func (in *inspection) privileges() []Finding {
	if err := in.whoAmI(); err != nil {
		return []Finding{{Warn, "privileges", "can't ask for the account's grants: " + err.Error(), ""}}
	}
	g, err := in.loadGrants()
	if err != nil {
		return []Finding{{Warn, "privileges", "can't read the grants of " + in.account + ": " + err.Error(), ""}}
	}
	var missing, have []string
	monitor := "REPLICATION CLIENT"
	if in.MariaDB {
		monitor = "BINLOG MONITOR"
	}
	for _, need := range [][]string{{"REPLICATION SLAVE", "REPLICATION REPLICA"}, {monitor, "REPLICATION CLIENT"}} {
		if slices.ContainsFunc(need, g.has) {
			have = append(have, need[0])
		} else {
			missing = append(missing, need[0])
		}
	}
	var findings []Finding
	if len(missing) > 0 {
		list := strings.Join(missing, ", ")
		findings = append(findings, Finding{Fail, "privileges", fmt.Sprintf("%s lacks %s", in.account, list),
			fmt.Sprintf("GRANT %s ON *.* TO %s", list, in.account)})
	} else {
		findings = append(findings, Finding{What: "privileges", Found: in.account + " has " + strings.Join(have, ", ")})
	}
	return append(findings, in.mayRead(g)...)
}

// mayRead: information_schema shows an account the tables that it has some
// privilege on, and no others.
func (in *inspection) mayRead(g *grants) []Finding {
	var findings []Finding
	for _, name := range in.Tables {
		schema, table, _ := strings.Cut(name, ".")
		if g.mayRead(schema, table) {
			continue
		}
		on := "*.*"
		switch {
		case !strings.Contains(name, "*"):
			on = sqlname.Quote(schema) + "." + sqlname.Quote(table)
		case !strings.Contains(schema, "*"):
			on = sqlname.Quote(schema) + ".*"
		}
		f := Finding{Fail, "privileges", fmt.Sprintf("%s may not SELECT from %s", in.account, name),
			fmt.Sprintf("GRANT SELECT ON %s TO %s", on, in.account)}
		if strings.Contains(name, "*") {
			f.Level, f.Found = Warn, fmt.Sprintf("%s may not SELECT from all of %s; tables that it may not see can't be checked", in.account, name)
		}
		findings = append(findings, f)
	}
	return findings
}

func (in *inspection) whoAmI() error {
	rows, err := in.Query("SELECT CURRENT_USER()")
	if err != nil || len(rows) == 0 {
		return fmt.Errorf("ask for the account: %w", err)
	}
	at := strings.LastIndexByte(rows[0][0], '@')
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	in.account = quote(rows[0][0][:max(at, 0)]) + "@" + quote(rows[0][0][at+1:])
	return nil
}

func (in *inspection) loadGrants() (*grants, error) {
	show := []string{"SHOW GRANTS"}
	var role string
	if rows, err := in.Query("SELECT CURRENT_ROLE()"); err == nil && len(rows) == 1 {
		role = rows[0][0]
	}
	switch {
	case role == "" || role == "NONE":
	case !in.MariaDB:
		show = []string{"SHOW GRANTS FOR CURRENT_USER() USING " + role}
	default:
		show = append(show, "SHOW GRANTS FOR CURRENT_ROLE")
	}
	if in.MariaDB && in.atLeast(10, 11) {
		show = append(show, "SHOW GRANTS FOR PUBLIC")
	}
	g := &grants{global: map[string]bool{}, revoked: map[string]bool{}, tables: map[string]bool{}}
	for i, sql := range show {
		rows, err := in.Query(sql)
		if err != nil {
			if i > 0 {
				continue // nothing was granted to that role
			}
			return nil, err
		}
		for _, row := range rows {
			g.add(row[0])
		}
	}
	return g, nil
}

// grantText takes GRANT a, b ON `schema`.`table` TO …; what stands after TO
// may hold a password's hash and is not looked at.
var grantText = regexp.MustCompile("^(GRANT|REVOKE) (.+?) ON (?:TABLE )?(\\*|`(?:[^`]|``)*`)\\.(\\*|`(?:[^`]|``)*`) (?:TO|FROM) ")

var columnList = regexp.MustCompile(`\([^)]*\)`)

// unquoted is a name as grantText finds it: quoted, or a star.
func unquoted(name string) string {
	if name == "*" {
		return name
	}
	text, _, _ := sqlname.Unquote(name, false)
	return text
}

func (g *grants) add(text string) {
	m := grantText.FindStringSubmatch(text)
	if m == nil {
		return // of a role, a proxy, a procedure
	}
	schema, table := unquoted(m[3]), unquoted(m[4])
	for _, privilege := range strings.Split(columnList.ReplaceAllString(m[2], ""), ",") {
		privilege = strings.ToUpper(strings.TrimSpace(privilege))
		// SELECT on some columns makes a table visible too.
		reads := privilege == "SELECT" || strings.HasPrefix(privilege, "ALL")
		switch {
		case m[1] == "REVOKE":
			g.revoked[schema] = g.revoked[schema] || reads
		case m[3] == "*":
			g.global[privilege] = true
		case reads && m[4] == "*":
			g.schemas = append(g.schemas, schema)
		case reads:
			g.tables[schema+"."+table] = true
		}
	}
}

func (g *grants) has(privilege string) bool {
	return g.global[privilege] || g.global["ALL PRIVILEGES"] || g.global["ALL"]
}

// mayRead takes names with * too, and is true only where all of them are covered.
func (g *grants) mayRead(schema, table string) bool {
	if g.has("SELECT") && !g.revoked[schema] {
		return true
	}
	if g.tables[schema+"."+table] {
		return true
	}
	for _, pattern := range g.schemas {
		if likeGrant(pattern).MatchString(schema) {
			return true
		}
	}
	return false
}

// likeGrant is the pattern of a grant on databases: % any characters, _ one, \ takes their meaning.
func likeGrant(pattern string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`^(?s:`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case c == '%':
			b.WriteString(".*")
		case c == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	b.WriteString(`)$`)
	return regexp.MustCompile(b.String())
}
