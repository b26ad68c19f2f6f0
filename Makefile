# make            the program, in release mode
# make demo       a log of many sources, before and after; then a run live in the browser
# make demo-run   a project whose test fails, an agent that mends it, the log and the report
# make test       everything that must hold; .ci/run calls it
# make test-slow  the long tests of the engine
# make fuzz       the fuzzers, SECONDS=600 for ten minutes
# make test-large the memory limits on 1 GiB and 10 GiB streams
# make test-kill  the server killed 200 times under load
# make help       all targets

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

PREFIX ?= /usr/local
DESTDIR ?=
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
SWIFT ?= swift

release := .build/release/pipemason
server := .build/release/pipemason-server
sources := Sources Tests Fuzz Package.swift Benchmarks/Package.swift Benchmarks/InMemory Benchmarks/RedactionBenchmarks

.PHONY: build
build: deps ## build the program in release mode
	$(SWIFT) build -c release --product pipemason

.PHONY: link
link: deps ## build pipemason-link, the runner's network side, in release mode
	$(SWIFT) build -c release --product pipemason-link

.PHONY: deps
deps: ## install what the build needs, if it is missing
	@scripts/install-deps.sh

.PHONY: demo
demo: build link server ## show a log before and after, then a run live in the browser; DEMO_SECONDS=60 ends by itself
	@scripts/demo.sh $(release)
	@scripts/demo-live.py $(release) $(server)

.PHONY: demo-run
demo-run: build ## run a project with an agent, and keep its log and report
	@demo/run.sh $(release)

.PHONY: test
test: deps lint architecture build check-man rules-test self-scan instructions test-neon unit-test check-man-tested test-scale ## run everything that must hold

.PHONY: lint
lint: ## check the formatting
	$(SWIFT) format lint -r --strict $(sources)

.PHONY: format
format: ## format the sources
	$(SWIFT) format -i -r $(sources)

.PHONY: architecture
architecture: ## check imports against ARCHITECTURE.md
	scripts/check-architecture.sh

.PHONY: unit-test
unit-test: build peers ## run the test suites
	$(test-suites) --skip '$(timed)' --skip '$(on-both-stores)'
	$(test-suites) --skip-build --no-parallel --filter '$(timed)'
	rm -rf $(answers) && mkdir -p $(answers)/sqlite $(answers)/postgres
	PIPEMASON_ANSWERS=$(answers)/sqlite $(test-suites) --skip-build --no-parallel --filter '$(on-both-stores)'
	PIPEMASON_ANSWERS=$(answers)/postgres PIPEMASON_TEST_STORE=postgres \
		$(test-suites) --skip-build --no-parallel --filter '$(on-both-stores)'
	scripts/compare-answers.sh $(answers)/sqlite $(answers)/postgres

# Suites that watch clocks, rates and the memory of their own process have the machine to themselves, one test after another.
timed = ^(ServerLaunchTests|ServerStorePostgresTests|EgressKitTests|BodyStoresTests)[.]
# So have those that ask the API and the pages. They run on both stores, and every answer must be the same.
on-both-stores = ^(ServerKitTests|ServerWebTests)[.]
answers = $(CURDIR)/.build/answers
test-suites = PIPEMASON_BINARY=$(CURDIR)/$(release) PIPEMASON_REQUIRE_PEERS=1 $(SWIFT) test --disable-xctest

.PHONY: peers
peers: ## install the other implementations that the toolkit is tested against
	@scripts/install-peers.sh

.PHONY: server
server: deps ## build the control plane in release mode
	$(SWIFT) build -c release --product pipemason-server

.PHONY: test-pages
test-pages: server peers ## look at every page in headless Chromium
	$(SWIFT) build --product github-stand-in
	PIPEMASON_SERVER=$(server) .build/peers/bin/python -W ignore Tests/PageTests/test_pages.py

.PHONY: test-slow
test-slow: deps ## run the long tests of the engine: many random texts, logs byte by byte, 64 MB lines
	PIPEMASON_SLOW_TESTS=1 PIPEMASON_PARTS=filter $(SWIFT) test --disable-xctest -c release -Xswiftc -enable-testing \
		--scratch-path .build-slow --filter RedactionKitTests

