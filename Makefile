# Thin on purpose: each line is a command that a person could type.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
LEADS ?= 6000
SEED ?= 1

# dbt reports its use to its makers unless told not to
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help run test test-all test-dbt test-python test-postgres test-spark test-schedulers test-superset lint docs screenshots fuzz calibrate bench bench-load bench-engines superset boards clean lock

help:
	@echo "make run    the demo portal (or that of CRM_RAW_DB, or BITRIX24_WEBHOOK_URL), built, published and summed up"
	@echo "make test   lint, every dbt test, the Python tests on DuckDB but the longest, random portals by sample"
	@echo "make test-all  the same with the longest tests and hundreds of random portals, on PostgreSQL and Apache Spark, in Airflow, Dagster and Superset"
	@echo "make test-postgres  the tests on a throw-away PostgreSQL server, whose binaries must be there"
	@echo "make test-spark  the same models on Apache Spark in one process; Java and requirements-spark.lock must be there"
	@echo "make test-schedulers  the files of deploy in Airflow and Dagster, which it installs in target/schedulers"
	@echo "make test-superset  the boards in a real Superset, which it installs in target/superset; chromium must be there"
	@echo "make lint   style and consistency only"
	@echo "make docs   the dbt documentation as one page: target/static_index.html"
	@echo "make screenshots  pictures of the demo's page for the READMEs: docs/page.png, docs/page.ru.png; chromium must be there"
	@echo "make superset  Superset with boards of what is published, on this computer alone: docs/bi.md"
	@echo "make boards URI=postgresql://...  the boards as files to import into a Superset that is there"
	@echo "make fuzz   thousands of random portals against the oracle"
	@echo "make calibrate  how often the scorecard errs, on hundreds of portals: docs/calibration.md, docs/looks.md"
	@echo "make bench  how much longer a run takes than the ten figures by hand: docs/benchmark.md"
	@echo "make bench-load  how fast a portal is loaded, beside reading the same answers: docs/benchmark.md"
	@echo "make bench-engines  what guard and build cost by engine and size of the portal: docs/scaling.md"
	@echo "make clean  removes everything that was made, the environment and the data included"

# the user's own from then on: never overwritten
profiles.yml:
	cp profiles.yml.example $@

$(READY): requirements.lock pyproject.toml | profiles.yml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

data/raw.duckdb: | $(READY)
	crm-effect demo --leads $(LEADS) --seed $(SEED) --out $@

# where a portal is to be loaded, there is no need for a made-up one
HAS_PORTAL := $(if $(BITRIX24_WEBHOOK_URL),yes)$(shell grep -sq '^BITRIX24_WEBHOOK_URL=.' .env && echo yes)
run: $(READY) $(if $(CRM_RAW_DB)$(HAS_PORTAL),,data/raw.duckdb)
	crm-effect run

# lint and dbt use one core each, and the rest of lint goes on beside pytest
test: $(READY)
	$(MAKE) -j2 lint test-dbt test-python

# the same with the whole hunt, hundreds of portals; on the two other engines, whose programs must be there; and in
# Airflow, Dagster and Superset
test-all: export LONG_TESTS = 1
test-all: test test-spark test-schedulers test-superset

# a small portal and a profile of its own, so that tests never touch the data that a person looks at
TEST_DB := DBT_PROFILES_DIR=target/test CRM_RAW_DB=target/test/raw.duckdb CRM_WAREHOUSE_DB=target/test/warehouse.duckdb \
	DBT_TARGET_PATH=target/test DBT_LOG_PATH=target/test CRM_SEEDS_DIR=target/test/demo_seeds
