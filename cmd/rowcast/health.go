package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

type healthCmd struct {
	configFlag
	URL string `arg:"" optional:"" name:"url" help:"Where it listens. Default: [http] listen of the config, or ROWCAST_HTTP_LISTEN."`
}

func (healthCmd) Help() string {
	return `Exits 0 when the rowcast at URL answers /healthz, and 1 when not. The process is healthy also while
the database is away; whether it is connected and caught up is at /readyz. Of the config nothing counts
but where it listens: a running rowcast does not use a config that it refuses.

  rowcast health
  rowcast health http://127.0.0.1:8080/readyz`
}

func (h *healthCmd) Run(c *console) error {
	target := h.URL
	if target == "" {
		listen, err := h.listen(c)
		if err != nil {
			return err
		}
		target = browserURL(listen)
	}
	if rest := strings.TrimPrefix(strings.TrimPrefix(target, "http://"), "https://"); !strings.Contains(strings.TrimSuffix(rest, "/"), "/") {
		target = strings.TrimSuffix(target, "/") + "/healthz"
	}
	ctx, cancel := context.WithTimeout(c.ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return usageError{fmt.Errorf("%q is not a URL; write it as http://127.0.0.1:8080", target)}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no answer: %w; is rowcast running?", err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", target, resp.Status, strings.Join(strings.Fields(string(text)), " "))
	}
	_, err = fmt.Fprintln(c.stdout, "ok")
	return err
}

// listen is where a rowcast with this config and environment listens. The
// config is searched, not checked: the process that is asked about may have read
// an earlier version of it.
func (f configFlag) listen(c *console) (string, error) {
	listen, ok := c.variable("ROWCAST_HTTP_LISTEN")
	if !ok {
		file, err := f.path(c)
		if err != nil {
			return "", err
		}
		listen = listenIn(file)
	}
	if _, port, err := net.SplitHostPort(listen); err != nil || port == "0" {
		return "", fmt.Errorf("[http] listen is %q, which does not tell the port; give the URL, as in rowcast health http://127.0.0.1:8080", listen)
	}
	return listen, nil
}

// listenIn is [http] listen of a file, as far as it can be read; else its default.
func listenIn(file string) string {
	listen := string(defaultConfig().HTTP.Listen)
	text, err := os.ReadFile(file)
	if err != nil {
		return listen
	}
	var tree map[string]any
	_, err = toml.Decode(string(text), &tree)
	var parse toml.ParseError
	if errors.As(err, &parse) { // up to the mistake it may do
		lines := strings.SplitAfter(string(text), "\n")
		_, _ = toml.Decode(strings.Join(lines[:min(max(parse.Position.Line-1, 0), len(lines))], ""), &tree)
	}
	if section, ok := tree["http"].(map[string]any); ok {
		if found, ok := section["listen"].(string); ok {
			return found
		}
	}
	return listen
}

// browserURL is an address as a person on this machine would open it.
func browserURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return (&url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}).String()
}
