# Verbs of talkpath. `make run` and `make test` install what is missing and are quick when nothing is.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
NATIVE := $(shell find native -name '*.rs') native/Cargo.toml pyproject.toml

.PHONY: run test setup build check lint types

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q -r requirements.txt
	touch $@

build: $(VENV)/.built

$(VENV)/.built: $(VENV)/.installed $(NATIVE)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/maturin develop --release -q
	touch $@

run: build
	$(VENV)/bin/talkpath run

lint: build
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/lint-imports

types: build
	$(VENV)/bin/mypy

check: lint types

test: check
	$(PY) -m pytest