# the demo's company went live on this day
DEMO_VARS := --vars 'crm_go_live_date: "2025-05-01"'
# their columns are those of the fact, described there
AS_IN_THEIR_FACT := int_deals_with_segments.sql int_demand_units_with_segments.sql
test-dbt: $(READY)
	mkdir -p target/test
	rm -f target/test/*.duckdb
	cp profiles.yml.example target/test/profiles.yml
	$(TEST_DB) crm-effect demo --leads 2000 --seed 1
	$(TEST_DB) dbt --quiet build $(DEMO_VARS)
	$(TEST_DB) dbt --quiet docs generate --no-compile $(DEMO_VARS)
	dbt-coverage compute doc --run-artifacts-dir target/test --cov-report target/test/coverage.json --cov-fail-under 1.0 \
		$(addprefix --model-path-exclusion-filter models/marts/metrics/intermediate/,$(AS_IN_THEIR_FACT))

# what shares a built portal stays in one process
# files as they come: xdist would put those with few tests last, which are the slow ones
PYTEST := pytest -n 2 --dist loadfile --no-loadscope-reorder
test-python: $(READY)
	$(PYTEST) $(if $(LONG_TESTS),,--ignore tests/engines)

# dbt-score and dbt-bouncer look for what is parsed in target
lint: export DBT_TARGET_PATH = target
lint: $(READY)
	ruff check .
	ruff format --check .
	mypy
	sqlfluff lint --disable-progress-bar models tests/data analyses examples/extend/models
	dbt --quiet --warn-error parse --no-partial-parse
	dbt-score lint --manifest target/manifest.json
	dbt-bouncer run

docs: $(READY) data/raw.duckdb
	dbt docs generate --static
	@echo "the documentation: target/static_index.html"

# always of the demo, whatever portal is in data
SHOTS := CRM_RAW_DB=target/screenshots/raw.duckdb CRM_WAREHOUSE_DB=target/screenshots/warehouse.duckdb \
	CRM_MARTS_DB=target/screenshots/crm.duckdb CRM_SEEDS_DIR= BITRIX24_WEBHOOK_URL=
screenshots: $(READY)
	@command -v chromium > /dev/null || { echo "chromium is missing: apt-get install chromium"; exit 1; }
	mkdir -p target/screenshots
	rm -f target/screenshots/*.duckdb*
	$(SHOTS) crm-effect demo
	$(SHOTS) crm-effect run > /dev/null
	python tests/support/browser.py target/screenshots/report.html docs

# installs nothing: says what is missing
test-postgres:
	@command -v crm-effect > /dev/null || { echo "no environment yet: make lint"; exit 1; }
	@python -c 'import dbt.adapters.postgres' || { echo "dbt-postgres is missing: pip install -e '.[postgres]'"; exit 1; }
	@python tests/support/postgres.py
	pytest tests/engines/test_postgres*.py

# installs nothing: says what is missing
test-spark:
	@command -v crm-effect > /dev/null || { echo "no environment yet: make lint"; exit 1; }
	@python tests/support/spark.py
	SPARK_TESTS=1 pytest tests/engines/test_spark.py

# Airflow, Dagster and hadolint, each in an environment of its own in target/schedulers: two minutes
test-schedulers: $(READY)
	SCHEDULER_TESTS=1 pytest tests/deploy/test_schedulers.py

# Superset in target/superset, some minutes the first time; then every board in both languages
test-superset: $(READY)
	@command -v chromium > /dev/null || { echo "chromium is missing: apt-get install chromium"; exit 1; }
	SUPERSET_TESTS=1 pytest tests/bi/test_superset.py

# what BI reads: the published file, unless URI says otherwise
URI ?= duckdb:///$(abspath $(or $(CRM_MARTS_DB),data/crm.duckdb))
# ru: menus and figures in Russian
SUPERSET_LANGUAGE ?= en
superset: $(READY)
	python bi/superset/serve.py --language $(SUPERSET_LANGUAGE) $(URI)

boards: $(READY)
	python bi/superset/build.py $(URI)

fuzz: $(READY)
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-1000} pytest tests/models/test_marts_equal_oracle.py

# what the benchmarks share with the tests
calibrate bench bench-load bench-engines: export PYTHONPATH := tests/support

# an hour and a half; what is judged already is kept in target/calibration
calibrate: $(READY)
	python benchmarks/calibration.py $(CALIBRATE)
	python benchmarks/looks.py

# some minutes; BENCH="--leads 60000,300000 --write" measures what docs/benchmark.md says
bench: $(READY)
	python benchmarks/ratios.py $(BENCH)

# a minute or two; BENCH="--rows 100000,400000 --times 3 --write" measures what docs/benchmark.md says
bench-load: $(READY)
	python benchmarks/load_ratios.py $(BENCH)

# some minutes; an hour with BENCH="--leads 100000,300000,1000000 --engines duckdb,postgres"
bench-engines: $(READY)
	python benchmarks/benchmark.py $(BENCH)

COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-emit-index-url --no-annotate --no-header --quiet
# how the locks were made; needs uv
lock:
	$(COMPILE) --extra dev --extra postgres -o requirements.lock
	$(COMPILE) --extra dev --extra postgres --extra spark --extra semantic -c requirements.lock -o requirements-spark.lock
	cd bi/superset && $(subst pyproject.toml,requirements.in,$(COMPILE)) -o requirements.lock

clean:
	rm -rf .venv data target logs build .pytest_cache .ruff_cache .mypy_cache .hypothesis
