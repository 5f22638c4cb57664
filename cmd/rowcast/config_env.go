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

// setting is a key outside [[table]].
type setting struct {
	key   string
	value reflect.Value
}

func (c *config) settings() (all []setting) {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		section := v.Type().Field(i).Tag.Get("toml")
		if section == "" || v.Field(i).Kind() != reflect.Struct {
			continue
		}
		for j := range v.Field(i).NumField() {
			all = append(all, setting{section + "." + v.Field(i).Type().Field(j).Tag.Get("toml"), v.Field(i).Field(j)})
		}
	}
	return all
}

// envName is the variable of a key: stream.max_replays is ROWCAST_STREAM_MAX_REPLAYS.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// variables are the keys that the environment sets. A variable that begins with
// ROWCAST_ and is not a key is refused like an unknown key of the file.
func variables(env []string) (map[string]string, error) {
	set, keys := map[string]string{}, map[string]string{}
	var names []string
	for _, s := range defaultConfig().settings() {
		keys[envName(s.key)] = s.key
		names = append(names, envName(s.key))
	}
	for _, pair := range env {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(otherVariables, name) || fromKubernetes(name, env) {
			continue
		}
		key, ok := keys[name]
		if !ok {
			return nil, fmt.Errorf("environment: %s is not a setting%s; unset it", name, didYouMean(name, names))
		}
		set[key] = text
	}
	return set, nil
}

// setVariables lets variables override keys.
func (c *config) setVariables() error {
	for _, s := range c.settings() {
		if text, ok := c.fromEnv[s.key]; ok {
			if err := setText(s.value, text); err != nil {
				return c.mistake(s.key, "%v", err)
			}
		}
	}
	return nil
}

var serviceVariable = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_.+)?)$`)

// fromKubernetes tells whether Kubernetes has set a variable: a Service whose name
// begins with rowcast gives every pod of its namespace variables that begin like ours.
func fromKubernetes(name string, env []string) bool {
	if !slices.ContainsFunc(env, func(pair string) bool { return strings.HasPrefix(pair, "KUBERNETES_SERVICE_HOST=") }) {
		return false
	}
	return serviceVariable.MatchString(name)
}

// setText stores a value that is written without TOML's types; lists are
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
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(int64(n))
	case reflect.Uint32:
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is not a whole number from 0 to %d", text, uint32(math.MaxUint32))
		}
		v.SetUint(n)
	case reflect.Slice: // of strings
		v.Set(reflect.ValueOf(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })))
	default:
		panic("no way to read a " + v.Type().String() + " from a variable")
	}
	return nil
}