.PHONY: test-large
test-large: build ## run the memory tests at full size (many minutes)
	PIPEMASON_BINARY=$(CURDIR)/$(release) PIPEMASON_LARGE=1 $(SWIFT) test --disable-xctest --filter MemoryTests

SECONDS_OF_FUZZING = $(or $(SECONDS),60)

.PHONY: fuzz
fuzz: deps ## run all fuzz entry points for SECONDS in all, or TARGETS, with AddressSanitizer
	PIPEMASON_FUZZ=1 $(SWIFT) build -c release --product Fuzz --scratch-path .build-fuzz --sanitize=fuzzer \
		-Xswiftc -sanitize=address,fuzzer -Xcc -fsanitize=address,fuzzer-no-link
	Fuzz/run $(SECONDS_OF_FUZZING) $(TARGETS)

.PHONY: sanitize
sanitize: deps ## run the engine's tests with AddressSanitizer, and its C code with UndefinedBehaviorSanitizer as well
	LSAN_OPTIONS=suppressions=$(CURDIR)/Fuzz/leak-suppressions:print_suppressions=0 \
		$(SWIFT) test --disable-xctest --sanitize=address --scratch-path .build-asan \
		--filter 'RedactionKitTests|CompressionTests|FuzzTests'
	Fuzz/sanitize-kernels

.PHONY: test-neon
test-neon: ## run the NEON kernel against the scalar one, on an ARM processor that QEMU emulates
	Fuzz/neon-kernels

.PHONY: bench
bench: deps ## run the library's benchmarks; Benchmarks/compare runs everything beside its peers
	cd Benchmarks && $(SWIFT) package benchmark --target RedactionBenchmarks

.PHONY: test-kill
test-kill: deps ## kill the server under load 200 times; nothing that it acknowledged may be missing
	PIPEMASON_KILLS=200 $(SWIFT) test --disable-xctest --filter killedServer

.PHONY: test-server-peers
test-server-peers: server peers ## hold the server against authlib, schemathesis and slowhttptest
	.build/peers/bin/python scripts/server-peers.py $(server)

.PHONY: bench-server
bench-server: server ## measure ingest beside raw inserts, and 1,000 watchers
	$(SWIFT) build -c release --product server-load
	.build/release/server-load $(server)

.PHONY: bench-postgres
bench-postgres: server peers ## measure ingest on PostgreSQL beside raw inserts, and two servers beside one (root)
	$(SWIFT) build -c release --product server-load
	.build/release/server-load $(server) postgres

.PHONY: test-scale
test-scale: deps peers ## as demo-scale, with the server that the tests were built with, for half a minute
	$(SWIFT) build --product pipemason-server
	$(as-root) scripts/demo-scale.py $(CURDIR)/.build/debug/pipemason-server 30

as-root = $(shell [ "$$(id -u)" -eq 0 ] || echo sudo)

.PHONY: demo-scale
demo-scale: server peers ## three servers behind haproxy, killed and cut off under load for SECONDS; needs root
	$(as-root) scripts/demo-scale.py $(server) $(or $(SECONDS),60)

.PHONY: test-kill-runner
test-kill-runner: build ## kill the runner 10,000 times at random moments, and verify what it leaves (an hour)
	PIPEMASON_BINARY=$(CURDIR)/$(release) PIPEMASON_RUNNER_KILLS=10000 $(SWIFT) test --disable-xctest --filter LogTests

.PHONY: test-loud
test-loud: build ## run a command that writes 1 GiB, and compare log and terminal
	PIPEMASON_BINARY=$(CURDIR)/$(release) PIPEMASON_LARGE=1 $(SWIFT) test --disable-xctest --filter LogTests

