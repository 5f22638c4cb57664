package main

import (
	"encoding"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// value stores a TOML value; it is false where that failed.
func (d *decoder) value(path string, x any, v reflect.Value) bool {
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		s, ok := x.(string)
		if !ok {
			d.fail(path, "it must be a string in quotes, as %s, not %s", example(v), found(x))
			return false
		}
		if err := text.UnmarshalText([]byte(s)); err != nil {
			d.fail(path, "%v", err)
			return false
		}
		return true
	}
	switch v.Kind() {
	case reflect.String:
		s, ok := x.(string)
		if _, hidden := v.Interface().(secret); !ok && hidden {
			x = nil
		}
		if !ok {
			d.fail(path, `it must be a string in quotes, as "…", not %s`, found(x))
			return false
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := x.(bool)
		if !ok {
			d.fail(path, "it must be true or false, without quotes, not %s", found(x))
			return false
		}
		v.SetBool(b)
	case reflect.Int, reflect.Uint32:
		n, ok := x.(int64)
		if !ok {
			d.fail(path, "it must be a whole number without quotes, not %s", found(x))
			return false
		}
		return d.number(path, n, v)
	case reflect.Struct:
		tree, ok := x.(map[string]any)
		if !ok {
			d.fail(path, "it must be a section, written [%s], not %s", path, found(x))
			return false
		}
		d.table(path, tree, v)
	case reflect.Slice:
		return d.list(path, x, v)
	case reflect.Map:
		return d.strings(path, x, v)
	default:
		panic("no way to read a " + v.Type().String() + " from TOML")
	}
	return true
}

func (d *decoder) number(path string, n int64, v reflect.Value) bool {
	if v.Kind() == reflect.Int {
		v.SetInt(n)
		return true
	}
	if n < 0 || n > math.MaxUint32 {
		d.fail(path, "%d is not from 0 to %d", n, uint32(math.MaxUint32))
		return false
	}
	v.SetUint(uint64(n))
	return true
}

func (d *decoder) list(path string, x any, v reflect.Value) bool {
	var items []any
	entries := v.Type().Elem().Kind() == reflect.Struct
	switch x := x.(type) {
	case []any:
		items = x
	case []map[string]any:
		for _, tree := range x {
			items = append(items, tree)
		}
	case map[string]any:
		if entries {
			d.fail(path, "each entry begins with [[%s]], in two brackets, not [%s]", path, path)
			return false
		}
	}
	if items == nil && !isList(x) {
		d.fail(path, `it must be a list in brackets, as ["a", "b"], not %s`, found(x))
		return false
	}
	all := reflect.MakeSlice(v.Type(), 0, len(items))
	before := len(d.errs)
	for i, item := range items {
		one := reflect.New(v.Type().Elem()).Elem()
		at := join(path, strconv.Itoa(i))
		if entries {
			one.FieldByName("Line").SetInt(int64(d.line(at)))
		}
		if d.value(at, item, one) {
			all = reflect.Append(all, one)
		}
	}
	v.Set(all)
	return len(d.errs) == before
}

func isList(x any) bool {
	switch x.(type) {
	case []any, []map[string]any:
		return true
	}
	return false
}

// strings reads a table of strings, as mask and params are.
func (d *decoder) strings(path string, x any, v reflect.Value) bool {
	tree, ok := x.(map[string]any)
	if !ok {
		d.fail(path, `it must be a table of strings, as { name = "…" }, not %s`, found(x))
		return false
	}
	all := map[string]string{}
	before := len(d.errs)
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		s, ok := tree[key].(string)
		if !ok {
			d.fail(join(path, key), `it must be a string in quotes, as "…", not %s`, found(tree[key]))
			continue
		}
		all[key] = s
	}
	v.Set(reflect.ValueOf(all))
	return len(d.errs) == before
}

// inRange holds a value against the field's range tag.
func (d *decoder) inRange(path string, f field) {
	if f.bound == "" {
		return
	}
	low, high, _ := strings.Cut(f.bound, " ")
	bounds := [2]reflect.Value{}
	for i, text := range []string{low, high} {
		bounds[i] = reflect.New(f.value.Type()).Elem()
		if err := setText(bounds[i], text); err != nil {
			panic("bad range tag: " + err.Error())
		}
	}
	if n := f.value.Int(); n < bounds[0].Int() || n > bounds[1].Int() {
		d.fail(path, "%v is out of range; write a value from %s to %s", f.value.Interface(), low, high)
	}
}

// found describes a TOML value of the wrong type. Strings are not shown: they
// may be secrets in the wrong place; nil stands for one.
func found(x any) string {
	switch x := x.(type) {
	case nil:
		return "what stands there"
	case string:
		return "a string"
	case bool:
		return strconv.FormatBool(x) + " without quotes"
	case int64, float64:
		return fmt.Sprintf("the number %v", x)
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "a list"
	}
	return "a date or time"
}

func example(v reflect.Value) string {
	switch v.Interface().(type) {
	case duration:
		return `"15s"`
	case size:
		return `"64MiB"`
	case sourceAddr, listenAddr:
		return `"127.0.0.1:8080"`
	case origin:
		return `"https://example.org"`
	}
	return `"…"`
}
