package main

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestHouse holds who may import whom: dependencies point one way, and stream
// and filters meet in internal/renderer alone.
func TestHouse(t *testing.T) {
	allowed := map[string][]string{
		"cdc":                     {"cdc/internal/charset", "cdc/internal/ddl", "cdc/internal/format", "cdc/internal/jsonb", "cdc/internal/schema", "cdc/internal/sqlname", "cdc/internal/wire", "cdc/preflight", "cdc/row", "internal/throwaway"},
		"cdc/row":                 {"cdc/internal/charset", "cdc/internal/format", "cdc/internal/jsonb", "cdc/internal/sqlname", "cdc/internal/wire"},
		"cdc/preflight":           {"cdc/internal/sqlname"},
		"cdc/internal/charset":    {"cdc/internal/format", "internal/throwaway"},
		"cdc/internal/ddl":        {"cdc/internal/sqlname"},
		"cdc/internal/format":     {},
		"cdc/internal/jsonb":      {"cdc/internal/format", "cdc/internal/wire"},
		"cdc/internal/schema":     {"cdc/internal/charset", "cdc/internal/sqlname", "cdc/row", "internal/throwaway"},
		"cdc/internal/sqlname":    {},
		"cdc/internal/wire":       {},
		"filters":                 {"cdc", "cdc/row", "filters/internal/where", "internal/nearest", "internal/throwaway"},
		"filters/internal/where":  {"cdc/row", "internal/nearest"},
		"stream":                  {"cdc", "stream/frame", "stream/internal/fanout", "stream/internal/history", "stream/internal/rows", "stream/web", "internal/throwaway"},
		"stream/frame":            {"cdc", "internal/nearest"},
		"stream/internal/fanout":  {"cdc", "stream/frame", "stream/internal/history"},
		"stream/internal/history": {"cdc", "stream/frame"},
		"stream/internal/rows":    {"cdc", "cdc/row", "filters", "internal/renderer", "stream/frame"}, // the last two but one for tests
		"internal/renderer":       {"cdc", "filters", "stream/frame"},
		"internal/nearest":        {},
		"internal/program":        {},
		"internal/throwaway":      {"internal/program"},
		"internal/demo":           {"stream", "internal/throwaway"},
		"cmd/rowcast":             {"cdc", "cdc/row", "cdc/preflight", "filters", "stream", "stream/frame", "internal/renderer", "internal/demo", "internal/nearest", "internal/program", "internal/throwaway"},
	}
	for dir, may := range allowed {
		files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s holds no Go files: %v", dir, err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range parsed.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				room, ours := strings.CutPrefix(path, "rowcast/")
				ok := !ours
				for _, m := range may {
					ok = ok || room == m
				}
				if room == "internal/throwaway" && dir != "cmd/rowcast" && dir != "internal/demo" && !strings.HasSuffix(file, "_test.go") {
					ok = false // a server of its own is for tests, and for the demo
				}
				program := dir == "cmd/rowcast" && !strings.HasSuffix(file, "_test.go") // its tests know what servers answer
				if (strings.HasPrefix(dir, "stream") || program || dir == "internal/renderer") && strings.Contains(path, "go-mysql") || strings.HasPrefix(dir, "filters") && strings.Contains(path, "echo") {
					ok = false
				}
				if !ok {
					t.Errorf("%s imports %s", file, path)
				}
			}
		}
	}
}
