# Everything runs out of .venv, which the first command that needs it sets up. `make` alone lists the commands.
PYTHON ?= python3
LOCAL_LAKE := $(CURDIR)/data/lakehouse

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PIP_INSTALL := $(PIP) install --quiet --require-hashes --no-build-isolation
RUN_STAMP := .venv/.installed-run
DEV_STAMP := .venv/.installed-dev
JARS_STAMP := .venv/.installed-jars
# The tools that judge the deployment files, apart from all else.
DEPLOY_BIN := .venv-deploy/bin
DEPLOY_STAMP := .venv-deploy/.installed
ACTIONLINT_VERSION := v1.7.12
# Airflow has an environment of its own, as it has where it runs: it and the package want other versions of the same things.
AIRFLOW_BIN := .venv-airflow/bin
AIRFLOW_STAMP := .venv-airflow/.installed
# Benchmarks time the package as it is installed, beside programs that it does not need.
BENCH_BIN := .venv-bench/bin
BENCH_PIP := $(BENCH_BIN)/python -m pip --disable-pip-version-check install --quiet
BENCH_STAMP := .venv-bench/.installed
BENCH_JARS_STAMP := .venv-bench/.installed-jars
# `make test` runs these on Spark, in one session.
SPARK_TESTS := tests/test_pipeline_components.py tests/test_parity.py tests/test_lake_parity.py tests/test_generated_code.py
# Only for Spark, and only in environments of their own.
NOT_EMBEDDED := tests/test_spark.py tests/test_generated_code.py tests/test_reader_on_spark.py tests/test_late_writes.py tests/test_parity.py tests/test_lake_parity.py tests/connect tests/airflow
RECOVERY := $(wildcard tests/test_dr*.py)
DEPLOYMENT := tests/container tests/test_databricks_job.py tests/test_databricks_task.py tests/test_monitoring.py \
    tests/test_prometheus.py tests/test_terraform.py tests/test_wheel.py tests/test_workflows.py
# What `make test-full` consists of: the tests of `make test` and those marked `full`, each in one part.
FULL_PARTS := test-full-embedded test-full-spark test-recovery test-deployment test-s3 test-connect test-airflow
PYTEST = $(BIN)/python -m pytest -q
# Files in the order of their names: by default those with few tests come last, and these tests take longest.
IN_TWO = ENGINE=embedded $(PYTEST) --numprocesses 2 --dist loadfile --no-loadscope-reorder
ON_SPARK = ENGINE=spark $(PYTEST)
# For a few rows, code that Spark generates and the JVM compiles costs more than it gains.
FEW_ROWS_ON_SPARK = SPARK_CONF_DIR=$(CURDIR)/tests/faults/spark $(ON_SPARK)
HOOK_TOOLS := black isort flake8 detect-secrets

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help install run hooks fmt test test-embedded test-spark test-full $(FULL_PARTS) soak queries bench mutants compiler monitoring-tools browser lint lock wheel check-wheel image check-image check-image-steps check-deploy check-rules check-terraform validate-terraform test-terraform picture sbom audit packages-known shell-checker clean

help: ## Show the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

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

# All that is needed is asked for first: where something cannot be installed, nothing is downloaded.
test: ## Run the tests on both engines (sets up what they need, Java too)
	@tests/needs java cc promtool
	@$(MAKE) --no-print-directory test-embedded
	@$(MAKE) --no-print-directory test-spark

# A C compiler makes the faults that a process meets from outside; Prometheus and its promtool judge what it is given.
test-embedded: compiler monitoring-tools $(DEV_STAMP) ## Run the tests on the embedded engine, without Java
	@$(IN_TWO) $(NOT_EMBEDDED:%=--ignore=%)

test-spark: $(JARS_STAMP) ## Run the tests of transforms, of parity and of lakes that the engines share on Spark
	@$(FEW_ROWS_ON_SPARK) $(SPARK_TESTS)

test-full: ## Run everything, part by part, and say how long each took (hours)
	@tests/needs java cc promtool chromium
	@ended=0; times=""; for part in $(FULL_PARTS); do \
	    echo "== make $$part"; since=$$SECONDS; \
	    if $(MAKE) --no-print-directory $$part; then how=passed; else how=FAILED; ended=1; fi; \
	    times+=$$(printf '%-20s %5d s  %s' $$part $$((SECONDS - since)) $$how)$$'\n'; \
	done; printf '== make test-full\n%s' "$$times"; exit $$ended

