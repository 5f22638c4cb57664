package filters

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"rowcast/cdc"
	"rowcast/cdc/row"
	"rowcast/filters/internal/where"
)

// KeySQL is what follows WHERE in SQL for the row of t that has a primary key, which is
// written as events have it: {"id":7}.
func KeySQL(t *cdc.Table, key string) (string, error) {
	if len(t.Key) == 0 {
		return "", fmt.Errorf("%s has no primary key", t)
	}
	var names, clauses []string
	for _, i := range t.Key {
		names = append(names, t.Columns[i].Name)
	}
	values := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(key))
	decoder.UseNumber()
	err := decoder.Decode(&values)
	if err != nil || decoder.More() || len(values) != len(names) {
		return "", fmt.Errorf(`%s is not a key of %s; write it as events have it, as {"%s":…}`, key, t, strings.Join(names, `":…,"`))
	}
	for name, value := range values {
		at := -1
		for _, i := range t.Key {
			if strings.EqualFold(t.Columns[i].Name, name) {
				at = i
			}
		}
		if at < 0 {
			return "", fmt.Errorf("%s is not a column of the primary key of %s (%s)", name, t, strings.Join(names, ", "))
		}
		literal, err := keyLiteral(&t.Columns[at], value)
		if err != nil {
			return "", fmt.Errorf("column %s: %w", name, err)
		}
		clauses = append(clauses, where.QuoteName(t.Columns[at].Name)+" = "+literal)
	}
	return strings.Join(clauses, " AND "), nil
}

var utcTime = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$`)

// keyLiteral is a value of an event's key in SQL.
func keyLiteral(c *cdc.Column, value any) (string, error) {
	switch v := value.(type) {
	case json.Number:
		return v.String(), nil
	case []any: // of a SET
		var labels []string
		for _, label := range v {
			labels = append(labels, fmt.Sprint(label))
		}
		return textLiteral(strings.Join(labels, ",")), nil
	case string:
		switch {
		case c.Collation == row.BinaryCollation && c.Kind == row.Plain:
			b, err := base64.StdEncoding.DecodeString(v)
			if err != nil {
				return "", fmt.Errorf("%q is not base64, as bytes are written", v)
			}
			return fmt.Sprintf("x'%x'", b), nil
		case strings.HasPrefix(c.TypeName(), "TIMESTAMP") && utcTime.MatchString(v):
			v = strings.TrimSuffix(v, "Z")
		}
		return textLiteral(v), nil
	}
	return "", errors.New("a key holds numbers and texts")
}

func textLiteral(text string) string {
	return fmt.Sprintf("_utf8mb4 x'%x'", bytes.ToValidUTF8([]byte(text), []byte("\ufffd")))
}
