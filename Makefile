# make demo     a throwaway database, a sample, and rowcast on it; ARGS=--auto picks by itself
# make test     everything, on real MySQL and MariaDB servers; installs what it needs (Debian)
# make soak     exactness under random faults, 15 minutes and a million changes per server; SOAK="-duration 1h"
# make lint     vet, gofmt, staticcheck
# make bench    rowcast compared with its peers, as in the README's tables; BENCH=decode, fanout, poll, rows or all
# make build    bin/rowcast, static
# make servers  installs MariaDB, and MySQL into a cache folder, for the tests and the demo
GO          ?= go
STATICCHECK ?= v0.8.2
SOAK        ?=
BENCH       ?= all
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# Packages at a time: one more than cores, since each waits for its servers; those are its
# own, and more at a time would slow all of them down.
PARALLEL    ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); [ "$$n" -le 3 ] || n=3; echo "$$((n + 1))")

.PHONY: build demo test test-packages test-soak soak lint bench servers browsers cc clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.release=$(VERSION)' -o bin/rowcast ./cmd/rowcast

demo: build
	@PATH="$$PATH:/usr/sbin:/usr/local/sbin"; cache="$${XDG_CACHE_HOME:-$$HOME/.cache}/rowcast/mysql"; \
	command -v mariadbd >/dev/null || command -v mysqld >/dev/null || [ -e "$${ROWCAST_MYSQL_DIR:-$$cache}/.complete" ] || \
		internal/throwaway/install.sh mariadb
	@exec bin/rowcast demo $(ARGS)

# Tests of one goroutine, or of a program that is built without the race detector: it
# would find nothing in them, and take ten times their CPU.
UNRACED = ^Test(Collations|Differential|Like|RowsWhere|MillionRowsExact)$$

# Each half waits for much of its time, so that they go side by side.
test: servers browsers cc
	$(GO) vet ./...
	@$(MAKE) --no-print-directory -j 2 -O test-packages test-soak

# What takes longest begins first.
test-packages:
	$(GO) test -race -timeout 30m -p $(PARALLEL) -skip '$(UNRACED)' ./cmd/rowcast ./cdc ./internal/browser $$($(GO) list ./... | grep -v internal/soak)

test-soak:
	$(GO) test -timeout 30m -p 1 -run '$(UNRACED)' ./filters/... ./cmd/rowcast
	$(GO) test -timeout 30m -parallel 4 -skip 'ExactUnder|Cut' ./internal/soak # herds are timed: see UNRACED
	$(GO) test -race -timeout 30m -run 'ExactUnder|Cut' ./internal/soak

# Without the race detector, which slows down most what is measured here.
soak: servers
	$(GO) test -timeout 24h -count 1 -v ./internal/soak -soak $(SOAK)

lint:
	$(GO) vet ./...
	@test -z "$$(gofmt -l .)" || { gofmt -l . >&2; echo 'make lint: gofmt -w these files' >&2; exit 1; }
	$(GO) run honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK) ./...

bench: servers
	$(GO) run ./cmd/rowcast-bench $(BENCH)

servers:
	@internal/throwaway/install.sh

browsers:
	@internal/browser/install.sh

# The race detector needs a C compiler.
cc:
	@command -v "$$($(GO) env CC)" >/dev/null || { \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		echo 'make: installing gcc for the race detector' >&2; \
		install() { $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends gcc libc6-dev >&2; }; \
		install || { $$sudo apt-get -q update >&2 && install; }; }

clean:
	rm -rf bin
	$(GO) clean -testcache
