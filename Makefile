# make analyze   set up, then analyse examples/posts.txt with the embedded model
# make test      set up, then run the tests, two files at a time (WORKERS=1: one after the other)
# make lint      ruff and mypy
#
# A machine without CUDA: make analyze TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= python3
TORCH_INDEX ?=
WORKERS ?= 2
BIN := .venv/bin
PIP := DS_BUILD_OPS=0 $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: analyze test lint clean

analyze: .venv/base
	$(BIN)/mentalglm analyze --file examples/posts.txt --task all

test: .venv/all
	PATH="$(CURDIR)/$(BIN):$$PATH" OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

lint: .venv/all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/torch: constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) torch $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
	@touch $@

.venv/base: .venv/torch pyproject.toml
	$(PIP) -e .
	@touch $@

.venv/all: .venv/base
	$(PIP) -e ".[corpus,train,qlora,eval,demo,serve,remote,dev]"
	@touch $@

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache
