# Everything a person or CI does here. `make demo` and `make test` build what they need themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NODE := node_modules/.ready
BENCHES := lambda_import reaction serving overload rollout gates sweep month local_lambda local_events local_invoke local_life
SOURCES := bench bundles cdk cli demo docs events functions local serving tests training app.py
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup demo test check format lint types arch synth docs docs-fresh bench sim crashpoints mutants differential nemesis clean

setup: $(READY) $(NODE)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "PYTHON_TOO_OLD: $(PYTHON) is no Python 3.11 or newer; say make PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) \
	  || { rm -rf $(VENV); echo "VENV_MISSING: $(PYTHON) cannot make a venv; install python3-venv"; exit 2; }
	$(BIN)/pip install --quiet --constraint constraints.txt "torch==2.13.0"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[functions,checks,containers,cdk,local,demo,bench,dev]"
	@touch $@

$(NODE): package-lock.json $(READY)
	npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

demo: setup  ## the whole story on the embedded AWS
	$(BIN)/python -m demo

WORKERS ?= 3
test: setup  ## every test; most of them wait for processes, so more of them run than there are cores
	$(BIN)/pytest -q --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

check: setup format lint types arch test docs-fresh  ## what CI asks for

format:
	$(BIN)/ruff format --check --quiet .

lint:
	$(BIN)/ruff check --quiet .

types:
	$(BIN)/mypy $(SOURCES)

arch:
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q tests/architecture

synth: setup  ## both stages, by the real CDK CLI, nag included
	npx --no-install cdk synth --quiet --context stage=dev --output .sluice/cdk.out/dev
	npx --no-install cdk synth --quiet --context stage=prod --output .sluice/cdk.out/prod

docs: setup  ## write the generated pages
	$(BIN)/python -m docs.generate

docs-fresh:
	$(BIN)/python -m docs.generate --check

bench: setup  ## every benchmark, against its named peer or limit, kept under bench/results
	@for each in $(BENCHES); do \
	  echo "== $$each"; \
	  $(BIN)/python -m bench.$$each > bench/results/$$each.txt; over=$$?; \
	  cat bench/results/$$each.txt; \
	  test $$over -eq 0 || exit 1; \
	done

bench-%: setup  ## one of them: make bench-rollout
	$(BIN)/python -m bench.$*

SEEDS ?= 100000
sim: setup  ## many seeded worlds in which things go wrong; SEED=n tells one as a story
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

crashpoints: setup  ## a fault at every call of a few stories; PAIRS=1 at every two
	$(BIN)/python -m tests.simulation.crashpoints $(if $(PAIRS),--pairs)

mutants: setup  ## bugs planted on purpose: each has to be found
	$(BIN)/python -m tests.simulation.mutants

differential: setup  ## the same stories in memory and on the embedded AWS: one ledger
	$(BIN)/python -m tests.differential

nemesis: setup  ## real processes under load while everything goes wrong; the history is checked
	$(BIN)/python -m bench.nemesis --seconds 90 --seed 3

clean:
	-@test -x $(BIN)/sluice && $(BIN)/sluice down --purge >/dev/null 2>&1
	rm -rf $(VENV) node_modules .sluice cdk.out build *.egg-info
