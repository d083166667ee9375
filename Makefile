# make bench and make test need only python3 (3.10 or newer, tested on 3.11) and make.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: bench test lint clean

# The virtual environment, with every dependency pinned. Made again when the pins change.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,embedded,dev]'
	touch $@

# Build, time and gate the default suite; the summary is printed, the records are in out/run.json.
bench: .venv/installed
	mkdir -p out
	$(BIN)/python -m pytest benchmarks --benchmark-quiet --benchmark-json=out/run.json.part $(ARGS); code=$$?; \
	if [ -s out/run.json.part ]; then mv out/run.json.part out/run.json; else rm -f out/run.json.part; fi; exit $$code

# Every test, side by side (they time nothing), then every gate of the default suite on the embedded data: offline, in
# a store of its own.
test: .venv/installed
	$(BIN)/python -m pytest tests -q -n 2 --dist loadfile --benchmark-disable
	OPTKIT_STORE=$(CURDIR)/out/test-store $(BIN)/python -m pytest benchmarks -q --data embedded \
	    --benchmark-quiet --benchmark-max-time=0.1

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv out build *.egg-info
