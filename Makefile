# The commands of the project. `make` alone lists them.
# Paths are relative throughout: the folder's own name may hold spaces, any letters, any length.

PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.10; do \
	"$$name" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { echo "$$name"; break; }; done)
VENV := .venv
IN_VENV := $(VENV)/bin/python
PIP := $(IN_VENV) -m pip install --quiet --disable-pip-version-check --require-hashes

# Handed over through the environment and unexpanded, so that no quote reaches the shell and no
# dollar reaches make.
override SQL := $(value SQL)
override VARS := $(value VARS)
override COUNTRY := $(value COUNTRY)
override YEARS := $(value YEARS)
export SQL VARS COUNTRY YEARS
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run extract build try status doctor psql report datalens docs wall wall-templates calendar test test-slow test-long bench lint lock stop clean clean-data

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sort | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

run: $(VENV)/.installed ## load, build, test and publish; simulated data when nothing is configured
	@$(IN_VENV) -m pipeline run --vars "$$VARS" $(ARGS)

extract: $(VENV)/.installed ## only load from the tracker into its schema of raw
	@$(IN_VENV) -m pipeline load $(ARGS)

build: $(VENV)/.installed ## only build, test and publish the marts from what is loaded
	@$(IN_VENV) -m pipeline build --vars "$$VARS" $(ARGS)

try: $(VENV)/.installed ## build the models as they stand now beside the marts, and show what differs
	@$(IN_VENV) -m pipeline try --vars "$$VARS" $(ARGS)

status: $(VENV)/.installed ## when the last run was, and whether it was OK
	@$(IN_VENV) -m pipeline status

doctor: $(VENV)/.installed ## look at everything a run needs, change nothing
	@$(IN_VENV) -m pipeline doctor

psql: $(VENV)/.installed ## psql in the database of the runs; SQL='select 1' prints bare rows (ARGS=--header: a table)
	@$(IN_VENV) -m pipeline psql $(ARGS) $${SQL:+"$$SQL"}

report: $(VENV)/.installed ## one HTML page over the marts (LOCALE=ru, REPORT_DETAILS=true)
	@$(IN_VENV) -m pipeline.page $(ARGS)

datalens: $(VENV)/.installed ## write the DataLens workbook (LOCALE=ru, DATALENS_SOURCE=clickhouse)
	@$(IN_VENV) -m pipeline.workbook $(ARGS)

docs: $(VENV)/.installed ## what every table and column means, with lineage, on a local page
	@$(IN_VENV) -m pipeline docs

wall: $(VENV)/.installed ## what burns now, on a page of this machine; the simulated company when nothing is configured
	@$(IN_VENV) -m wall $(ARGS)

wall-templates: $(VENV)/.installed ## render the examples of the ticket templates and compare (ARGS=--write keeps them)
	@$(IN_VENV) -m wall templates $(ARGS)

calendar: $(VENV)/.installed ## write a country's holidays into work_calendar_days.csv (COUNTRY=RU YEARS=2024-2027)
	@$(IN_VENV) -m pipeline.calendar "$$COUNTRY" "$$YEARS"

test: $(VENV)/.installed-dev ## the test suite
	@$(IN_VENV) -m pytest $(ARGS)

test-slow: $(VENV)/.installed-dev ## what takes its time by nature: nights, kills, the oldest PostgreSQL
	@$(IN_VENV) -m pytest -m slow $(ARGS)

test-long: $(VENV)/.installed-dev ## many draws of what the suite draws a few times (an hour)
	@$(IN_VENV) -m pytest -m long $(ARGS)

lint: $(VENV)/.installed-dev ## ruff, sqlfluff and yamllint
	@$(IN_VENV) -m ruff check .
	@$(IN_VENV) -m ruff format --check .
	@# all cores; its pool leaves semaphores to Python's tracker, which would say so
	@PYTHONWARNINGS=ignore $(IN_VENV) -m sqlfluff lint --disable-progress-bar --processes 0 dbt_project
	@$(IN_VENV) -m yamllint --strict .

bench: $(VENV)/.installed ## how fast the loaders are, beside a bare loop (long)
	@$(IN_VENV) -m bench $(ARGS)
	@$(IN_VENV) -m bench.yandex_tracker
	@$(IN_VENV) -m bench.zabbix
	@$(IN_VENV) -m bench.incidents

stop: $(VENV)/.installed ## stop the embedded PostgreSQL
	@$(IN_VENV) -m pipeline stop

lock: ## compile requirements*.txt from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-header --no-strip-extras \
		--no-emit-index-url --python-version 3.10 pyproject.toml --output-file requirements.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --no-strip-extras \
		--no-emit-index-url --python-version 3.10 pyproject.toml --extra dev \
		--constraint requirements.txt --output-file requirements-dev.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --no-strip-extras \
		--no-emit-index-url --python-version 3.10 --group pyproject.toml:ansible \
		--output-file requirements-ansible.txt
	uv pip compile --quiet --universal --generate-hashes --no-header --no-strip-extras \
		--no-emit-index-url --python-version 3.10 pyproject.toml --extra clickhouse-engine \
		--constraint requirements.txt --output-file requirements-clickhouse-engine.txt

clean: ## remove what can be made again; the data in .local/ stay
	@if [ -d .local/postgres ] && [ -e $(VENV)/.installed ]; then $(IN_VENV) -m pipeline stop; fi
	rm -rf $(VENV) $(VENV)-ansible target logs .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

clean-data: ## remove the embedded database and all it holds (asks first)
	@printf 'Remove .local/, the embedded database with all data? Type yes: '; \
	read -r answer; [ "$$answer" = yes ] || { echo 'kept'; exit 1; }
	@if [ -e $(VENV)/.installed ]; then $(IN_VENV) -m pipeline stop; fi
	rm -rf .local

# A Python of its own, made anew where an earlier attempt was cut off or the system's Python went.
define make_venv
	@test -n "$(PYTHON)" || { echo 'Python 3.10 to 3.13 is needed, and none was found' >&2; exit 1; }
	@$(IN_VENV) -m pip --version >/dev/null 2>&1 || { \
		echo 'installing into $(VENV), once: about a minute, 1 GB, from the package index of pip' >&2; \
		rm -rf $(VENV); \
		$(PYTHON) -m venv $(VENV) || { \
			rm -rf $(VENV); \
			echo 'Python cannot make $(VENV); on Debian: apt-get install python3-venv' >&2; \
			exit 1; \
		}; \
	}
endef

$(VENV)/.installed: requirements.txt
	$(make_venv)
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt
	$(make_venv)
	@$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/.installed

# for the tests of deploy/ansible, which are skipped without it
$(VENV)-ansible/.installed: requirements-ansible.txt
	@$(PYTHON) -m venv --clear $(VENV)-ansible
	@$(VENV)-ansible/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
