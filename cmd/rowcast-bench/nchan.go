//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"rowcast/internal/program"
)

const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

// nginxConf is nchan as it is fastest here: events from shared memory, one worker
// a core, no log.
const nginxConf = `
load_module ` + nchanModule + `;
worker_processes %d;
worker_rlimit_nofile %d;
%s
daemon off;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 65536; use epoll; multi_accept on; }
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	tcp_nodelay on;
	keepalive_requests 100000000;
	keepalive_timeout 3600s;
	nchan_shared_memory_size 256M;
	server {
		listen %s backlog=4096;
		location = /publish {
			nchan_publisher;
			nchan_channel_id bench;
			nchan_message_buffer_length 1000;
			nchan_message_timeout 10m;
		}
		location = /subscribe {
			nchan_subscriber eventsource;
			nchan_channel_id bench;
			nchan_subscriber_first_message newest;
			nchan_eventsource_ping_interval 15;
		}
	}
}
`

// findNginx returns nginx's path; "" where it or nchan is not installed.
func findNginx() string {
	if _, err := os.Stat(nchanModule); err != nil {
		return ""
	}
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// nchan starts nginx with nchan in a folder of its own.
func (b *bench) nchan() (*target, error) {
	dir, err := os.MkdirTemp(b.dir, "nginx-")
	if err != nil {
		return nil, err
	}
	addr, err := program.FreeAddr()
	if err != nil {
		return nil, err
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // the folder is ours alone
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(nginxConf, runtime.NumCPU(), maxClients(), user, addr)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	d, err := startDaemon([]string{findNginx(), "-p", dir, "-c", conf, "-e", filepath.Join(dir, "error.log")}, nil)
	if err != nil {
		return nil, err
	}
	web := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	t := &target{
		addr: addr, path: at("/subscribe"),
		pids: func() ([]int, error) {
			workers, err := childrenOf(d.PID())
			return append(workers, d.PID()), err
		},
		send: func(n int64) error { return publish(web, "http://"+addr+"/publish", n) },
		stop: func() error {
			web.CloseIdleConnections()
			return d.stop()
		},
	}
	if err := d.ready(b.ctx, func() error { return listens(addr) }); err != nil {
		return nil, errors.Join(err, t.stop())
	}
	return t, nil
}

func publish(web *http.Client, url string, n int64) error {
	resp, err := web.Post(url, "text/plain", strings.NewReader(body(time.Now().UnixNano(), n)))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("publish: %s", resp.Status)
	}
	return nil
}
