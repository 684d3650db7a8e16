# Everything runs out of .venv, which the first command that needs it sets up. `make` alone lists the commands.
PYTHON ?= python3
LOCAL_LAKE := $(CURDIR)/data/lakehouse

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PIP_INSTALL := $(PIP) install --quiet --require-hashes --no-build-isolation
RUN_STAMP := .venv/.installed-run
DEV_STAMP := .venv/.installed-dev
JARS_STAMP := .venv/.installed-jars
# On Spark in one session.
SPARK_TESTS := tests/test_pipeline_components.py tests/test_parity.py
# Those that test more than a transform, on Spark too.
SPARK_LONG_TESTS := tests/test_spark.py tests/test_lake.py tests/test_lake_parity.py tests/test_end_to_end.py \
    tests/test_differential.py tests/test_properties.py
# Those whose runs are killed or stopped: on Spark each takes a JVM of its own, so that not all are run there each time.
FAULT_TESTS := tests/test_kills.py tests/test_interruptions.py tests/test_storage_faults.py
INPUT_TESTS := tests/test_corpus.py tests/test_injection.py
# Only for Spark: left out on the embedded engine.
SPARK_ONLY := tests/test_spark.py tests/test_parity.py tests/test_lake_parity.py tests/connect
# A test's session is short: the compiler for long ones costs it more than it gains.
ON_SPARK = ENGINE=spark JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1 $(BIN)/python -m pytest -q
HOOK_TOOLS := black isort flake8 detect-secrets

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help install run hooks fmt test test-embedded test-spark test-long test-connect soak faults-on-spark mutants compiler monitoring-tools browser lint lock wheel clean

help: ## Show the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(DEV_STAMP) ## Set up .venv with the package (editable), its extras and the development tools
	@if command -v java >/dev/null; then $(MAKE) --no-print-directory $(JARS_STAMP); \
	else echo "There is no Java: the embedded engine works, Spark needs Java 17 or 21 (apt-get install openjdk-17-jre-headless)"; fi

# The report is made of a run that failed too; one that only shows something leaves the lake as it is.
ONLY_SHOWN = $(filter --dry-run --help,$(ARGS))
MAKE_REPORT = $(if $(ONLY_SHOWN),true,$(BIN)/returns report)
RUN_AND_REPORT = ended=0; $(BIN)/returns run $(if $(ENGINE),--engine $(ENGINE)) $(ARGS) || ended=$$?; \
    [ $$ended = 2 ] || $(MAKE_REPORT) || true; exit $$ended
run: $(if $(filter spark,$(ENGINE)),$(JARS_STAMP),$(RUN_STAMP)) ## Run the main job: on DATA_ROOT if given, else on a TPC-DS sample in data/ (also ENGINE=, ARGS=)
ifeq ($(strip $(DATA_ROOT)),)
	@$(BIN)/python samples/land_tpcds_returns.py "$(LOCAL_LAKE)"
	@export DATA_ROOT="$(LOCAL_LAKE)"; $(RUN_AND_REPORT)
else
	@export DATA_ROOT="$(DATA_ROOT)"; $(RUN_AND_REPORT)
endif

hooks: $(DEV_STAMP) ## Install the git hooks that check a commit
	@$(BIN)/pre-commit install

fmt: $(DEV_STAMP) ## Format the code
	@$(BIN)/isort --quiet .
	@$(BIN)/black --quiet .

test: $(JARS_STAMP) test-embedded test-spark ## Run the tests on both engines (Spark needs Java 17 or 21)

