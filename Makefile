# make            the program, in release mode
# make demo       a log of many sources, before and after
# make test       everything that must hold; .ci/run calls it
# make test-slow  the long tests of the engine
# make fuzz       the fuzzers, SECONDS=600 for ten minutes
# make test-large the memory limits on 1 GiB and 10 GiB streams
# make help       all targets

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift

release := .build/release/pipemason
sources := Sources Tests Fuzz Package.swift Benchmarks/Package.swift Benchmarks/InMemory Benchmarks/RedactionBenchmarks

.PHONY: build
build: deps ## build the program in release mode
	$(SWIFT) build -c release --product pipemason

.PHONY: deps
deps: ## install what the build needs, if it is missing
	@scripts/install-deps.sh

.PHONY: demo
demo: build ## show a log before and after
	@scripts/demo.sh $(release)

.PHONY: test
test: deps lint architecture build check-man rules-test self-scan instructions unit-test ## run everything that must hold

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
	PIPEMASON_BINARY=$(CURDIR)/$(release) PIPEMASON_REQUIRE_PEERS=1 $(SWIFT) test --disable-xctest

.PHONY: peers
peers: ## install the other implementations that the toolkit is tested against
	@scripts/install-peers.sh

.PHONY: test-slow
test-slow: deps ## run the long tests of the engine: many random texts, logs byte by byte, 64 MB lines
	PIPEMASON_SLOW_TESTS=1 $(SWIFT) test --disable-xctest -c release -Xswiftc -enable-testing --filter RedactionKitTests

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
	$(SWIFT) test --disable-xctest --sanitize=address --scratch-path .build-asan \
		--filter 'RedactionKitTests|CompressionTests|FuzzTests'
	Fuzz/sanitize-kernels

.PHONY: bench
bench: deps ## run the library's benchmarks; Benchmarks/compare runs everything beside its peers
	cd Benchmarks && $(SWIFT) package benchmark

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

.PHONY: man
man: build ## regenerate the manual page
	scripts/make-man.py $(release) < docs/man/pipemason.1.in > docs/man/pipemason.1

.PHONY: check-man
check-man: build
	@scripts/make-man.py $(release) < docs/man/pipemason.1.in | diff docs/man/pipemason.1 - \
		|| { echo "docs/man/pipemason.1 is not current: run make man" >&2; exit 1; }

.PHONY: install
install: build ## install under PREFIX
	install -D -m 755 $(release) $(DESTDIR)$(PREFIX)/bin/pipemason
	install -D -m 644 docs/man/pipemason.1 $(DESTDIR)$(PREFIX)/share/man/man1/pipemason.1
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(release) completions bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/pipemason
	$(release) completions zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_pipemason
	$(release) completions fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/pipemason.fish

.PHONY: clean
clean: ## remove what was built
	rm -rf .build

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14