test-full-embedded: compiler monitoring-tools browser $(DEV_STAMP) ## All tests on the embedded engine but those of the parts below
	@$(IN_TWO) -m "" -k "not s3" $(NOT_EMBEDDED:%=--ignore=%) $(RECOVERY:%=--ignore=%) $(DEPLOYMENT:%=--ignore=%)

test-full-spark: compiler $(JARS_STAMP) ## All tests of rows, and all those of whole runs that are marked `spark`, on Spark
	@PARITY_EXAMPLES=2000 $(ON_SPARK) -m "" $(SPARK_TESTS) tests/test_differential.py tests/test_reader_on_spark.py
	@$(FEW_ROWS_ON_SPARK) -m "spark and not embedded_only" $(SPARK_TESTS:%=--ignore=%) --ignore=tests/test_reader_on_spark.py --ignore=tests/connect --ignore=tests/airflow

test-recovery: compiler $(DEV_STAMP) ## All tests of backups, restores and drills
	@$(IN_TWO) -m "" -k "not s3" $(RECOVERY)

test-deployment: monitoring-tools $(JARS_STAMP) ## All tests of what deploys and watches: container, Databricks, Terraform, workflows, wheel, Prometheus
	@$(IN_TWO) -m "" $(DEPLOYMENT)

test-s3: $(DEV_STAMP) ## All tests against an object store
	@$(IN_TWO) -m "" -k s3 $(NOT_EMBEDDED:%=--ignore=%)

test-connect: $(JARS_STAMP) ## Whole runs through a Spark Connect server
	@$(FEW_ROWS_ON_SPARK) -m "" tests/connect

test-airflow: $(AIRFLOW_STAMP) $(JARS_STAMP) ## The DAG in Airflow, in an environment of its own, on both engines
	@$(AIRFLOW_BIN)/ruff check --isolated --quiet --select AIR3 dags
	@ENGINE=embedded $(PYTEST) -m "" tests/airflow

soak: $(JARS_STAMP) ## Kill 200 runs at random moments on both engines, and compare these on 50,000 hostile values of each sort
	@$(BIN)/python tests/random_kills.py --kills $(or $(KILLS),200)
	@PARITY_EXAMPLES=50000 $(ON_SPARK) tests/test_parity.py

queries: $(DEV_STAMP) ## Write the queries that come with the embedded engine, after a change of transforms or rules
	@ENGINE=embedded $(BIN)/python tests/write_queries.py

# Options: CASES=first-load,daily ENGINES=embedded SIZES=1,10 (million rows) RUNS=3 LARGE=1 BASELINE=<git revision> ARGS=
BENCH_OPTIONS = $(if $(CASES),--cases $(CASES)) $(if $(ENGINES),--engines $(ENGINES)) $(if $(SIZES),--sizes $(SIZES)) \
    $(if $(RUNS),--runs $(RUNS)) $(if $(LARGE),--large) $(if $(BASELINE),--baseline $(BASELINE)) $(ARGS)
bench: $(if $(filter embedded,$(ENGINES)),$(BENCH_STAMP),$(BENCH_JARS_STAMP)) ## Time the package against other programs on the same files (CASES=, ENGINES=, SIZES=, RUNS=, LARGE=1, BASELINE=)
	@$(BENCH_BIN)/python -m benchmarks.run $(BENCH_OPTIONS)

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
    --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
lock: $(BIN)/uv ## Write the lock files after a change in pyproject.toml (UPGRADE=1 takes newer versions)
	@$(UV_COMPILE) pyproject.toml --extra spark --extra report --group dev --output-file requirements/dev.txt
	@$(UV_COMPILE) pyproject.toml --extra report --group build --group sample --constraints requirements/dev.txt --output-file requirements/run.txt
	@$(UV_COMPILE) pyproject.toml --extra spark --extra report --extra lineage --constraints requirements/dev.txt --output-file requirements/image.txt
	@$(UV_COMPILE) --group build --constraints requirements/dev.txt --output-file requirements/build.txt
	@$(UV_COMPILE) --group deploy --output-file requirements/deploy.txt
	@$(UV_COMPILE) --group airflow --output-file requirements/airflow.txt
	@$(UV_COMPILE) pyproject.toml --extra spark --group bench --constraints requirements/dev.txt --output-file requirements/bench.txt
	@for tool in $(HOOK_TOOLS); do \
	    pin=$$(sed -n "s/^\($$tool==[^ ]*\).*/\1/p" requirements/dev.txt); \
	    sed -i.bak "s/\[$$tool==[^]]*\]/[$$pin]/" .pre-commit-config.yaml; \
	done; rm -f .pre-commit-config.yaml.bak

