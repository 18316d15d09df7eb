# The verbs of talkpath. `make run` and `make test` install what is missing and are quick when nothing is.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
export PATH := $(HOME)/.cargo/bin:$(PATH)
export PYO3_PYTHON := $(CURDIR)/.venv/bin/python

VENV := .venv
# Debian's own Python is built with every optimisation: a third faster than what version managers usually build.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3.11 /usr/bin/python3) python3)
BIN := $(VENV)/bin
SOURCES := $(shell find src -name '*.py' -o -name '*.pyi')
NATIVE := $(shell find native/src -name '*.rs') native/kernel/relay.bpf.c native/build.rs native/Cargo.toml native/Cargo.lock pyproject.toml

PAGE := page/package.json $(wildcard page/src/*)

.PHONY: help run test setup build compiled check lint types stubs native-test fast live fuzz bench wheel docs clean

help:  ## say what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 -- /p' $(MAKEFILE_LIST) | awk -F' -- ' '{printf "%-20s%s\n", $$1, $$2}'

run: compiled  ## install what is missing, build, and start the edge (options: make run ARGS="--config FILE")
	@exec $(BIN)/talkpath run $(ARGS)

# What builds and checks has long stretches that keep one core busy, and waits for the network: two at once. Packages
# of Python are there before (`setup`), as pip installs one by one.
test: setup  ## install what the tests need, the real peers included, and run them all
	@$(MAKE) --no-print-directory -j2 -Oline check stubs native-test $(VENV)/.peers
	@$(MAKE) --no-print-directory fast live

setup: $(VENV)/.tools  ## install everything for development, build nothing

build: $(VENV)/.built $(VENV)/.page  ## build the native part and the page

compiled: $(VENV)/.compiled  ## install what `make run` starts: the sources, with the hot modules compiled

check: lint types  ## what every change must pass before it is kept

lint: $(VENV)/.tools
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .
	@! git grep -nE '^(<<<<<<<|>>>>>>>) ' || { echo "These lines are of a merge that was not finished." >&2; exit 1; }
	@PYTHONPATH=src $(BIN)/lint-imports

types: $(VENV)/.tools
	@$(BIN)/mypy

stubs: compiled $(VENV)/.tools  ## compare _native.pyi with the module that was built
	@$(BIN)/python -m mypy.stubtest talkpath._native --mypy-config-file pyproject.toml --allowlist native/stubtest-allowlist

native-test: $(VENV)/.test-packages $(VENV)/.installed  ## the tests of the Rust crate
	MAKEFLAGS= cargo test -q --manifest-path native/Cargo.toml --no-default-features

fast: compiled $(VENV)/.tools  ## the tests that need no peers; those of the compiled rooms in both forms
	$(BIN)/python -m pytest -n 2 -m "not live"
	$(BIN)/python -m pytest -n 2 -m "not live" -o "pythonpath=tests/live" tests/sip tests/sdp tests/calls tests/edge tests/net tests/explain tests/ice tests/secure tests/media tests/testing examples

# Phones talk for seconds in which no core is busy, so there are more tests at once than cores; neighbours in a file go to
# one process, which then starts one browser for them.
live: compiled $(VENV)/.peers  ## the tests with real phones, servers and network namespaces
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "live and not load"
	$(BIN)/python -m pytest -m "live and load"

fuzz: build $(VENV)/.tools $(VENV)/.test-packages  ## the parsers of the core under libFuzzer, and the property tests many times longer
	native/fuzz/run
	$(BIN)/python -m pytest -n 2 -m "hypothesis and not live" --hypothesis-profile=fuzz

bench: compiled $(VENV)/.peers  ## measure side by side with Kamailio and rtpengine (bench/README.md)
	$(BIN)/python -m bench $(ARGS)

wheel: compiled $(VENV)/.tools  ## dist/talkpath-….whl: the same for machines with Python alone (pip install it)
	$(BIN)/python native/package.py dist

docs: $(VENV)/.docs-tools  ## write the generated pages of docs/reference and docs/cases, and the site of all pages: build/site
	PYTHONPATH=src $(BIN)/python docs/generate.py
	$(BIN)/python docs/site/build.py build/site

clean:  ## remove everything that was built or installed here
	rm -rf $(VENV) native/target build dist page/node_modules src/talkpath/web/static

# What is installed leaves a mark, so that the second time takes no time.

$(VENV)/.system:
	@./install-packages python3-venv python3-dev build-essential cmake clang
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed. Name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@command -v cargo >/dev/null || { echo "Rust is missing. Install it from https://rustup.rs and try again." >&2; exit 1; }
	@echo "talkpath: making $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: requirements.txt | $(VENV)/.system
	@echo "talkpath: installing Python packages" >&2
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.tools: requirements-dev.txt $(VENV)/.installed
	@echo "talkpath: installing development tools" >&2
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/.docs-tools: requirements-docs.txt $(VENV)/.installed
	@echo "talkpath: installing the generator of the site" >&2
	@$(BIN)/pip install -q --disable-pip-version-check -r requirements-docs.txt
	@touch $@

$(VENV)/.built: $(VENV)/.installed $(NATIVE)
	@echo "talkpath: building the native part (a minute or two the first time)" >&2
	@MAKEFLAGS= PIP_NO_INDEX=1 PIP_QUIET=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release -q
	@touch $@

$(VENV)/.page-packages: page/package-lock.json | $(VENV)/.system
	@command -v npm >/dev/null || ./install-packages nodejs npm
	@echo "talkpath: installing what the page is made of" >&2
	@cd page && npm ci --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

$(VENV)/.page: $(VENV)/.page-packages $(PAGE)
	@mkdir -p src/talkpath/web/static
	@cd page && npm run --silent build
	@touch $@

$(VENV)/.compiled: $(VENV)/.built $(VENV)/.page native/compile.py native/extensions.py $(SOURCES)
	@$(BIN)/python native/compile.py
	@touch $@

# The test binaries of the crate embed Python.
$(VENV)/.test-packages: | $(VENV)/.system
	@./install-packages libpython3-dev
	@touch $@

$(VENV)/.peers: tests/live/install-peers $(wildcard tests/live/pages/*.js*) $(VENV)/.tools
	@echo "talkpath: installing the peers that the tests talk to" >&2
	@tests/live/install-peers
	@touch $@
