# `make` lists what there is. Every target that runs something makes .venv first, where it is missing or out of date.

python := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup study up backup restore sbom hashes ui answers test test-stack test-faults check format bench bench-gpu clean constraints

help: ## what can be made
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20
	@echo '  More options go into ARGS, say: make study ARGS="--slots 1"'

setup: ## .venv with the exact packages of .ci/constraints.txt
	@.ci/setup

study: setup ## answer the pooling question on the demo images, in a few minutes
	$(python) -m search.run --study pooling --data demo --quick --epochs 60 --set epochs_after_start=12 \
	  --set evaluate_last=5 --no-stack $(ARGS)

up: ## start Postgres, MLflow and the Optuna dashboard in Docker, and say where they are
	@bash search/stack/up.sh $(ARGS)

backup: ## write all that the stack has into backups/DATE-TIME (ARGS=FOLDER: another one)
	@bash search/stack/backup.sh $(ARGS)

restore: ## put a backup into the stack, in place of what it has: make restore ARGS=FOLDER
	@bash search/stack/restore.sh $(ARGS)

ui: setup ## open MLflow and the Optuna dashboard on what was run
	$(python) -m search.ui $(ARGS)

answers: setup ## make the page of all answers again, and the README's figures from it
	$(python) -m search.report --all --files-only --figures studies/answers \
	  $(foreach study,depth learning_rate pooling dropout augmentation,--figure $(study)-accuracy) \
	  --figure reference-learning_curves --figure joint-pareto $(ARGS)

check: setup ## ruff and mypy
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy

test: check ## check, then every test; skipped ones say why
	$(python) -m pytest -q -rs -n logical --maxprocesses 4 $(ARGS)

test-stack: setup ## build and start the stack of docker-compose.yml under another name, and test it (minutes)
	TEST_STACK=yes $(python) -m pytest -q -rs tests/stack $(ARGS)

test-faults: setup ## the long forms of the tests of faults: kills, servers that go away, full disks; minutes
	$(python) -m pytest -q -rs -m faults -o faulthandler_timeout=3600 tests $(ARGS)

format: setup ## let ruff mend and lay out the code
	$(python) -m ruff check --fix .
	$(python) -m ruff format .

bench: setup ## measure the project against its peers
	$(python) -m benchmarks $(ARGS)

bench-gpu: setup ## measure one GPU in at most 9 minutes, without a network; writes gpu.json
	$(python) -m benchmarks.gpu $(ARGS)

constraints: setup ## write .ci/constraints.txt anew, with the newest packages that pyproject.toml allows
	$(python) .ci/newest_constraints.py

hashes: setup ## write .ci/constraints-hashes.txt anew, for pip's --require-hashes (needs uv)
	$(python) .ci/hashes.py $(ARGS)

sbom: setup ## write sbom.json: every package of .venv, in CycloneDX's form (needs uv, which fetches cyclonedx-bom)
	@command -v uvx >/dev/null || { echo 'make sbom: needs uv, which is not there: pipx install uv' >&2; exit 1; }
	uvx --from 'cyclonedx-bom>=7' cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file sbom.json $(python) $(ARGS)

clean: ## remove .venv and caches; runs/ and data/ stay
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find search trainer tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
