# One `make` does all set-up: a virtual environment in .venv with the versions of constraints.txt.
# ARGS is passed on, as in: make test ARGS="tests/engine -k ledger"

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install demo test test-more coverage mutants fuzz chaos hits lint format types imports check docs web web-check web-checked bench constraints dist supply clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 14

install: $(STAMP) ## set up .venv; does nothing when nothing has changed

demo: $(STAMP) ## run a simulated scan through a complete pipeline, about ten seconds
	$(BIN)/beamloom demo $(ARGS)

test: $(STAMP) ## run the tests
	$(BIN)/pytest $(ARGS)

test-more: $(STAMP) ## run the tests that take long, or need programs of others first: HSDS, h5web, PyMca, Sardana, Helm; ten minutes
	@$(PIP) install --constraint constraints.txt --group compiled || echo "PyMca5 could not be compiled; what needs it is not tested"
	$(BIN)/pytest -m "installs or long" $(ARGS)

coverage: $(STAMP) ## measure which lines of engine, transport, services and results their tests reach; half an hour
	@$(PIP) install --constraint constraints.txt --group measuring
	$(BIN)/python benchmarks/covered_lines.py --page docs/reference/tests.md $(ARGS)

mutants: $(STAMP) ## harm the engine in 300 small ways and see whether its tests notice; an hour
	@$(PIP) install --constraint constraints.txt --group measuring
	$(BIN)/python benchmarks/mutants.py --page docs/reference/tests.md $(ARGS)

fuzz: $(STAMP) ## harm 10,000 packets of every device, look at many more orders of events, ask much over HTTP; ten minutes and more
	BEAMLOOM_DEEP=1 $(BIN)/pytest tests/devices/test_conformance.py tests/engine tests/openapi tests/services/pipeline/test_hostile_messages.py $(ARGS)

chaos: $(STAMP) ## kill, stop and trouble every process of a run of 50,000 events, and compare with an undisturbed one; takes minutes
	PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

hits: $(STAMP) ## find, stream and store the hits of 2,000 frames while a client and a worker are killed, and compare with one process; two minutes
	PYTHONPATH=tests $(BIN)/python -m apps.crystallography.campaign $(ARGS)

lint: $(STAMP) ## look for likely mistakes and for code that is not formatted
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP) ## format the code and mend what can be mended safely
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP) ## check the types of sources and tests
	$(BIN)/mypy src tests

imports: $(STAMP) ## check who imports whom
	$(BIN)/lint-imports --no-logo

check: $(STAMP) ## test, lint, types and imports, as continuous integration does
	.ci/run

docs: $(STAMP) ## build the site of the documentation into out/site; a link that leads nowhere fails it
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "open out/site/index.html, or serve it: $(BIN)/python -m http.server --directory out/site"

web: web/node_modules ## build the dashboard from web/ into the package; needs npm
	cd web && npm run --silent build

web-check: ## check the types of the dashboard, test it, and see that what is in the package was built from it; needs npm
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory web-checked; else echo "skipped: needs npm; install Node.js"; fi

web-checked: web/node_modules
	cd web && npm run --silent types && npm run --silent test && npx vite build --logLevel error --outDir ../out/web
	diff -r out/web src/beamloom/web || { echo "the dashboard in the package is not that of web/; run: make web" >&2; exit 1; }

bench: $(STAMP) ## measure Beamloom beside dranspose, plain pyzmq and memcpy, and write the table of it; under 15 minutes
	$(BIN)/python benchmarks/bench.py --page docs/reference/comparison.md $(ARGS)

web/node_modules: web/package.json web/package-lock.json
	cd web && npm ci --silent
	@touch $@

constraints: ## choose the newest versions of everything and pin them in constraints.txt
	@rm -rf out/constraints && mkdir -p out
	@$(FIND_PYTHON) && $$python -m venv out/constraints
	@out/constraints/bin/python -m pip install --quiet --upgrade pip
	@out/constraints/bin/python -m pip install --quiet --group build --group dev --group compiled --group measuring --group sardana .
	@{ grep '^#' constraints.txt; \
	   out/constraints/bin/python -m pip freeze --all --exclude beamloom --exclude setuptools; \
	 } > out/constraints.txt && mv out/constraints.txt constraints.txt
	@rm -rf out/constraints

dist: $(STAMP) ## build the archive of the sources and the wheel into dist/
	rm -rf dist
	@PYTHONPATH=tests $(BIN)/python -m supply --keep dist --python= --extras=

supply: $(STAMP) ## install the wheel in empty environments: Python 3.11 to 3.13, and each extra alone; half an hour
	PYTHONPATH=tests $(BIN)/python -m supply $(ARGS)

clean: ## remove .venv and everything else that was built
	rm -rf $(VENV) out dist web/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# hatchling is installed before the project and used from .venv, so that it is pinned like the rest.
$(STAMP): pyproject.toml constraints.txt hatch_build.py src/beamloom/native/_core.c
	@test -x $(BIN)/python || { $(FIND_PYTHON) && $$python -m venv $(VENV); }
	@echo "installing into $(VENV)"
	@$(PIP) install --constraint constraints.txt pip
	@$(PIP) install --constraint constraints.txt --group build --group dev
	@$(PIP) install --constraint constraints.txt --no-build-isolation --editable .
	@touch $@

# Sets $python to the first one on the path that is new enough; a version manager may list some that do not start.
define FIND_PYTHON
for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 ""; do \
	test -z "$$python" || ! $$python -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || break; \
done; \
test -n "$$python" || { \
	echo "Beamloom needs Python 3.11 or newer with its venv module, and none was found; install it (on Debian and Ubuntu" \
	     "the package python3.11-venv) or name one: make install PYTHON=/path/to/python3.11" >&2; false; }
endef
