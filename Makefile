# Each target sets up what it needs in .venv; a machine with Python 3.11 or later and make will do.
PYTHON ?= python3
PYTHONS ?=
BIN := .venv/bin

.PHONY: help demo test check audit format docs bench fuzz soak faults lowest package clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

.venv/demo: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --editable '.[cli]'
	touch $@

.venv/test: .venv/demo
	$(BIN)/pip install --quiet --editable '.[cli,cluster,heic,otel,remote]' --group test
	touch $@

.venv/check: .venv/test
	$(BIN)/pip install --quiet --group check --group docs
	touch $@

demo: .venv/demo  ## Dress drawn models on the embedded sandbox: pictures and a gallery in demo/
	rm -rf demo
	$(BIN)/changeclothes demo --out demo

test: .venv/test  ## Run all tests, on up to four cores
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal

check: .venv/check  ## Formatting, lint, types, import floors, docs, audit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	$(BIN)/python -m tests.audit

audit: .venv/check  ## Look installed dependencies up among known vulnerabilities
	$(BIN)/python -m tests.audit

format: .venv/check  ## Format the code and fix what lint can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/check  ## Build the documentation into site/
	$(BIN)/python -m docs.scripts.pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: .venv/demo  ## Measure against peers, side by side (minutes)
	$(PYTHON) -m venv benchmarks/.venv
	benchmarks/.venv/bin/pip install --quiet --requirement benchmarks/requirements.txt
	benchmarks/.venv/bin/python -m benchmarks

fuzz: .venv/test  ## Try random inputs for a minute
	$(BIN)/python -m tests.fuzz

soak: .venv/test  ## 200,000 calls with faults, every charge accounted for (minutes)
	$(BIN)/python -m tests.soak

faults: .venv/test  ## Write the table of docs/faults.md anew
	$(BIN)/python -m tests.faults.table

lowest:  ## The tests of the single call with the lowest dependencies that are allowed
	$(PYTHON) -m venv .venv/lowest
	.venv/lowest/bin/pip install --quiet --upgrade 'pip>=25.1'
	.venv/lowest/bin/pip install --quiet --editable . --group test \
	  aiohttp==3.14.3 anyio==4.15.0 pydantic==2.10.0 tenacity==9.0.0
	.venv/lowest/bin/python -X dev -m pytest -q -p no:cacheprovider tests/protocol tests/transport tests/test_client.py

package: .venv/check  ## Build, and install into clean environments (PYTHONS="python3.11 python3.13 …")
	$(BIN)/python tests/packaging.py $(PYTHONS)

clean:  ## Remove what these targets made
	rm -rf .venv benchmarks/.venv benchmarks/results demo demo-[0-9]* site
