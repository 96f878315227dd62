# Everything a developer does here. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
TEST_PROCESSES ?= 2
STORY_EXAMPLES ?= 1500
BIN := .venv/bin
READY := .venv/.ready
CODE := canonical runtime adapters store activities workflows gateway console workers tests bench

export PYTHON

.PHONY: help setup demo test check format lock replay record certify soak bench clean distclean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

$(READY): requirements/lock.txt pyproject.toml scripts/setup
	@scripts/setup
	@touch $@

setup: $(READY) ## make .venv with the locked packages; the other targets do it themselves

demo: $(READY) ## run one engagement live, from a signed deal to a paid invoice (SCENARIO=retainer: another contract; DEMO_EXIT=1: then leave)
	@$(BIN)/c2c demo $(if $(SCENARIO),--scenario $(SCENARIO))

test: $(READY) ## run all tests (TEST_PROCESSES=2)
	@$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

check: $(READY) ## format, lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## rewrite the code as `make check` wants it
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(READY) ## resolve the dependencies anew (UPGRADE=--upgrade: to the newest allowed)
	@scripts/lock $(UPGRADE)

replay: $(READY) ## replay the recorded workflow histories against the code
	@$(BIN)/pytest tests/replay

record: $(READY) ## record workflow histories anew into tests/replay/histories
	@$(BIN)/c2c record

certify: $(READY) ## run the conformance suite against every adapter found
	@$(BIN)/pytest tests/adapters/conformance

soak: $(READY) ## ten times the generated stories of `make test`, then many engagements under faults
	@C2C_STORY_EXAMPLES=$(STORY_EXAMPLES) $(BIN)/pytest -n $(TEST_PROCESSES) -q -k any_order
	@$(BIN)/python bench/soak.py

bench: $(READY) ## measure; each script ends with one line of JSON (BENCH=--quick: a short look)
	@for script in bench/[a-z]*.py; do \
	  [ "$$script" = bench/soak.py ] || $(BIN)/python "$$script" $(BENCH); \
	done

clean: ## remove what this clone holds: environment, local state, caches of the tools
	@rm -rf .venv .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## clean, and remove the user's cache that all clones share
	@scripts/distclean
