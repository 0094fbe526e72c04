# Everything a person runs here. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help setup runtime extra demo serve test test-services test-browser test-faults conformance fuzz check format bench lock audit clean

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
RUN_STAMP := $(VENV)/.installed-to-run
PORT ?= 8000
DATA_DIR ?= data
IMAGE_EXTRAS := $(foreach extra,scale media s3 parquet otel,--extra $(extra))
PYTEST := $(PY) -m pytest
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --quiet
LOCKED_EXTRAS := $(foreach extra,scale monty media s3 parquet mcp otel,--extra $(extra))

# Not compiled ahead: that takes as long as unpacking, most of it is never imported, and Python compiles what is.
# It has to keep that: where it may not, each command compiles all that it imports, and starts twice as slowly.
unexport PYTHONDONTWRITEBYTECODE

define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Callgauge needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $(1)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
endef

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create .venv from the lock file with all that development needs (Python 3.11+; nothing else is needed)

$(STAMP): requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock)
	@touch $(STAMP)

# What is needed to run it: a third of what development needs. Nothing is done where that is there already.
runtime: $(if $(wildcard $(STAMP)),$(STAMP),$(RUN_STAMP))

$(RUN_STAMP): requirements.lock pyproject.toml
	$(call install,requirements.lock)
	@touch $(RUN_STAMP)

extra: runtime ## Install an optional part: NAME=scale, media, s3, parquet, mcp, otel, stt or monty
	@test -n "$(NAME)" || { echo "Say which: make extra NAME=scale (docs/operations.md lists them)"; exit 2; }
	$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[$(NAME)]'

demo: runtime ## See the main job done on sample calls; the data stays in .demo until the next demo
	@rm -rf .demo
	@$(VENV)/bin/callgauge demo --data-dir .demo

serve: runtime ## Start the server on 127.0.0.1:PORT with its data in DATA_DIR
	@$(VENV)/bin/callgauge serve --port $(PORT) --data-dir $(DATA_DIR)

test: setup ## Run the tests (what needs a service that is absent is skipped with a reason)
	$(PYTEST) -m "not browser and not faults"

test-services: setup ## Run the tests of the store, flow and API again on PostgreSQL
	$(PYTEST) -m "not browser and not faults" --db postgresql tests/store tests/flow tests/api tests/worker

test-browser: setup ## Run the tests that drive Chromium
	$(PYTEST) -m browser || test $$? -eq 5

test-faults: setup ## Run the tests that kill the server
	$(PYTEST) -m faults

conformance: setup ## Run the official client against a fresh server, and print what works
	@$(PY) -m tests.contract.conformance

fuzz: setup ## Try the contract with schemathesis: thousands of requests, a fixed seed (ARGS go to it)
	@$(PY) -m tests.contract.fuzz $(ARGS)

check: setup ## Lint, types, layers, migrations
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) -m django makemigrations --check --dry-run --settings callgauge.config.settings

format: setup ## Format the code
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: setup ## Measure the rerun path beside a bare loop (see benchmarks/README.md for the rest)
	$(PY) -m benchmarks.rerun

lock: ## Write the lock files anew (needs uv)
	$(LOCK) $(LOCKED_EXTRAS) --group dev -o requirements-dev.lock
	$(LOCK) --group build -c requirements-dev.lock -o requirements.lock
	$(LOCK) $(IMAGE_EXTRAS) --group build -c requirements-dev.lock -o deploy/requirements.lock

audit: setup ## Look for known faults in what is installed to run it (needs a service on the net)
	@$(PY) .ci/audit.py requirements.lock deploy/requirements.lock

clean: ## Remove what the targets made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .demo
