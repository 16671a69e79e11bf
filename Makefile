# `make help` lists the targets. Every target sets up what it needs in .venv, with Python's own tools only.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Engines are installed for this checkout only, beside its Python.
export XDG_DATA_HOME ?= $(CURDIR)/$(VENV)/share
# Images often set it: each of the thousand processes of the tests would then compile all of loadctl again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help dev run test check lint type docs reference bench bounds truth fuzz clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(VENV)/.installed: pyproject.toml hatch_build.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[artillery]' --group dev
	touch $@

$(VENV)/.engines: $(VENV)/.installed loadctl/engines/artillery/npm/package-lock.json loadctl/engines/artillery/locate.py
	$(BIN)/loadctl engines install artillery
	touch $@

dev: $(VENV)/.engines ## set up the virtual environment

run: dev ## the main job: baseline against the embedded demo system, 30 s
	$(BIN)/loadctl run baseline --demo --duration 30s

# Cores may be shared: a test that fails beside four others has a second try alone, and both runs stand in the output.
test: dev ## run all tests
	$(BIN)/python -m pytest -rs -n 5 || $(BIN)/python -m pytest -rs --last-failed --last-failed-no-failures none

check: ## what CI runs: lint, types, tests
	$(MAKE) --no-print-directory -j3 dev lint type
	$(MAKE) --no-print-directory test

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(VENV)/.installed
	$(BIN)/mypy

docs: $(VENV)/.installed ## the site of docs/ in site/, with every link checked
	$(BIN)/zensical build --clean --strict

reference: $(VENV)/.installed ## write docs/reference/ anew, from the tables of the code
	$(BIN)/python -m loadctl.cli.reference docs/reference

bench: dev ## side-by-side measurements on a quiet machine (half an hour); SECTION=cost for one of them
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	$(BIN)/python -m tests.bench $(SECTION)

bounds: dev ## measurements against a bound (half an hour)
	$(BIN)/python -m pytest -rs -m bench -s tests/bench

truth: dev ## systems whose faults are known, and what is found of them (an hour; RUN="leak crash": these again)
	$(BIN)/python -m tests.truth $(RUN)

fuzz: dev ## odd input for everything that reads, for an hour (FUZZ_SECONDS=60; READER="scenario openapi": these alone)
	$(BIN)/python -m tests.fuzz $(READER)

clean: ## remove the environment and caches
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .hypothesis loadctl/reports/html/uplot
