package main

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const envPrefix = "ROWCAST_"

// Variables with our prefix that are not keys of the file.
var otherVariables = []string{
	"ROWCAST_CONFIG",    // what --config says
	"ROWCAST_MYSQL_DIR", // where `make servers` has put MySQL
	"ROWCAST_NGINX_DIR", // and `make browsers` nginx
}

// envName is the variable of a key: stream.max_replays is ROWCAST_STREAM_MAX_REPLAYS.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// environment lets variables override keys. One that begins with ROWCAST_ and
// is no key is refused like an unknown key of the file.
func (d *decoder) environment(c *config, env []string) {
	known := map[string]field{}
	var names []string
	for _, section := range fields(reflect.ValueOf(c).Elem()) {
		if section.value.Kind() != reflect.Struct {
			continue
		}
		for _, f := range fields(section.value) {
			f.name = section.name + "." + f.name
			known[envName(f.name)] = f
			names = append(names, envName(f.name))
		}
	}
	for _, pair := range env {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(otherVariables, name) || fromKubernetes(name, env) {
			continue
		}
		f, ok := known[name]
		if !ok {
			d.errs = append(d.errs, mistake{text: fmt.Sprintf("environment: %s sets no key%s; unset it", name, didYouMean(name, names))})
			continue
		}
		d.drop(f.name)
		d.fromEnv[f.name] = true
		if err := setText(f.value, text); err != nil {
			d.fail(f.name, "%v", err)
			continue
		}
		d.inRange(f.name, f)
	}
}

// drop forgets what was wrong with a key of the file that a variable replaces.
func (d *decoder) drop(key string) {
	d.errs = slices.DeleteFunc(d.errs, func(m mistake) bool {
		return strings.Contains(m.text, ": "+key+": ") && !strings.Contains(m.text, "unknown key")
	})
}

var serviceVariable = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_.+)?)$`)

// fromKubernetes: a Service whose name begins with rowcast gives every pod beside
// it variables that begin like ours.
func fromKubernetes(name string, env []string) bool {
	if !slices.ContainsFunc(env, func(pair string) bool { return strings.HasPrefix(pair, "KUBERNETES_SERVICE_HOST=") }) {
		return false
	}
	return serviceVariable.MatchString(name)
}

// setText stores a value that was written without TOML's types; lists are
// separated by commas.
func setText(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		v.SetInt(int64(n))
	case reflect.Uint32:
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is no whole number from 0 to %d", text, uint32(math.MaxUint32))
		}
		v.SetUint(n)
	case reflect.Slice:
		items := reflect.MakeSlice(v.Type(), 0, 0)
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
			item := reflect.New(v.Type().Elem()).Elem()
			if err := setText(item, word); err != nil {
				return err
			}
			items = reflect.Append(items, item)
		}
		v.Set(items)
	default:
		panic("no way to read a " + v.Type().String() + " from a variable")
	}
	return nil
}