.PHONY: rules-test
rules-test: build ## run the samples of the built-in rules
	$(release) rules test Rules/*.toml

.PHONY: instructions
instructions: build ## count instructions a byte against Benchmarks/instructions.json
	Benchmarks/instructions $(release)

.PHONY: self-scan
self-scan: build ## our own scan of this repository finds nothing
	scripts/self-scan.sh $(release)

.PHONY: rules
rules: deps ## regenerate the built-in rules from Rules/*.toml
	$(SWIFT) run -c release rulegen Rules/*.toml -o Sources/CBuiltinRules/builtin.rules

docs_graphs := .build-docs/graphs

.PHONY: docs
docs: deps ## build the DocC pages of RedactionKit; a warning is a failure
	rm -rf $(docs_graphs) .build-docs/kit
	mkdir -p $(docs_graphs) .build-docs/kit
	PIPEMASON_PARTS=filter $(SWIFT) build --target RedactionKit --scratch-path .build-docs -Xswiftc -emit-symbol-graph \
		-Xswiftc -emit-symbol-graph-dir -Xswiftc $(CURDIR)/$(docs_graphs)
	cp $(docs_graphs)/RedactionKit.symbols.json .build-docs/kit
	docc convert Sources/RedactionKit/RedactionKit.docc --additional-symbol-graph-dir .build-docs/kit \
		--fallback-display-name RedactionKit --fallback-bundle-identifier pipemason.RedactionKit --warnings-as-errors \
		--output-path .build-docs/RedactionKit.doccarchive

.PHONY: man
man: build server ## regenerate the manual pages
	scripts/make-man.py $(release) < docs/man/pipemason.1.in > docs/man/pipemason.1
	scripts/make-man.py $(server) < docs/man/pipemason-server.8.in > docs/man/pipemason-server.8

.PHONY: check-man
check-man: build ## hold the filter's manual page against its help
	@scripts/make-man.py $(release) < docs/man/pipemason.1.in | diff docs/man/pipemason.1 - \
		|| { echo "the manual page is not current: run make man" >&2; exit 1; }

.PHONY: check-man-tested
check-man-tested: ## the same for the server, with the program that the tests were built with
	$(SWIFT) build --product pipemason-server
	@scripts/make-man.py .build/debug/pipemason-server < docs/man/pipemason-server.8.in | diff docs/man/pipemason-server.8 - \
		|| { echo "the manual page is not current: run make man" >&2; exit 1; }

.PHONY: check-man-server
check-man-server: server ## hold the server's manual page against its help
	@scripts/make-man.py $(server) < docs/man/pipemason-server.8.in | diff docs/man/pipemason-server.8 - \
		|| { echo "the manual page is not current: run make man" >&2; exit 1; }

.PHONY: install
install: build link server ## install the programs under PREFIX, with manual pages, completions and systemd units
	install -D -m 755 $(release) $(DESTDIR)$(PREFIX)/bin/pipemason
	install -D -m 755 $(release)-link $(DESTDIR)$(PREFIX)/bin/pipemason-link
	install -D -m 755 $(server) $(DESTDIR)$(PREFIX)/bin/pipemason-server
	install -D -m 644 docs/man/pipemason.1 $(DESTDIR)$(PREFIX)/share/man/man1/pipemason.1
	install -D -m 644 docs/man/pipemason-server.8 $(DESTDIR)$(PREFIX)/share/man/man8/pipemason-server.8
	install -d $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	for shell in bash zsh fish; do \
		case $$shell in bash) file=$(BASHDIR)/%;; zsh) file=$(ZSHDIR)/_%;; fish) file=$(FISHDIR)/%.fish;; esac; \
		$(release) completions $$shell > "$(DESTDIR)$${file/\%/pipemason}"; \
		$(server) --generate-completion-script $$shell > "$(DESTDIR)$${file/\%/pipemason-server}"; \
	done
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in server.service server-backup.service server-backup.timer; do \
		sed 's|/usr/bin/pipemason|$(PREFIX)/bin/pipemason|' packaging/systemd/pipemason-$$unit \
			> $(DESTDIR)$(PREFIX)/lib/systemd/system/pipemason-$$unit; \
	done
	install -D -m 644 packaging/systemd/pipemason-server.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/pipemason-server.conf
	[ -e $(DESTDIR)/etc/pipemason-server/server.toml ] \
		|| install -D -m 644 packaging/server.toml $(DESTDIR)/etc/pipemason-server/server.toml

.PHONY: deb
deb: build link server ## make Debian packages of both programs in .build/deb
	rm -rf .build/deb .build/stage
	$(MAKE) --no-print-directory install DESTDIR=.build/stage PREFIX=/usr ZSHDIR=/usr/share/zsh/vendor-completions >/dev/null
	scripts/make-deb.sh .build/stage .build/deb

.PHONY: test-deb
test-deb: deb check-man-server ## install the packages, use them, remove them; needs root
	scripts/test-deb.sh .build/deb

.PHONY: clean
clean: ## remove what was built
	rm -rf .build

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14
