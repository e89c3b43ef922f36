# Two commands matter first: `make demo` and `make test`. Each sets up what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
# Hundreds of processes are started by tests: none should have to compile what the one before did.
unexport PYTHONDONTWRITEBYTECODE
# Distributions train their Python before they ship it, version managers mostly do not: the same work takes a third less.
PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
  2>/dev/null && echo /usr/bin/python3 || echo python3)
VENV := .venv/bin/python
# For commands that only need the settings to be read.
IDLE := DJANGO_SECRET_KEY=used-for-reading-the-settings-only-and-thrown-away
# What needs no database, or brings its own, says the same beside either.
ONCE := -m "not live and not browser and not faults and not apart"
# Files in the order of tests/conftest.py, each as a whole. Tests wait for the processes they start, browser tests for
# Chromium, which keeps cores busy itself.
LOADFILE := --dist loadfile --no-loadscope-reorder
PARALLEL := -n 3 $(LOADFILE)
BROWSER := -n 3 $(LOADFILE) -m browser tests/browser
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=60000
# Folders are listed too: their time changes when a file is removed.
STATIC_SOURCES := $(shell find static config/static.py -not -name '*.pyc' 2>/dev/null)

# The meeting UI was left out for want of npm, and npm has come since.
$(shell command -v npm >/dev/null && grep -qsx missing node_modules/installed.stamp && rm -f node_modules/installed.stamp)

.PHONY: help setup demo demo-reset smoke test test-browser browser lint lint-deploy lint-migrations docs format types faults fuzz matrix bench simulation lock texts client diagrams screenshots ui clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: var/setup.stamp ## Create .venv, install everything, collect static files

# Operators need requirements.lock alone, developers the tools as well.
LOCK ?= requirements-dev.lock
INSTALLED := .venv/$(LOCK:.lock=).stamp

$(INSTALLED): $(LOCK)
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
	@$(VENV) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
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

var/setup.stamp: $(INSTALLED) node_modules/installed.stamp $(STATIC_SOURCES)
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

# As browser: needs no more than Python, and fetches promtool where it is missing.
test: browser ## Run all tests: SQLite, PostgreSQL, then the browser
	@$(MAKE) --no-print-directory setup
	@# Has the asserts of all tests rewritten by one process, for those that begin together. What can't be collected they tell.
	@$(VENV) -m pytest --collect-only -qq -m "not live" >/dev/null || true
	ROLLCALL_TEST_DATABASE=sqlite $(VENV) -m pytest $(PARALLEL) --ignore tests/browser
	ROLLCALL_TEST_DATABASE=postgresql $(VENV) -m pytest $(PARALLEL) --ignore tests/browser $(ONCE)
	ROLLCALL_TEST_DATABASE=sqlite $(VENV) -m pytest $(BROWSER)

test-browser: browser ## Run the browser tests alone
	@$(MAKE) --no-print-directory setup
	ROLLCALL_TEST_DATABASE=sqlite $(VENV) -m pytest $(BROWSER)

lint: setup lint-deploy ## Lint and check the format
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .

lint-deploy: setup ## Check what operators use: the image, compose.yaml, the alert rules (needs apt for promtool)
	.venv/bin/hadolint deploy/Containerfile
	$(VENV) -m check_jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	@$(VENV) -m participants.demo alerts

lint-migrations: setup ## Check that the release before survives our migrations
	$(IDLE) $(VENV) -m tests.lintmigrations

docs: setup ## Build the documentation site into var/docs, checking every link
	@NO_MKDOCS_2_WARNING=1 $(VENV) -m mkdocs build --strict
	@echo "Open var/docs/index.html, or with its search: $(PYTHON) -m http.server -d var/docs 8080"

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

matrix: setup ## Run the tests on each pair of Python and Django that is here (ONLY=3.13-6.1; ARGS="--look", "-- tests/api")
	@$(VENV) -m tests.matrix $(if $(ONLY),--only $(ONLY)) $(ARGS)

bench: setup ## Measure how far it scales: one table of ratios (an hour of a machine with nothing else to do; BENCH=--quick)
	@$(VENV) -m benchmarks $(BENCH)

simulation: setup ## Simulate ten million participants over weeks (SIMULATION=--most: how many one account carries)
	@$(VENV) -m benchmarks.simulation $(SIMULATION)

lock: $(INSTALLED) ## Compile the lock files anew
	$(VENV) -m uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock
	$(VENV) -m uv pip compile pyproject.toml --group dev -c requirements.lock --universal --generate-hashes --no-emit-index-url --no-header -q -o requirements-dev.lock
	npm install --package-lock-only --ignore-scripts

# msgfmt is needed here only: the compiled catalogues are kept with the written ones, and a test compares them.
texts: setup ## Collect the texts of the pages anew and compile the translations (needs gettext)
	@for domain in django djangojs; do $(IDLE) $(VENV) manage.py makemessages -d $$domain --all \
	  --no-location --no-wrap --no-obsolete -i 'node_modules/*' -i 'var/*' -i 'tests/*' -i 'docs/*'; done
	@cd participants && $(IDLE) ../$(VENV) ../manage.py compilemessages -v 0

# The generator and the compiler come from npm for this command alone; what they make is kept, and a test compares it
# with the schema.
client: setup ## Make the typed client of docs/client anew from the OpenAPI schema (needs npm)
	@mkdir -p var && $(IDLE) $(VENV) manage.py attendee_schema > var/attendee-schema.json
	@cd docs/client && npm exec --yes --package=openapi-typescript@7.13.0 --package=typescript@5.9.3 -c ' \
	  openapi-typescript ../../var/attendee-schema.json --alphabetize --default-non-nullable=false -o schema.d.ts && \
	  tsc --allowJs --checkJs --strict --declaration --emitDeclarationOnly --removeComments false --target es2022 \
	    --module es2022 --moduleResolution bundler --lib es2022,dom rollcall.js'
	@sum=$$(sha256sum var/attendee-schema.json | cut -d" " -f1); \
	  sed -i "1i // Made by make client from the schema with SHA-256 $$sum" docs/client/schema.d.ts

diagrams: browser ## Draw the documentation's diagrams that changed (needs npm)
	@PUPPETEER_SKIP_DOWNLOAD=1 $(PYTHON) docs/hooks/diagrams.py var/diagrams

screenshots: browser ## Take the documentation's screenshots anew (ONLY=join: those that begin so)
	@$(MAKE) --no-print-directory setup
	@$(VENV) -m participants.demo screenshots --only "$(ONLY)"

clean: ## Remove what setup made (not the demo's data)
	rm -rf .venv node_modules var/static var/setup.stamp
