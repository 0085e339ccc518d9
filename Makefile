# Every target sets up what it needs: a .venv in this folder, with uv in it when there is no uv, and
# with bytecode: where Python may write none, each of many processes would compile its imports.
.DEFAULT_GOAL := help
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .venv/bin/uv)

.PHONY: help demo up down status trace drill test test-faults e2e check bench promtool examples dashboards format clean

help: ## Show the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

demo: .venv/ready ## Generate two services, run them and show one trace across both
	@.venv/bin/baseline demo

up: .venv/ready ## Start the local stack with docker compose (PROFILE=examples adds three services and traffic)
	@.venv/bin/baseline up $(if $(filter examples,$(PROFILE)),--examples)

down: .venv/ready ## Stop the local stack; its data stays
	@.venv/bin/baseline down

status: .venv/ready ## Show what of the local stack is up, and where
	@.venv/bin/baseline status

trace: .venv/ready ## Follow one request through the local stack
	@.venv/bin/baseline trace

drill: .venv/ready ## Break the examples and follow the alerts until they have cleared (ALERT=name for one, SPEED=1 for real time)
	@.venv/bin/baseline drill $(ALERT) $(if $(SPEED),--speed $(SPEED))

test: .venv/ready ## Run the tests (under five minutes)
	@.venv/bin/pytest -n 2 --ignore tests/faults --ignore tests/e2e

test-faults: .venv/ready ## Test services under faults: collector, SIGTERM, stdout, errors, input
	@.venv/bin/pytest -n 2 tests/faults

e2e: .venv/ready ## Test the local stack with its real components (needs Docker; builds what cannot be pulled, forgets the stack's data)
	@.venv/bin/python -m tools.engine
	@.venv/bin/pytest -x tests/e2e

check: .venv/ready ## Lint, types, formatting and links (under a minute)
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet . || { echo "Not formatted: run make format"; exit 1; }
	@.venv/bin/mypy
	@cd examples/orders && ../../.venv/bin/mypy --strict app tests
	@cd examples/payments && ../../.venv/bin/mypy --strict app tests
	@.venv/bin/python grafana/dashboards.py --check
	@.venv/bin/python -m tools.lint_rules
	@.venv/bin/python tools/check_links.py

dashboards: .venv/ready ## Write the dashboards' JSON again from their code
	@.venv/bin/python grafana/dashboards.py

format: .venv/ready ## Format the code
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format --quiet .

bench: benchmarks/.venv/ready ## Measure what a service adds to a request (ten minutes, Linux)
	@benchmarks/.venv/bin/python -m benchmarks $(BENCH)

promtool: .venv/ready ## Build promtool from its Go module into the cache (needs Go, ten minutes once)
	@.venv/bin/python tools/build.py promtool

examples: .venv/ready ## Render the examples and the rules for all services again from the template
	@.venv/bin/python tools/render_examples.py

clean: ## Remove what the other targets made in this folder
	@rm -rf .venv benchmarks/.venv .mypy_cache .ruff_cache .pytest_cache

.venv/ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: install it, or run make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv (about half a minute the first time) ..."
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@test -x "$(UV)" || .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(UV) sync --locked --compile-bytecode --quiet --python .venv/bin/python
	@touch .venv/ready

benchmarks/.venv/ready: .venv/ready benchmarks/requirements.txt
	@test -x benchmarks/.venv/bin/python || .venv/bin/python -m venv benchmarks/.venv
	@$(UV) pip sync --quiet --python benchmarks/.venv/bin/python benchmarks/requirements.txt
	@touch benchmarks/.venv/ready
