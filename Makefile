# Kopilka. The two commands of a newcomer are `make run` and `make test`; each does the whole set-up first.
#
# The set-up: a virtual environment in .venv, uv in it at a pinned version, then exactly the locked packages, every file
# checked against its hash. It is done again when a lock changes, and needs no network when nothing has. `make run` takes
# the runtime's packages; once `make test` has added the development's, both commands share that larger set.

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
CODE := app tests loadtest

# An environment whose Python is gone (upgraded, moved) is made anew.
ifneq ($(wildcard $(VENV)),)
ifneq ($(shell $(PY) -c 'print(1)' 2>/dev/null),1)
$(shell rm -rf $(VENV))
endif
endif

.DEFAULT_GOAL := help
.PHONY: help run test setup check format compile bench bench-rules growth profile chaos lock clean

help:
	@echo "make run      set up and serve on 127.0.0.1:8000 (PORT, HOST, DATA_DIR … as in: $(PY) -m app settings)"
	@echo "make test     set up and run all tests (ARGS=… for pytest)"
	@echo "make setup    only the environment"
	@echo "make check    format, lint, import contracts, types, licences and known vulnerabilities of what is locked"
	@echo "make compile  the core as machine code, which then runs by itself (needs a C compiler)"
	@echo "make bench    purchases a second beside pgbench and a textbook service (QUICK=1: 90 seconds)"
	@echo "make bench-rules   what evaluating a basket costs      make chaos    the long fault suite"
	@echo "make growth   what stays as fast while customers, histories, rules and baskets grow"
	@echo "make profile  where a request's microseconds go, by layer"
	@echo "make format   format the code       make lock     lock newer packages       make clean    remove what was made"

run: $(RUNTIME)
	@LOG_FORMAT=$${LOG_FORMAT:-console} exec $(PY) -m app serve --with-jobs --with-demo --with-parent

test: $(DEVELOPMENT)
	@$(PY) -m pytest $(ARGS)

setup: $(DEVELOPMENT)
	@echo "the environment is ready in $(VENV)"

# The cheapest first.
check: $(DEVELOPMENT)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(VENV)/bin/lint-imports
	$(PY) -m mypy --strict $(CODE)
	$(PY) -m tests.supply_chain licences
	$(PY) -m tests.supply_chain vulnerabilities

format: $(DEVELOPMENT)
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

compile: $(DEVELOPMENT)
	@$(PY) -m app.compile_core

# What is measured is the compiled core, built first where it isn't there (half a minute); without a C compiler, or with
# COMPILED_CORE=off, the Python. The report says which.
BUILD_FIRST := [ "$$COMPILED_CORE" = off ] || $(PY) -m app.compile_core ||:

# About ten minutes on a quiet machine, 90 seconds with QUICK=1. SECONDS=, REPEATS=, WORKERS=, CUSTOMERS=, FLUSH_MS= size it,
# COMPARE=… is an earlier report's JSON, DATA=… where reports are kept; ARGS=… for the rest (--others-max 1 drops no run).
BENCH := $(if $(QUICK),--quick) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(REPEATS),--repeats $(REPEATS)) \
	$(if $(WORKERS),--workers $(WORKERS)) $(if $(CUSTOMERS),--customers $(CUSTOMERS)) \
	$(if $(FLUSH_MS),--flush-ms $(FLUSH_MS)) $(if $(COMPARE),--compare $(COMPARE)) $(if $(DATA),--data $(DATA)) $(ARGS)
bench: $(DEVELOPMENT)
	@$(BUILD_FIRST)
	@$(PY) -m loadtest.bench $(BENCH)

bench-rules: $(DEVELOPMENT)
	@COMPILED_CORE=$${COMPILED_CORE:-auto} $(PY) -m tests.domain.rules.bench_evaluate
	@COMPILED_CORE=$${COMPILED_CORE:-auto} $(PY) -m tests.domain.backtest.bench_trial

# At most twenty minutes: a million customers, long histories. ARGS=… for it: --customers, --purchases, --day-requests …
growth: $(DEVELOPMENT)
	@$(BUILD_FIRST)
	@$(PY) -m loadtest.growth $(ARGS)

# ARGS=… for it: scenarios, --seconds, --connections.
profile: $(DEVELOPMENT)
	@$(PY) -m loadtest.profile $(ARGS)

# SEED=… repeats a run, SECONDS=… and OPS=… size it; PLANTS=1 plants bugs (or PLANTS=name,name), each to be caught.
chaos: $(DEVELOPMENT)
	@SEED="$(SEED)" SECONDS="$(SECONDS)" OPS="$(OPS)" PLANTS="$(PLANTS)" $(PY) -m tests.chaos

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache

# Without the header that would hold the command line; hashes name the files, nothing names a host.
COMPILE := $(VENV)/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet
lock: $(DEVELOPMENT)
	$(COMPILE) $(UPGRADE) pyproject.toml -o requirements.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --group dev -o requirements-dev.txt
	sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements-uv.txt | $(COMPILE) - -o requirements-uv.txt.new
	cmp -s requirements-uv.txt.new requirements-uv.txt && rm requirements-uv.txt.new || mv requirements-uv.txt.new requirements-uv.txt

# One recipe for both stamps: where the development's packages are, they stay.
$(RUNTIME): requirements.txt | $(VENV)/.uv
	@if [ -e $(DEVELOPMENT) ]; then $(MAKE) --no-print-directory $(DEVELOPMENT); \
	else $(call sync,requirements.txt); fi
	@touch $@

$(DEVELOPMENT): requirements.txt requirements-dev.txt | $(VENV)/.uv
	@$(call sync,requirements-dev.txt)
	@touch $@ $(RUNTIME)

$(VENV)/.uv: requirements-uv.txt
	@$(call make_environment)
	@echo "installing uv (pip)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-uv.txt
	@touch $@

# uv brings certificates of its own; a company's proxy may need the system's. Where neither will do, pip may, slowly.
define sync
	echo "installing the packages of $(1) (uv)"; \
	[ -n "$$HOME" ] && [ -w "$$HOME" ] || export UV_CACHE_DIR=$(VENV)/.cache; \
	sync="$(VENV)/bin/uv pip sync --quiet --no-python-downloads --python $(PY) --require-hashes $(1)"; \
	$$sync 2>/dev/null || $$sync --system-certs || { \
		echo "uv could not install them; trying pip, which takes a minute or two"; \
		$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(1); }
endef

# The first Python that is new enough and can make environments; a name on PATH may be a shim of one that isn't there. The
# system's own go first where their headers are, which the compiled core needs: distributions build them optimised, version
# managers mostly don't, and that is a tenth of all purchases a second.
SYSTEM := $(foreach minor,11 12 13 14,$(if $(wildcard /usr/include/python3.$(minor)/Python.h),/usr/bin/python3.$(minor)))
define make_environment
	for candidate in $(PYTHON) $(SYSTEM) python3.11 python3.12 python3.13 python3.14 python3; do \
		if $$candidate -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			echo "making the virtual environment $(VENV) with $$($$candidate --version)"; \
			exec $$candidate -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "no Python 3.11 or newer with its venv module was found: install one, or name it with make PYTHON=…" >&2; \
	exit 1
endef
