# Two commands matter: `make demo` and `make test`. Each does all its own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test bench plots pictures bench-dashboard bench-memory bench-decisions clean

# The demo installs only what it runs, unless everything is installed already.
DEMO_VENV := $(if $(wildcard .venv/.installed),.venv,.venv-demo)

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 22

setup: .venv/.installed ## build .venv with everything a developer needs

demo: $(DEMO_VENV)/.installed ## two rollouts in one process, no Kafka needed (about 30 s)
	@$(DEMO_VENV)/bin/tradecanary demo

# Kafka's tests have the machine for themselves: real clocks run in them.
test: .venv/.installed ## everything CI runs, on a real Kafka
	@.venv/bin/python -m pytest --ignore=tests/kafka --numprocesses=auto --dist=loadfile
	@.venv/bin/python -m pytest tests/kafka

bench: .venv/.installed ## throughput and latency on a real Kafka; fails when a bar is missed; writes build/bench.json
	@.venv/bin/python -m benchmarks

bench-dashboard: .venv/.installed ## how soon a browser shows a transition, at 100 rollouts
	@.venv/bin/python -m benchmarks.dashboard

bench-memory: .venv/.installed ## an hour of rollouts: whether memory stays flat
	@.venv/bin/python -m benchmarks.memory

bench-decisions: .venv/.installed ## false rollbacks, and orders until rollback, of the judges and their peers
	@.venv/bin/python -m benchmarks.decisions $(if $(MARKET_DATA),--market-data $(MARKET_DATA))

plots: .venv/.installed ## the pictures of docs/statistics.md
	@.venv/bin/python -m benchmarks.statistics_plots

pictures: .venv/.installed ## the pictures of docs/dashboard.md, from its tests
	@DASHBOARD_PICTURES=1 .venv/bin/python -m pytest -q tests/kafka/test_dashboard.py

clean: ## remove the environments and everything built
	rm -rf .venv .venv-demo build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.venv/.installed: EXTRA := dev
.venv-demo/.installed: EXTRA := demo

# The stamp is newer than pyproject.toml when the environment is up to date.
.venv/.installed .venv-demo/.installed: pyproject.toml
	@python=; for candidate in $${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	  then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "tradecanary needs Python 3.11 or newer; python3 was: $$(python3 --version 2>&1 || true)." >&2; \
	  echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; \
	fi; \
	echo "== setting up $(@D) with $$("$$python" --version), extra '$(EXTRA)' (a minute or two the first time)"; \
	if ! "$$python" -m venv "$(@D)"; then \
	  echo "$$python cannot build a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
	fi; \
	"$(@D)/bin/python" -m pip install --disable-pip-version-check -e '.[$(EXTRA)]' \
	&& "$(@D)/bin/python" -m tradecanary.processors.aggregation.warm_up \
	&& { [ '$(EXTRA)' = demo ] || "$(@D)/bin/python" -m tradecanary.backtesting.warm_up; } \
	&& touch $@ && echo "== $(@D) is ready"
