# Every command a person or a machine runs on this project. `make demo` and `make test` set up all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two CPU builds of torch have one version; the plain index names the small one for this pin.
STAMP := $(VENV)/.installed

.PHONY: install demo test lint types bench faults matrix latency pages clean

install: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed"'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=24"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: install
	$(BIN)/python -m bench.demo demo

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m bench

faults: install
	$(BIN)/python -m bench.faults

# The relink contract on every preset, frame rate, audio layout and start: some five minutes.
matrix: install
	$(BIN)/python -m bench.matrix

# The pictures of the page in docs/, of a production in the midst of its day; needs Chromium and its driver.
pages: install
	$(BIN)/python -m bench.pictures docs

clean:
	rm -rf demo build .mypy_cache .ruff_cache .pytest_cache
