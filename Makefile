# Two commands matter first: `make demo` and `make test`. Each sets up what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
PYTHON ?= python3
VENV := .venv/bin/python
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=60000
# Folders are listed too: their time changes when a file is removed.
STATIC_SOURCES := $(shell find static config/static.py -not -name '*.pyc' 2>/dev/null)

# The meeting UI was left out for want of npm, and npm has come since.
$(shell command -v npm >/dev/null && grep -qsx missing node_modules/installed.stamp && rm -f node_modules/installed.stamp)

.PHONY: help setup demo demo-reset smoke test test-browser browser lint format types faults fuzz bench lock screenshots ui clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: var/setup.stamp ## Create .venv, install everything, collect static files

.venv/installed.stamp: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Rollcall needs Python 3.11 or newer; set PYTHON=...")'
	@$(VENV) -m pip --version >/dev/null 2>&1 || { \
	  echo "Making .venv"; \
	  rm -rf .venv; \
	  $(PYTHON) -m venv .venv >/dev/null || { \
	    rm -rf .venv; \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	      echo "Installing python3-venv"; \
	      export DEBIAN_FRONTEND=noninteractive; \
	      apt-get update -q && apt-get install -q -y --no-install-recommends python3-venv && $(PYTHON) -m venv .venv; \
	    else \
	      echo "Python can't make a virtual environment. On Debian run: sudo apt-get install python3-venv"; exit 1; \
	    fi; }; }
	@echo "Installing Python packages (a minute or two the first time)"
	@$(VENV) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Without npm everything works but the meeting UI, and the join page says so.
node_modules/installed.stamp: package.json package-lock.json
	@mkdir -p node_modules
	@if ! command -v npm >/dev/null; then \
	  echo "The meeting UI was left out, since npm is missing. To have it: apt-get install npm, then make setup."; \
	  echo missing > $@; \
	elif $(NPM_CI); then \
	  echo installed > $@; \
	else \
	  echo "The meeting UI was left out, since npm failed. To try again: make ui"; \
	  mkdir -p node_modules; echo failed > $@; \
	fi

var/setup.stamp: .venv/installed.stamp node_modules/installed.stamp $(STATIC_SOURCES)
	@mkdir -p var
	@DJANGO_SECRET_KEY=used-for-collecting-static-files-only-and-thrown-away \
	  $(VENV) manage.py collectstatic --noinput --verbosity 0
	@touch $@

ui: ## Fetch the meeting UI again
	@rm -f node_modules/installed.stamp
	@$(MAKE) --no-print-directory setup

demo: setup ## Run everything on this machine with seeded people, until interrupted
	@exec $(VENV) -m participants.demo up

demo-reset: setup ## Forget the demo's data
	@$(VENV) -m participants.demo reset

smoke: setup ## Run the main job over HTTP against a fresh stack
	@$(VENV) -m participants.demo smoke

# Needs no more than Python, so that setup finds the npm it may install.
browser:
	@$(PYTHON) -m participants.demo browser

test: browser ## Run all tests: SQLite, PostgreSQL, then the browser
	@$(MAKE) --no-print-directory setup
	ROLLCALL_TEST_DATABASE=sqlite $(VENV) -m pytest -n 2 --dist loadfile
	ROLLCALL_TEST_DATABASE=postgresql $(VENV) -m pytest -n 2 --dist loadfile
	ROLLCALL_TEST_DATABASE=sqlite $(VENV) -m pytest -m browser

test-browser: browser ## Run the browser tests alone
	@$(MAKE) --no-print-directory setup
	ROLLCALL_TEST_DATABASE=sqlite $(VENV) -m pytest -m browser

lint: setup ## Lint and check the format
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .

format: setup ## Format
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .

types: setup ## Check types strictly
	DJANGO_SECRET_KEY=used-for-checking-types-only-and-thrown-away $(VENV) -m mypy .

faults: setup ## Kill and lose at full length, on SQLite and PostgreSQL (half an hour; FAULTS_SEED replays)
	ROLLCALL_TEST_DATABASE=sqlite $(VENV) -m pytest -s -m faults tests/faults
	ROLLCALL_TEST_DATABASE=postgresql $(VENV) -m pytest -s -m faults tests/faults

fuzz: setup ## Walk the API, the lists and the webhook door with thousands of odd inputs (FUZZ_EXAMPLES, FUZZ_SEED)
	ROLLCALL_TEST_DATABASE=sqlite FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-50} $(VENV) -m pytest -s tests/fuzz
	ROLLCALL_TEST_DATABASE=postgresql FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-50} $(VENV) -m pytest -s tests/fuzz

bench: setup ## Measure joins, bulk enrolment, an opening storm (ten minutes of a machine with nothing else to do)
	@$(VENV) -m benchmarks.join
	@missed=0; for one in bulk storm; do $(VENV) -m benchmarks.$$one || missed=1; done; exit $$missed

lock: .venv/installed.stamp ## Compile the lock files anew
	$(VENV) -m uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock
	$(VENV) -m uv pip compile pyproject.toml --group dev -c requirements.lock --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements-dev.lock
	npm install --package-lock-only --ignore-scripts

screenshots: browser ## Take the documentation's screenshots anew
	@$(MAKE) --no-print-directory setup
	@$(VENV) -m participants.demo screenshots

clean: ## Remove what setup made (not the demo's data)
	rm -rf .venv node_modules var/static var/setup.stamp
