# StreamSpace. `make help` lists what can be made.
#
# The build itself is Meson's (meson.build); this file is the short way to it.

BUILD := build
NINJA := ninja
UI_SOURCES := $(shell find ui -path ui/node_modules -prune -o -path ui/dist -prune -o -type f -print 2>/dev/null)

.PHONY: all run test test-fast test-fresh soak scenarios bench bench-api fuzz format check-format deps deps-build deps-run install clean help
.DEFAULT_GOAL := all

all: deps-build $(BUILD)/streamspace ## build/streamspace, the user interface included

run: deps-build deps-run $(BUILD)/streamspace ## build, start everything on this machine, print a URL and how to sign in
	@exec $(BUILD)/streamspace up $(ARGS)

deps: ## install all Debian packages that building, running and testing need
	@tools/deps.sh build run test

deps-build:
	@tools/deps.sh build

deps-run:
	@tools/deps.sh run

$(BUILD)/build.ninja:
	@echo "Configuring …"
	@meson setup $(BUILD) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }; mv $(BUILD).log $(BUILD)/

# Not `npm ci`: newer npm refuses lock files without download addresses, which name a registry.
ui/node_modules/.package-lock.json: ui/package-lock.json
	@echo "Fetching the user interface's packages (npm) …"
	@cd ui && npm install --no-save --no-audit --no-fund --loglevel=error && touch node_modules/.package-lock.json

ui/dist/index.html: ui/node_modules/.package-lock.json $(UI_SOURCES)
	@echo "Building the user interface …"
	@cd ui && npm run --silent build && touch dist/index.html

.PHONY: ninja
ninja: $(BUILD)/build.ninja ui/dist/index.html
	@$(NINJA) -C $(BUILD) --quiet

$(BUILD)/streamspace: ninja ;

test: deps $(BUILD)/streamspace ## all tests; ends with "N passed, N failed"
	@tests/run.py $(ARGS)

test-fast: deps $(BUILD)/streamspace ## lint, unit and API tests (on SQLite) only
	@tests/run.py lint unit api $(ARGS)

test-fresh: ## prove `make run` in a minimal Debian 12 made for it (root; about ten minutes)
	@tools/deps.sh fresh
	@tests/fresh/run.sh

soak: deps $(BUILD)/streamspace ## the long runs: a five-minute hold, ten minutes of sessions coming and going
	@tests/run.py soak $(ARGS)

scenarios: deps $(BUILD)/streamspace ## the acceptance scenarios with their figures; writes docs/results.md
	@tools/deps.sh bench
	@tests/scenarios/run.py $(ARGS)

bench: deps $(BUILD)/streamspace ## benchmarks: tables, beside a named peer in the same run
	@tools/deps.sh bench
	@bench/run.py $(ARGS)

bench-api: deps $(BUILD)/streamspace ## the API's speed on SQLite and PostgreSQL, beside nginx, with the targets
	@tools/deps.sh bench
	@bench/run.py api

fuzz: ## run the fuzz targets, FUZZ_SECONDS (60) each
	@tools/deps.sh build fuzz
	@tests/fuzz/run.sh

format: ## format the C sources
	@git ls-files '*.c' '*.h' | xargs clang-format -i

install: $(BUILD)/streamspace ## install to PREFIX (meson's: /usr/local)
	@meson install -C $(BUILD)

clean: ## remove what was built
	@rm -rf build build-* ui/dist

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'
