# The front door. `make help` lists the targets; nothing but Python 3.11+ has to be there before.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SERVICE := $(VENV)/.service
CONSOLE := $(VENV)/.console
EVERYTHING := $(VENV)/.everything
KAFKA := .kafka/libs
TOOLS := $(VENV)/.tools
TESTS ?= tests
PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos check format bench models docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(CONSOLE) ## a simulated fleet with faults, live in a browser; SECONDS=120 ends it, REPORT=r.json SPEED= DEVICES= SEED= PORT= CONSOLE_PORT=
	@$(BIN)/python -m service demo $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SPEED),--speed $(SPEED)) \
	  $(if $(PORT),--port $(PORT)) $(if $(DEVICES),--devices $(DEVICES)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(CONSOLE_PORT),--console-port $(CONSOLE_PORT)) $(if $(REPORT),--report $(REPORT))

setup: $(EVERYTHING) $(KAFKA) $(TOOLS) ## everything that tests and training need, into .venv

test: $(EVERYTHING) $(KAFKA) $(TOOLS) ## every test; TESTS=tests/service/worker for some, PROCESSES=0 for one after another
	@$(BIN)/python -m pytest --numprocesses=$(PROCESSES) --dist=loadgroup $(TESTS)

chaos: $(EVERYTHING) $(KAFKA) ## the whole fault matrix against real brokers, about an hour; its table into docs/reliability.md
	@mkdir -p out
	@$(BIN)/python -m pytest tests/chaos -m 'chaos or not chaos' -o junit_family=xunit1 --junit-xml=out/chaos.xml; \
	  code=$$?; $(BIN)/python -m tests.chaos.table out/chaos.xml docs/reliability.md && exit $$code

check: $(EVERYTHING) ## lint, format, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(EVERYTHING) ## rewrite the sources as `make check` wants them
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(EVERYTHING) ## quick run of the benchmarks, into out/speed.json
	@mkdir -p out
	@$(BIN)/python -m benchmarks speed --quick --output out/speed.json

models: $(EVERYTHING) ## train the shipped models again, into models/
	@$(BIN)/python -m training shipped

docs: $(SERVICE) ## write the generated pages, dashboards and rules again
	@$(BIN)/python -m service config --reference > docs/configuration.md
	@$(BIN)/python -m service config --alert-schema > docs/alert.schema.json
	@$(BIN)/python -m service.api > docs/openapi.json
	@$(BIN)/python -m service.telemetry.dashboards .
	@$(BIN)/python -m tests.docs.fields docs/alerts.md

clean: ## forget the environment and the caches
	rm -rf $(VENV) .kafka .pytest_cache .mypy_cache .ruff_cache .hypothesis build ./*.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Gruard needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(SERVICE): $(BIN)/python pyproject.toml constraints.txt
	@echo "setting up $(VENV) with the service (once, under a minute)"
	@$(PIP) --editable .
	@touch $@

# The demo plays without its console where that cannot be installed.
$(CONSOLE): $(SERVICE)
	@echo "setting up $(VENV) with the console (once, under a minute)"
	@if $(PIP) --editable '.[console]'; then touch $@; \
	else echo "the console could not be installed: the demo plays without it"; fi

$(EVERYTHING): $(SERVICE)
	@echo "setting up $(VENV) with training, reports, benchmarks and the tools of development (once, some minutes)"
	@$(PIP) --editable '.[training,reports,console,benchmarks,dev]'
	@touch $@

# A real Prometheus, Alertmanager and browser for the tests.
$(TOOLS): deploy/tools.sh $(SERVICE)
	@if sh deploy/tools.sh; then touch $@; fi

# A real broker for the tests. Without Java or Maven, or offline, the tests that need one skip and say so.
$(KAFKA): deploy/kafka/pom.xml
	@if [ -n "$$GRUARD_TEST_KAFKA$$KAFKA_HOME" ]; then exit 0; fi; \
	if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then echo "no Java or no Maven: tests with a real Kafka will be skipped"; exit 0; fi; \
	echo "fetching Kafka for the tests into .kafka (once, 44 MB)"; rm -rf $@.part; \
	if mvn --quiet --batch-mode -Dstyle.color=never --file $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(CURDIR)/$@.part; \
	then rm -rf $@ .kafka/*.jsa && mv $@.part $@ && touch $@; \
	else echo "Kafka could not be fetched: tests with a real Kafka will be skipped"; fi
