package schema

import (
	"errors"
	"reflect"
	"testing"

	"rowcast/internal/throwaway"
)

// TestLoad: odd names, views, patterns, and tables that are not there.
func TestLoad(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f)
		err := s.Exec("CREATE DATABASE `o'd``d%_`", "CREATE DATABASE oXdXdXX", "CREATE TABLE `o'd``d%_`.`t''\\``` (`c``'` INT, `é` VARCHAR(3), PRIMARY KEY (`é`, `c``'`))",
			"CREATE TABLE `o'd``d%_`.tb (id INT)", "CREATE TABLE oXdXdXX.tb (id INT)", "CREATE VIEW `o'd``d%_`.v AS SELECT 1 AS one")
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Conn()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		schema := "o'd`d%_"
		def, err := Load(c, schema, "t''\\`")
		if err != nil {
			t.Fatal(err)
		}
		if len(def.Columns) != 2 || def.Columns[0].Name != "c`'" || !reflect.DeepEqual(def.Key, []int{1, 0}) {
			t.Errorf("%+v", def)
		}
		for _, name := range []string{"v", "nosuch", "' OR '1'='1", "%"} {
			if _, err := Load(c, schema, name); !errors.Is(err, ErrNoTable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for pattern, want := range map[[2]string]int{{schema, "*"}: 2, {schema, "t*"}: 2, {schema, "t_"}: 0, {"o*", "tb"}: 2, {schema, "v"}: 0, {"%", "%"}: 0} {
			defs, err := LoadMatching(c, pattern[0], pattern[1])
			if err != nil || len(defs) != want {
				t.Errorf("%v: %d tables, %v", pattern, len(defs), err)
			}
		}
	})
}

// TestIndexes: those that rows can be read from in an order of columns.
func TestIndexes(t *testing.T) {
	throwaway.Each(t, func(t *testing.T, f throwaway.Flavor) {
		s := throwaway.Test(t, f)
		invisible, expression := "INDEX i5 (a) INVISIBLE", ", INDEX i6 (a, (b + 1), id), INDEX i7 ((b + 1))"
		if f == throwaway.MariaDB {
			invisible, expression = "INDEX i5 (a) IGNORED", ""
		}
		err := s.Exec("CREATE DATABASE d", "CREATE TABLE d.t (a INT, id INT, b INT, c VARCHAR(99), g POINT NOT NULL, PRIMARY KEY (id, a), INDEX i1 (b, a), UNIQUE i2 (b), INDEX i3 (a, c(5), b), INDEX i4 (c(5)), "+
			invisible+expression+", FULLTEXT i8 (c), SPATIAL INDEX i9 (g))", "CREATE TABLE d.m (a INT, INDEX (a)) ENGINE=MyISAM")
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Conn()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		want := [][]string{{"b", "a"}, {"b"}, {"a"}, {"id", "a"}}
		if f == throwaway.MySQL {
			want = [][]string{{"b", "a"}, {"b"}, {"a"}, {"a"}, {"id", "a"}}
		}
		def, err := Load(c, "d", "t")
		if err != nil || !reflect.DeepEqual(def.Indexes, want) || !reflect.DeepEqual(def.Key, []int{1, 0}) || def.Engine != "InnoDB" {
			t.Errorf("%v, key %v, %s, %v; want %v", def.Indexes, def.Key, def.Engine, err, want)
		}
		defs, err := LoadMatching(c, "d", "*")
		if err != nil || len(defs) != 2 || defs[0].Engine != "MyISAM" || !reflect.DeepEqual(defs[0].Indexes, [][]string{{"a"}}) || !reflect.DeepEqual(defs[1].Indexes, want) {
			t.Errorf("%+v, %v", defs, err)
		}
	})
}

func TestParseLabels(t *testing.T) {
	for text, want := range map[string][]string{
		"enum('a')": {"a"}, "set('a','b,c','d''e','(',')')": {"a", "b,c", "d'e", "(", ")"}, `enum('\\','\n','')`: {`\`, "\n", ""},
		"enum(": nil, "enum": nil, "enum('a": nil, "enum('a'": nil, "enum('a',": nil, "enum()": nil,
	} {
		if got := parseLabels(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q", text, got)
		}
	}
}
