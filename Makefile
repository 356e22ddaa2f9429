# The few words everyone uses; CI runs the same ones.
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test check fix soak bench record audit lock proto docs clean

help: ## show these words
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## .venv/bin/mainstay, locked by hash

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Mainstay needs Python 3.11 or later; $(PYTHON) is older. Say: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $(STAMP)

run: install ## play one real incident on the embedded stack; ARGS="--once --yes" ends by itself
	@$(BIN)/python -m devstack.demo $(ARGS)

test: install ## everything, on real servers: checks, then tests
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -m "not soak" $(ARGS)

check: install ## lint, types, import rules, generated code and docs up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python proto/generate.py --check
	$(BIN)/python -m docs.check

fix: install ## format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: install ## the long numbers, written to docs/soak/*.json
	$(BIN)/python -m pytest tests/soak -m soak -s $(ARGS)

bench: install ## benchmarks as JSON, each beside bare Temporal or kubectl
	$(BIN)/python -m bench $(ARGS)

record: install ## golden histories and fingerprints, after a change to a workflow
	$(BIN)/python -m tests.histories.record

audit: install ## break 20 done rows on purpose and want each test red
	$(BIN)/python -m tests.audit

lock: install ## requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url pyproject.toml --group dev -o requirements.lock

proto: install ## generated code from proto/
	$(BIN)/python proto/generate.py

docs: install ## generated reference pages
	$(BIN)/python -m docs.generate

clean: ## remove what runs and tests leave behind
	rm -rf var .pytest_cache .mypy_cache .ruff_cache