# A C compiler makes the faults that a process meets from outside; Prometheus and its promtool judge what it is given.
test-embedded: $(DEV_STAMP) compiler monitoring-tools ## Run the tests on the embedded engine, without Java
	@ENGINE=embedded $(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile $(SPARK_ONLY:%=--ignore=%)

test-spark: $(JARS_STAMP) ## Run the tests of transforms and of parity between the engines on Spark
	@$(ON_SPARK) $(SPARK_TESTS)

test-long: $(JARS_STAMP) compiler monitoring-tools browser test-connect ## Run the lake and whole runs on Spark, TPC-DS on both engines, and a Connect server
	@ENGINE=embedded $(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile -m long $(SPARK_ONLY:%=--ignore=%)
	@$(ON_SPARK) -m "long or not long" $(SPARK_LONG_TESTS)
	@$(ON_SPARK) -m on_spark $(FAULT_TESTS)
	@$(ON_SPARK) -k "not run_without" $(INPUT_TESTS)

test-connect: $(JARS_STAMP) ## Run whole runs through a Spark Connect server
	@$(ON_SPARK) tests/connect

soak: $(JARS_STAMP) ## Kill 200 runs at random moments on both engines, and compare these on 50,000 hostile values of each sort
	@$(BIN)/python tests/random_kills.py --kills $(or $(KILLS),200)
	@PARITY_EXAMPLES=50000 $(ON_SPARK) tests/test_parity.py

faults-on-spark: $(JARS_STAMP) compiler ## The kills, stops and full disks that make test-long leaves to the embedded engine (an hour)
	@$(ON_SPARK) -m "not on_spark and not embedded_only" $(FAULT_TESTS)

mutants: $(DEV_STAMP) ## Change rules, choice of versions and planning, bit by bit: does a test fail each time?
	@$(BIN)/python tests/mutants.py

lint: $(DEV_STAMP) ## Check format, style, types, imports and secrets
	@$(BIN)/black --check .
	@$(BIN)/isort --check-only .
	@$(BIN)/flake8
	@$(BIN)/mypy src
	@$(BIN)/lint-imports --no-logo
	@git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --no-verify --baseline .secrets.baseline
	@for tool in $(HOOK_TOOLS); do \
	    pin=$$(sed -n "s/^\($$tool==[^ ]*\).*/\1/p" requirements/dev.txt); \
	    grep -qF "[$$pin]" .pre-commit-config.yaml || { echo ".pre-commit-config.yaml: not $$pin; run 'make lock'" >&2; exit 1; }; \
	done

UV_COMPILE = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
    --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) pyproject.toml
lock: $(BIN)/uv ## Write the lock files after a change in pyproject.toml (UPGRADE=1 takes newer versions)
	@$(UV_COMPILE) --extra spark --extra report --group dev --output-file requirements/dev.txt
	@$(UV_COMPILE) --extra report --group build --group sample --constraints requirements/dev.txt --output-file requirements/run.txt
	@for tool in $(HOOK_TOOLS); do \
	    pin=$$(sed -n "s/^\($$tool==[^ ]*\).*/\1/p" requirements/dev.txt); \
	    sed -i.bak "s/\[$$tool==[^]]*\]/[$$pin]/" .pre-commit-config.yaml; \
	done; rm -f .pre-commit-config.yaml.bak

wheel: $(DEV_STAMP) ## Build the wheel into dist/
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist .

clean: ## Remove .venv, caches and what was built (data/ stays)
	@rm -rf .venv build dist mutants .hypothesis .import_linter_cache .mypy_cache .pytest_cache spark-warehouse metastore_db derby.log
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up. The stamps say what .venv holds; a newer lock file or pyproject.toml sets it up again.
$(RUN_STAMP): requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "$(PYTHON) is not Python 3.11 or newer; name one that is: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "Setting up .venv for the embedded engine (once, about half a minute)"
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(PIP_INSTALL) --only-binary=:all: --requirement requirements/run.txt
	@$(PIP) install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

# pyspark comes as a source archive only; setuptools, which builds it, is there from the first stamp.
$(DEV_STAMP): requirements/dev.txt $(RUN_STAMP)
	@echo "Adding Spark and the development tools to .venv (once, a minute or two)"
	@$(PIP_INSTALL) --only-binary=:all: --no-binary=pyspark --requirement requirements/dev.txt
	@touch $@

$(JARS_STAMP): src/pyspark_interview_project/lake/spark_jars.py $(DEV_STAMP)
	@command -v java >/dev/null || { \
	    echo "Spark needs Java 17 or 21 (apt-get install openjdk-17-jre-headless); without it: make test-embedded" >&2; exit 2; }
	@echo "Fetching Spark's Delta jars (once)"
	@$(BIN)/python -m pyspark_interview_project.lake.spark_jars >/dev/null
	@touch $@

# A fresh machine may know no package yet.
apt_install = { apt-get update --quiet && apt-get install --yes --no-install-recommends $(1); }
compiler:
	@command -v cc >/dev/null || $(call apt_install,gcc libc6-dev)

monitoring-tools:
	@{ command -v promtool && command -v prometheus; } >/dev/null || $(call apt_install,prometheus)

browser:
	@command -v chromium >/dev/null || $(call apt_install,chromium)

$(BIN)/uv:
	@$(MAKE) --no-print-directory install
