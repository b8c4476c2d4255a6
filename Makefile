# `make` lists the targets: the words after ## are their help.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
FILES := agents bus gateway ops schemas storage tests

.PHONY: help setup check lint types stairs test long fix run bench prove clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{ printf "  make %-8s %s\n", $$1, $$2 }'

setup: ## install everything into .venv (needs Python 3.11 and pip; no root)
	@$(PYTHON) ops/bootstrap.py setup

check: lint types stairs test ## everything CI checks: format, lint, types, import stairs, tests

lint: ## formatting and lint rules (ruff)
	$(BIN)/ruff format --check $(FILES)
	$(BIN)/ruff check $(FILES)

types: ## types, strict (mypy)
	$(BIN)/mypy

stairs: ## imports go down the stairs: ops > gateway | agents > bus | storage > schemas
	$(BIN)/lint-imports

test: ## the tests; one file: make test T=tests/test_cli.py
	$(BIN)/python -m pytest -n 3 --dist loadfile $(T)

long: ## the long round of the tests: every feature of the web UI in a real browser (needs chromium)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m long $(T)

fix: ## format and repair what can be repaired
	$(BIN)/ruff format $(FILES)
	$(BIN)/ruff check --fix $(FILES)

run: ## start AI Server
	@$(BIN)/ai-server up

bench: ## how fast it is; A=--short for a short round; writes build/bench.json
	$(BIN)/python -m ops.bench $(A)

prove: ## kill everything at random and count what was lost; A=--short; writes build/prove.json
	$(BIN)/python -m ops.prove $(A)

clean: ## remove what was built, not what was installed
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(FILES) -name __pycache__ -type d -prune -exec rm -rf {} +
