# make demo     a throwaway database, a sample, and rowcast on it; ARGS=--auto picks by itself
# make test     everything, on real MySQL and MariaDB servers; installs what it needs (Debian)
# make soak     the exactness tests again and again; SOAK=rounds
# make lint     vet, gofmt, staticcheck
# make bench    the benchmarks
# make build    bin/rowcast, static
# make servers  installs MariaDB, and MySQL beside the system, for the tests and the demo
GO          ?= go
STATICCHECK ?= v0.8.2
SOAK        ?= 20
EXACT       ?= Exact|Resume|Restart|Reconnect|Kill|Reload|Swap|Seams|Reset|Loss|Lanes|Stalled|Changes|LargeGroup|Prepared|Old|Altered|Order|Purge|Differential
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# Every package starts servers of its own: more at a time than this slows all of them down.
PARALLEL    ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); [ "$$n" -le 4 ] || n=4; echo "$$n")

.PHONY: build demo test soak lint bench servers cc clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.release=$(VERSION)' -o bin/rowcast ./cmd/rowcast

demo: build
	@PATH="$$PATH:/usr/sbin:/usr/local/sbin"; cache="$${XDG_CACHE_HOME:-$$HOME/.cache}/rowcast/mysql"; \
	command -v mariadbd >/dev/null || command -v mysqld >/dev/null || [ -e "$${ROWCAST_MYSQL_DIR:-$$cache}/.complete" ] || \
		internal/throwaway/install.sh mariadb
	@exec bin/rowcast demo $(ARGS)

test: servers cc
	$(GO) vet ./...
	$(GO) test -race -timeout 20m -p $(PARALLEL) ./...

soak: servers cc
	$(GO) test -race -timeout 12h -p 1 -count $(SOAK) -run '$(EXACT)' ./cdc ./filters ./stream ./cmd/rowcast

lint:
	$(GO) vet ./...
	@test -z "$$(gofmt -l .)" || { gofmt -l . >&2; echo 'make lint: gofmt -w these files' >&2; exit 1; }
	$(GO) run honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK) ./...

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

servers:
	@internal/throwaway/install.sh

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