wheel: $(DEV_STAMP) ## Build the wheel into dist/
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist .

image: ## Build the container image returns-lakehouse:latest (needs Docker)
	@docker build --tag returns-lakehouse:latest .

check-image: image ## Run the image on the sample: no network, read-only, any user, both engines
	@tests/container/smoke returns-lakehouse:latest

check-image-steps: $(DEV_STAMP) packages-known ## Without Docker, as root: run the Dockerfile's steps and the result in a root directory of their own
	@$(BIN)/python -m pytest -q tests/container/image_steps.py

check-wheel: wheel ## Install the wheel with its locked dependencies into a new environment, and use it
	@rm -rf build/check-wheel && $(PYTHON) -m venv build/check-wheel
	@build/check-wheel/bin/python -m pip install --quiet --require-hashes --only-binary=:all: --requirement requirements/run.txt
	@build/check-wheel/bin/python -m pip install --quiet --no-deps --no-index dist/pyspark_interview_project-*.whl
	@mkdir -p build/check-wheel/lake/bronze && cp -r samples/returns build/check-wheel/lake/bronze/returns_raw
	@cd build/check-wheel && export DATA_ROOT=lake && bin/returns doctor && bin/returns run --as-of 2026-11-23 && bin/returns report

check-deploy: $(DEPLOY_STAMP) $(DEPLOY_BIN)/actionlint shell-checker check-terraform ## Check Dockerfile, workflows, shell scripts and Terraform with the tools for each
	@$(DEPLOY_BIN)/hadolint Dockerfile
	@shellcheck .ci/run docker/named-user tests/container/smoke tests/needs
	@$(DEPLOY_BIN)/actionlint
	@$(DEPLOY_BIN)/zizmor --offline --persona auditor --quiet .github

# Terraform's provider is not needed for this: the refusals of the variables are tested beside an empty module.
TERRAFORM_VARIABLES := build/terraform-variables
check-terraform: $(DEPLOY_STAMP) ## Check the format of the Terraform files, the refusals of their variables, and checkov's rules
	@command -v terraform >/dev/null || { echo "check-terraform needs Terraform 1.7 or newer (https://developer.hashicorp.com/terraform/install)" >&2; exit 2; }
	@terraform -chdir=infra/terraform fmt -check -recursive -diff
	@rm -rf $(TERRAFORM_VARIABLES) && mkdir -p $(TERRAFORM_VARIABLES)/tests
	@cp infra/terraform/variables.tf $(TERRAFORM_VARIABLES) && cp infra/terraform/tests/variables.tftest.hcl $(TERRAFORM_VARIABLES)/tests
	@terraform -chdir=$(TERRAFORM_VARIABLES) init -no-color >/dev/null
	@terraform -chdir=$(TERRAFORM_VARIABLES) test -no-color
	@$(DEPLOY_BIN)/checkov --directory infra/terraform --framework terraform --compact --quiet --skip-download

validate-terraform: ## Validate the Terraform module with the provider's schema (fetches it from its registry)
	@terraform -chdir=infra/terraform init -backend=false -input=false
	@terraform -chdir=infra/terraform validate

test-terraform: validate-terraform ## Test the Terraform module with a mocked provider (fetches its schema)
	@terraform -chdir=infra/terraform test

