# Everything happens inside this clone: .venv* (tools), .cache (tests), .sandbox (servers), .ansible (Ansible's own files).
# VENV and PYTHON choose another environment or interpreter.
VENV ?= .venv
# How often the benchmark runs each case, and with which share of the data.
ROUNDS ?= 3
SCALE ?= 1
BIN := $(abspath $(VENV))/bin
LINK := .collections/ansible_collections/arcodange/erp
TREE := .cache/tree/ansible_collections/arcodange/erp
# Tools that write to a home find one here.
AT_HOME := HOME=$(CURDIR)/.cache/home XDG_CACHE_HOME=$(CURDIR)/.cache/home/.cache
PYTEST := $(AT_HOME) $(BIN)/python -m pytest
SETUP := python=$$(sh tests/tools/python.sh) && "$$python" tests/tools/environment.py

# The gates of `make test`, and those that run again on the other end of the supported versions.
# The longest first: three run at a time, because one alone waits for disks and clocks a third of its time.
GATES := integration faults restores sanity platform facts audit unit play molecule lint types docs build changelog style
GATES_AGAIN := sanity unit play

export PATH := $(BIN):$(PATH)
export PYTHON
# What a shell set for other projects.
unexport PYTHONPATH PYTHONHOME ANSIBLE_COLLECTIONS_PATH ANSIBLE_INVENTORY ANSIBLE_ROLES_PATH
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Ansible wants UTF-8 and the C locale is not.
ifneq (,$(filter C POSIX,$(LC_ALL)))
export LC_ALL := C.UTF-8
endif

.PHONY: help
help: ## list the targets
	@echo "make TARGET   (PYTHON=/path/to/python3 chooses the interpreter, 3.11 or newer)"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-16s%s\n", $$1, $$2}'

.PHONY: sandbox sandbox-stop
sandbox: tools ## start the sample ERP and back it up: the first thing to try
	@ansible-playbook playbooks/sandbox.yml
	@ansible-playbook playbooks/backup.yml -e env=sandbox
	@echo "So that this shell knows ansible-playbook: . $(VENV)/bin/activate"

sandbox-stop: tools ## stop what `make sandbox` started
	@ansible-playbook playbooks/sandbox.yml -e sandbox_state=stopped

.PHONY: demo
demo: tools ## damage the sandbox, find the damage, restore, undo, restore again
	@ansible-playbook playbooks/sandbox.yml
	@$(BIN)/python tests/tools/demo.py

.PHONY: test test-real bench bench-facts bench-audit
test: tree ## every gate that needs Python alone, on both ansible-core ends where their Pythons are found
	@$(BIN)/python tests/tools/gates.py --jobs 3 $(GATES) --again $(GATES_AGAIN)

test-real: ## what only real servers show, and the benchmark on a quarter of its data (Debian, root)
	@sh tests/tools/debian.sh
	@$(MAKE) --no-print-directory test-tools
	@$(SETUP) .venv-bench bench
	@ROUNDS=1 SCALE=0.25 $(BIN)/python tests/tools/gates.py real bench

bench: tools ## compare with the replaced pipelines and restic; writes benchmarks/RESULTS.md
	@$(SETUP) .venv-bench bench
	@$(BIN)/python benchmarks/run.py --rounds $(ROUNDS) --scale $(SCALE)

bench-facts: test-tools ## read a large Dolibarr over 1 and over 4 connections: times, requests, memory
	@$(BIN)/python benchmarks/facts.py

bench-audit: test-tools ## audit a thousand invoices with their PDFs: times, memory
	@$(BIN)/python benchmarks/audit.py

.PHONY: unit integration restores faults facts audit real
unit integration restores faults facts audit real: test-tools
	@$(PYTEST) tests/$@

.PHONY: platform
platform: test-tools ## tests of Kubernetes, Vault, ownership and recovery
	@$(PYTEST) tests/kubernetes tests/vault tests/ownership tests/recovery

unit: ## tests of the pure parts: the quick inner loop
integration: ## tests against an embedded PostgreSQL and object store
restores: ## tests of restores and drills
faults: ## tests that break things half way
audit: ## tests of auditing invoices, their PDFs and the page
facts: ## tests of reading a Dolibarr over HTTP, and of its figures against the database

.PHONY: types style format lint docs changelog sanity build molecule play
types: test-tools ## mypy --strict
	@$(BIN)/mypy -p ansible_collections.arcodange.erp.plugins -p tests -p benchmarks

style: test-tools ## ruff: lint and format, as a check
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

format: test-tools ## ruff: lint and format, in place
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lint: test-tools ## ansible-lint, production profile
	@$(AT_HOME) $(BIN)/ansible-lint

docs: tree ## lint of the modules' and roles' documentation
	@mkdir -p .cache/home
	@cd $(TREE) && $(AT_HOME) $(BIN)/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self --check-extra-docs-refs .

changelog: test-tools ## lint of the changelog fragments
	@$(AT_HOME) $(BIN)/antsibull-changelog lint

sanity: tree ## ansible-test sanity, no ignore file
	@$(BIN)/python tests/tools/sanity.py

build: tree ## build the collection, install it offline, look at what is in it
	@$(AT_HOME) sh tests/tools/build.sh $(TREE)

molecule: tree ## the roles: converge, idempotence, verify
	@$(AT_HOME) sh tests/tools/molecule.sh

play: tree ## the first run of a newcomer, in a copy of the clone
	@$(AT_HOME) sh tests/tools/play.sh $(BIN)

.PHONY: locks clean
locks: $(LINK) ## write requirements/*.txt anew from requirements/*.in (needs Python 3.11 and 3.12)
	@sh tests/tools/lock.sh

clean: ## remove everything the other targets made (stop the sandbox first)
	@rm -rf .ansible .cache .collections .hypothesis .venv .venv-*

.PHONY: tools test-tools tree
tools: $(LINK)
	@$(SETUP) $(VENV) run

test-tools: $(LINK)
	@$(SETUP) $(VENV) test

tree: test-tools
	@$(BIN)/python tests/tools/tree.py $(TREE)

$(LINK):
	@mkdir -p $(@D)
	@ln -s ../../.. $@
