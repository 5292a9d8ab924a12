# Two commands do all the set-up: `make demo` and `make test`. Both need Python 3.11 or newer, and nothing installed before.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
OUT ?= likewise-demo
IMAGES ?=
QUERY ?=
SHARDS ?= auto
BENCHES ?= decoding transport index search_exact embed search

# One matching pair; the tests need no compiled operator of torchvision, so it goes in beside whatever torch there is.
TORCH := torch==2.13.0
TORCHVISION := torchvision==0.28.0
# Networks by name; each wishes for a torch and a torchvision of its own, so what else they need is among the extra `dev`.
BACKBONES := timm==1.0.31 open_clip_torch==3.3.0
# The server that the stores' tests can be run against; its Python package is a starter and a binary, in an environment of its own.
MILVUS := milvus==2.3.5 'setuptools<81'
# A peer that the metrics are compared with; its own wish for torch must not change the one above.
TORCHMETRICS := torchmetrics==1.9.0 lightning-utilities==0.15.3

.DEFAULT_GOAL := help
.PHONY: help demo test test-milvus check fix bench smoke clean

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.base
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --no-deps $(TORCHVISION) $(BACKBONES) $(TORCHMETRICS)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(VENV)/.base ## index, search and write pictures, offline; IMAGES=~/Pictures QUERY=cat.jpg uses your own
	$(BIN)/likewise demo --out $(OUT) $(if $(IMAGES),--images $(IMAGES)) $(if $(QUERY),--query $(QUERY))

test: $(VENV)/.dev ## all tests, with coverage
	rm -f .coverage .coverage.*
	$(BIN)/pytest -n $(SHARDS) --cov --cov-report=term

$(VENV)-milvus/bin/milvus-server: | $(BIN)/python
	$(PYTHON) -m venv $(VENV)-milvus
	$(VENV)-milvus/bin/pip install --quiet $(MILVUS)

test-milvus: $(VENV)/.dev $(VENV)-milvus/bin/milvus-server ## the stores' tests on a real Milvus, started in a network of its own (Linux; ten minutes)
	LIKEWISE_MILVUS_SERVER=$(VENV)-milvus/bin/milvus-server $(BIN)/python tests/milvus_server.py $(BIN)/pytest -n0 -k "not lite" \
		tests/contracts/test_store_contract.py tests/contracts/test_store_filters_contract.py tests/contracts/test_store_snapshots_contract.py tests/stores/milvus

check: $(VENV)/.dev ## style, types, layers, tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

fix: $(VENV)/.dev ## mend style where a program can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.dev ## the benchmarks that need no pictures of yours, one after the other: hours; see bench/ for the others
	for program in $(BENCHES); do $(BIN)/python bench/$$program.py || exit 1; done

smoke: $(VENV)/.dev ## the wheel in a fresh environment without development tools
	rm -rf dist build/smoke
	$(BIN)/python -m build --wheel --outdir dist . > /dev/null
	$(PYTHON) -m venv build/smoke
	build/smoke/bin/pip install --quiet dist/*.whl
	build/smoke/bin/python tests/smoke.py

clean: ## remove what was made here
	rm -rf $(VENV) $(VENV)-milvus dist build $(OUT) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