check-rules: monitoring-tools ## Check and test the Prometheus rules
	@promtool check rules --lint=all --lint-fatal infra/prometheus/rules/*.yml
	@promtool test rules infra/prometheus/tests/*.yml

# The three days of the sample, a run for each. The picture ends behind the table of runs.
PICTURE := build/picture
picture: $(RUN_STAMP) browser ## Make docs/images/report.png, the picture of the report in README.md, from the sample
	@rm -rf $(PICTURE) && mkdir -p $(PICTURE)/lake/bronze docs/images && cp -r samples/returns $(PICTURE)/lake/bronze/returns_raw
	@export DATA_ROOT=$(PICTURE)/lake APP_ENV=dev ENGINE=embedded LOG_LEVEL=ERROR SERVE_METRICS=false; \
	for day in 2026-11-20 2026-11-21 2026-11-22; do $(BIN)/returns run --as-of $$day >/dev/null; done; \
	$(BIN)/returns report >/dev/null
	@chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars \
	    --user-data-dir=$(PICTURE)/profile --window-size=1240,1970 --screenshot=docs/images/report.png \
	    file://$(CURDIR)/$(PICTURE)/lake/metrics/report.html >$(PICTURE)/chromium.log 2>&1 || { cat $(PICTURE)/chromium.log >&2; exit 1; }
	@echo "docs/images/report.png is made"

sbom: $(DEPLOY_STAMP) ## Write the list of what is in the image to dist/sbom.json (CycloneDX)
	@mkdir -p dist
	@$(DEPLOY_BIN)/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml --outfile dist/sbom.json requirements/image.txt

audit: $(DEPLOY_STAMP) ## Look up known vulnerabilities of what is locked; dist/audit has what was found, by lock
	@rm -rf dist/audit && mkdir -p dist/audit
	@ended=0; for lock in requirements/*.txt; do \
	    $(DEPLOY_BIN)/pip-audit --disable-pip --require-hashes --requirement $$lock \
	        --format json --output dist/audit/$$(basename $$lock .txt).json $(AUDIT_OPTIONS) || ended=$$?; \
	done; exit $$ended

clean: ## Remove .venv, .venv-airflow, caches and what was built (data/ stays)
	@rm -rf .venv .venv-airflow .venv-bench .venv-deploy build dist mutants .hypothesis .import_linter_cache .mypy_cache .pytest_cache spark-warehouse metastore_db derby.log
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

# $(1): the Python of the environment that gets the jars, $(2): what works without Java.
define FETCH_JARS
	@command -v java >/dev/null || { \
	    echo "Spark needs Java 17 or 21 (apt-get install openjdk-17-jre-headless); without it: $(2)" >&2; exit 2; }
	@echo "Fetching Spark's Delta jars (once)"
	@$(1) -m pyspark_interview_project.engines.spark_jars >/dev/null
	@$(1) -m pyspark_interview_project.engines.jvm_archive >/dev/null
	@touch $@
endef
JAR_FETCHERS := $(addprefix src/pyspark_interview_project/engines/,spark_jars.py jvm_archive.py)

$(JARS_STAMP): $(JAR_FETCHERS) $(DEV_STAMP)
	$(call FETCH_JARS,$(BIN)/python,make test-embedded)

$(DEPLOY_STAMP): requirements/deploy.txt
	@echo "Setting up .venv-deploy (once, about a minute)"
	@$(PYTHON) -m venv --clear .venv-deploy
	@$(DEPLOY_BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/deploy.txt
	@touch $@

# There is no wheel of it; Go checks the module against its checksum database.
$(DEPLOY_BIN)/actionlint: $(DEPLOY_STAMP)
	@command -v go >/dev/null || { echo "actionlint is built with Go (https://go.dev/dl, or apt-get install golang-go)" >&2; exit 2; }
	@GOBIN=$(CURDIR)/$(DEPLOY_BIN) GOFLAGS= go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)

$(AIRFLOW_STAMP): requirements/airflow.txt $(RUN_STAMP)
	@echo "Setting up .venv-airflow for the tests of the DAG (once, about a minute)"
	@$(PYTHON) -m venv --clear .venv-airflow
	@$(AIRFLOW_BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary=:all: \
	    --requirement requirements/airflow.txt
	@touch $@

# pyspark is built by what is installed first.
$(BENCH_STAMP): requirements/bench.txt requirements/build.txt pyproject.toml
	@echo "Setting up .venv-bench for the benchmarks (once, a minute or two)"
	@$(PYTHON) -m venv --clear .venv-bench
	@$(BENCH_PIP) --require-hashes --only-binary=:all: --requirement requirements/build.txt
	@$(BENCH_PIP) --require-hashes --only-binary=:all: --no-binary=pyspark --no-build-isolation --requirement requirements/bench.txt
	@$(BENCH_PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(BENCH_JARS_STAMP): $(JAR_FETCHERS) $(BENCH_STAMP)
	$(call FETCH_JARS,$(BENCH_BIN)/python,make bench ENGINES=embedded)

# A fresh machine may know no package yet.
packages-known:
	@apt-cache show tini libnss-wrapper >/dev/null 2>&1 || apt-get update --quiet

compiler:
	@tests/needs cc

shell-checker:
	@tests/needs shellcheck

monitoring-tools:
	@tests/needs promtool

browser:
	@tests/needs chromium

$(BIN)/uv:
	@$(MAKE) --no-print-directory install
