# Everything starts here, from a clone and Python 3.11 or newer:
#   make demo    train and compare small segmenters on images drawn on the spot
#   make test    the tests
# Each target installs only what it needs into .venv, once; PYTHON=python3.12 chooses another Python.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.installed
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-input -qq --constraint constraints.txt
SOURCES := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo test reliability lint docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMPS)/core ## install seglet into .venv
	@echo "seglet is in $(BIN): $(BIN)/seglet --help"

demo: $(STAMPS)/demo ## a short run of each method, a table and a page; needs no data
	$(BIN)/seglet demo $(ARGS)

test: $(STAMPS)/dev ## the tests; ARGS="-k words" chooses some, ARGS="-m slow" the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

reliability: $(STAMPS)/dev ## inject faults and count who held; ARGS="--long" for every file event
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.reliability --out docs/results/reliability.json --page docs/reliability.md $(ARGS)

lint: $(STAMPS)/dev ## style, formatting, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMPS)/docs ## the documentation as web pages, in site/
	$(BIN)/python -m tools.docs_menu
	$(BIN)/zensical build --clean --strict --config-file .zensical.toml

clean: ## remove .venv, site and what tools left behind; never runs/
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "seglet needs Python 3.11 or newer, $(PYTHON) is older; try make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMPS)/core: $(SOURCES) | $(BIN)/python
	@echo "installing seglet into $(VENV) (torch is large: minutes the first time)"
	@$(INSTALL) --editable .
	@mkdir -p $(@D) && touch $@

$(STAMPS)/demo $(STAMPS)/dev $(STAMPS)/docs: $(STAMPS)/%: $(SOURCES) | $(BIN)/python
	@echo "installing seglet with the extra '$*' into $(VENV) (torch is large: minutes the first time)"
	@$(INSTALL) --editable ".[$*]"
	@mkdir -p $(@D) && touch $(STAMPS)/core $@
