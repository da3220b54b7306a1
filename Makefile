# Every target is one line of help: make
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NATIVE := $(BIN)/python compose/native
READY := $(VENV)/ready
CLIENT := pipeline/telescope/client
PLANS := $(VENV)/plans
PROGRESS = /^(Collecting|Requirement already)/ && ++n % 20 == 0 {print "  " n " found"; fflush()} \
	/^Installing collected/ {print "  unpacking them"; fflush()}
# pip is silent while it fetches and unpacks: every ten seconds, how many packages lie there.
UNPACKED = while sleep 10; do now=$$(ls -d $(VENV)/lib/python*/site-packages/*.dist-info | wc -l); \
	[ "$$now" = "$${before-}" ] || echo "  $$now unpacked"; before=$$now; done

.PHONY: help plans plans-meanwhile demo up down status test e2e lint types drill cluster-drill bench bench-api bench-gw bench-selected bench-filters bench-telescope fuzz fuzz-api doctor lock

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

DEMO = $(if $(filter-out 0,$(ONCE)),--once) $(if $(DEMO_PACKETS),--packets $(DEMO_PACKETS)) $(if $(SEED),--seed $(SEED)) \
	$(if $(ZTF),--ztf $(ZTF)) $(if $(LSST),--lsst $(LSST)) $(if $(filter-out 0,$(TELESCOPE)),--telescope)

demo: $(READY) plans-meanwhile ## start everything and watch a simulated night (ONCE=1: exit 0 when it balances; ZTF=60 LSST=40: so many packets; REGISTRY=1: selected alerts with schema ids; TELESCOPE=1: telescopes, commands, data)
	@[ -z "$(DEMO_PACKETS)" ] || [ -d "$(DEMO_PACKETS)" ] || { echo "DEMO_PACKETS=$(DEMO_PACKETS): no such folder of packets; ZTF=60 LSST=40 limit the simulated ones" >&2; exit 2; }
	@$(NATIVE) up servers $(if $(filter-out 0,$(REGISTRY) $(TELESCOPE)),registry) --demo $(if $(filter-out 0,$(TELESCOPE)),--telescope)
	@$(BIN)/python manage.py demo $(DEMO)

up: $(READY) ## start servers, bring tables and topics up to date, start our processes
	@$(NATIVE) up servers
	@$(BIN)/python manage.py migrate
	@$(BIN)/python manage.py create_topics
	@$(NATIVE) up processes

down: $(READY) ## stop our processes and the servers; the data stays
	@$(NATIVE) down

status: $(READY) ## what runs where
	@$(NATIVE) status

# Hundreds of processes start: where Python may keep nothing, each would compile our modules anew.
test: $(READY) ## run every test on real Postgres, Redis and Kafka
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n auto --dist loadgroup --durations=10

e2e: $(READY) $(PLANS) ## bring every sample notice to Slack, OwnCloud and real plans (minutes)
	@$(BIN)/python -m pytest -m plans --durations=5

lint: $(READY) ## ruff, import contracts, spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/codespell $$(git ls-files '*.py' '*.md' '*.toml' '*.properties' Makefile)

types: $(READY) ## mypy, strict
	@$(BIN)/mypy

drill: $(READY) ## pull every plug under load and count what was lost
	@$(BIN)/python -m tests.drill $(DRILL_OPTIONS)

cluster-drill: $(READY) ## kill one of three brokers, one of two worker hosts, the replica, and count what was lost
	@$(BIN)/python -m tests.drill --cluster $(DRILL_OPTIONS)

bench: $(READY) ## measure the alert flow end to end (PROFILE=smoke|default|full, SURVEY=ztf|lsst, OUT=docs/bench.md, PLOT=docs/bench-curves.svg)
	@$(BIN)/python -m tests.bench $(PROFILE) $(if $(SURVEY),--survey $(SURVEY)) $(if $(JSON),--json $(JSON)) $(if $(OUT),--out $(OUT)) $(if $(PLOT),--plot $(PLOT))

bench-api: $(READY) ## measure how fast people are answered at 5 million alerts (PROFILE=smoke|small|default)
	@$(BIN)/python -m tests.bench_api $(PROFILE) $(if $(JSON),--json $(JSON))

bench-gw: $(READY) ## measure notices to their steps, idle and under load, and plans (PROFILE=smoke|notices|default, OUT=docs/bench-gw.md)
	@$(BIN)/python -m tests.bench_gw $(PROFILE) $(if $(JSON),--json $(JSON)) $(if $(OUT),--out $(OUT))

bench-selected: $(READY) ## measure 10,000 selected alerts from Kafka to their table and cutouts (PROFILE=smoke|default)
	@$(BIN)/python -m tests.bench_selected $(PROFILE) $(if $(JSON),--json $(JSON))

bench-filters: $(READY) ## measure trials of a user's filter over 200,000 alerts of a night (PROFILE=smoke|default)
	@$(BIN)/python -m tests.bench_filters $(PROFILE) $(if $(JSON),--json $(JSON))

bench-telescope: $(READY) ## measure what telescopes observe from Kafka into its table (PROFILE=smoke|default)
	@$(BIN)/python -m tests.bench_telescope $(PROFILE) $(if $(JSON),--json $(JSON))

fuzz: $(READY) ## give every decoder a minute of hostile bytes (FUZZ=ztf SECONDS=60 for one)
	@$(BIN)/python -m tests.fuzz $(or $(FUZZ),all) $(if $(SECONDS),--seconds $(SECONDS))

fuzz-api: $(READY) ## ask every REST operation what its description allows and forbids (EXAMPLES=100 for each)
	@$(BIN)/python -m tests.fuzz_api $(if $(EXAMPLES),--examples $(EXAMPLES))

doctor: ## what is found, what is missing, what listens where, how to mend it
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "MISSING python      needs 3.11 or newer; or name another: make doctor PYTHON=python3.11"; exit 1; }
	@if test -f $(READY); then $(NATIVE) doctor; else $(PYTHON) -m compose.native.beforehand; fi

# 1.7 GB arrive beside the demo, whose plans wait for them. How far that is: make doctor.
plans-meanwhile: $(READY)
	@test -e $(PLANS) || nohup $(NATIVE) plans > /dev/null 2>&1 &

plans: $(PLANS) ## install what makes observation plans (1.7 GB)
	@$(BIN)/python -c 'from importlib.metadata import version as v; print("gwemopt", v("gwemopt"), "is here: observation plans can be made")'

lock: export UV_CUSTOM_COMPILE_COMMAND := make lock
lock: $(READY) ## pin every dependency by hash, Python's and Kafka's
	@$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url -o requirements.lock pyproject.toml
	@$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --group dev -o requirements-dev.lock pyproject.toml
	@$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --extra plans -c requirements-dev.lock -o requirements-plans.lock pyproject.toml
	@$(NATIVE) lock

# Made again when the lock changes. Hashes are demanded of everything but ourselves.
$(READY): requirements-dev.lock $(CLIENT)/pyproject.toml
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing the $$(grep -c '^[a-z].*==' $<) packages of $<: minutes, the first time"
	@$(UNPACKED) & trap "kill $$!" EXIT; \
		$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r $< | awk '$(PROGRESS)'
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e . -e $(CLIENT)
	@touch $@

# Of what the others need it has the same versions: nothing that runs is changed under its feet.
$(PLANS): requirements-plans.lock $(READY)
	@echo "installing what requirements-plans.lock names"
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r $< | awk '$(PROGRESS)'
	@touch $@
