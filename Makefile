# Two commands matter first: `make demo` and `make test`. Each sets up what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo demo-reset smoke test test-browser browser lint format types check bench lock screenshots clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: var/setup.stamp ## Create .venv, install everything, collect static files

.venv/installed.stamp: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Rollcall needs Python 3.11 or newer; set PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Python cannot make a virtual environment. On Debian run: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

# Without npm everything works but the meeting UI, and the page says so.
node_modules/installed.stamp: package.json package-lock.json
	@if command -v npm >/dev/null && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; then :; else \
	  echo "The meeting UI was not installed: npm is missing or failed. Install it (Debian: apt-get install npm) and run make setup again."; fi
	mkdir -p node_modules && touch $@

var/setup.stamp: .venv/installed.stamp node_modules/installed.stamp $(shell find static config -type f -not -name '*.pyc' 2>/dev/null)
	mkdir -p var
	DJANGO_SECRET_KEY=used-for-collecting-static-files-only-and-thrown-away $(BIN)/python manage.py collectstatic --noinput --verbosity 0
	touch $@

demo: setup ## Run everything on this machine with seeded people, until interrupted
	@$(BIN)/python -m participants.demo up

demo-reset: setup ## Forget the demo's data
	@$(BIN)/python -m participants.demo reset

smoke: setup ## Run the main job over HTTP against a fresh stack
	@$(BIN)/python -m participants.demo smoke

browser: setup
	@$(BIN)/python -m participants.demo browser

test: setup browser ## Run all tests: SQLite, PostgreSQL, then the browser
	ROLLCALL_TEST_DATABASE=sqlite $(BIN)/python -m pytest -n 2 --dist loadfile
	ROLLCALL_TEST_DATABASE=postgresql $(BIN)/python -m pytest -n 2 --dist loadfile
	$(MAKE) --no-print-directory test-browser

test-browser: setup browser ## Run the browser tests alone
	ROLLCALL_TEST_DATABASE=sqlite $(BIN)/python -m pytest -m browser

lint: setup ## Lint and check the format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## Format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## Check types strictly
	$(BIN)/mypy .

lock: .venv/installed.stamp ## Compile the lock files anew
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev -c requirements.lock --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements-dev.lock
	npm install --package-lock-only --ignore-scripts

screenshots: setup browser ## Take the screenshots of the documentation anew
	$(BIN)/python -m participants.demo screenshots

clean: ## Remove what setup made (not the demo's data)
	rm -rf .venv node_modules var/static var/setup.stamp
