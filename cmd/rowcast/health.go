package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

type healthCmd struct {
	configFlag
	URL string `arg:"" optional:"" name:"url" help:"Where it listens. Default: [http] listen of the config."`
}

func (healthCmd) Help() string {
	return `Exits 0 when the rowcast at URL answers /healthz, and 1 when not. The process is well also while
the database is away; whether it is connected and caught up is at /readyz.

  rowcast health
  rowcast health http://127.0.0.1:8080/readyz`
}

func (h *healthCmd) Run(c *console) error {
	url := h.URL
	if url == "" {
		conf, err := h.load(c)
		if err != nil {
			return err
		}
		url = browserURL(string(conf.HTTP.Listen))
	}
	if rest := strings.TrimPrefix(strings.TrimPrefix(url, "http://"), "https://"); !strings.Contains(strings.TrimSuffix(rest, "/"), "/") {
		url = strings.TrimSuffix(url, "/") + "/healthz"
	}
	ctx, cancel := context.WithTimeout(c.ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usageError{fmt.Errorf("%q is no URL; write it as http://127.0.0.1:8080", url)}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no answer: %w; is rowcast running?", err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", url, resp.Status, strings.Join(strings.Fields(string(text)), " "))
	}
	_, err = fmt.Fprintln(c.stdout, "ok")
	return err
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
	return "http://" + net.JoinHostPort(host, port)
}
