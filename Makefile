# Without make, the same two commands are these, after `pip install uv`:
#   uv sync --locked --all-extras && uv run patterndesk up
#   uv sync --locked --all-extras && uv run pytest -n 3 --dist loadgroup -m "not long"

PYTHON ?= python3
PROCESSES ?= 3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NODE_READY := $(VENV)/.node-ready

.PHONY: run test test-all test-again check bench corpus soak drills live-check format seam
.DELETE_ON_ERROR:

run: $(READY)
	@$(BIN)/patterndesk up

# More processes than processors, for many tests wait; see docs/testing.md.
test: $(READY)
	$(BIN)/pytest -n $(PROCESSES) --dist loadgroup -m "not long" $(ARGS)

# With the tests marked `long`: the same promises in more combinations. CI runs these.
test-all: $(READY)
	$(BIN)/pytest -n $(PROCESSES) --dist loadgroup $(ARGS)

# What failed last time, one after the other with nothing beside it.
test-again: $(READY)
	$(BIN)/pytest --last-failed --last-failed-no-failures none $(ARGS)

check: $(READY) $(NODE_READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python -m tools.seam --check
	$(BIN)/node node_modules/typescript/bin/tsc
	$(BIN)/node tools/seam/unread.mjs
	$(BIN)/node node_modules/eslint/bin/eslint.js .
	$(BIN)/pytest -q -p no:cacheprovider tests/migrations/test_chain.py tests/test_structure.py tests/test_documents.py
	$(VENV)/bootstrap/bin/uv lock --check --offline || $(VENV)/bootstrap/bin/uv lock --check

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

# Planted leaks, those of strangers, honest and hostile detectors, and tests against the gates; ARGS="leaks --profile part" for less.
corpus: $(READY)
	$(BIN)/python -m tests.detectors.corpus $(ARGS)

# A hundred kills at seeded moments; ARGS="--kills 12 --seed 7" for other numbers.
soak: $(READY)
	$(BIN)/python -m tests.support.soak --write benchmarks/soak.json $(ARGS)

# What an operator fears, done to a whole installation under load; ARGS="kills --kills 5" for less. Some of it needs root.
drills: $(READY)
	$(BIN)/python -m tests.support.drills $(ARGS)

# One tiny execution against the real model; needs ANTHROPIC_API_KEY and spends some cents.
live-check: $(READY)
	@$(BIN)/patterndesk live-check $(ARGS)

# The types of what crosses to the browser, made from the Python types.
seam: $(READY)
	$(BIN)/python -m tools.seam

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; say which with PYTHON=...") if sys.version_info < (3, 11) else None'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@test -x $(VENV)/bootstrap/bin/uv || ($(PYTHON) -m venv $(VENV)/bootstrap && $(VENV)/bootstrap/bin/pip install --quiet 'uv>=0.9')
	@$(VENV)/bootstrap/bin/uv sync --locked --quiet --all-extras
	@touch $@

# node comes as a wheel and the checkers by npm, both pinned; only `make check` asks for them.
$(NODE_READY): $(READY) package-lock.json
	@$(VENV)/bootstrap/bin/uv sync --locked --quiet --all-extras --group node
	@$(BIN)/npm ci --silent
	@touch $@
