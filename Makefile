# make bench and make test need only python3 (3.10 or newer, tested on 3.11) and make.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: setup bench test slow lint docs examples generated clean base measure measure-base history history-push

# The virtual environment, with every dependency pinned. Made again when the pins change.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,embedded,dev]'
	touch $@

setup: .venv/installed

# Build, time and gate the default suite; the summary is printed, the records are in out/run.json, the page on them in
# out/report.html.
bench: .venv/installed
	mkdir -p out
	$(BIN)/python -m pytest benchmarks --benchmark-quiet --benchmark-json=out/run.json.part $(ARGS); code=$$?; \
	if [ -s out/run.json.part ]; then mv out/run.json.part out/run.json; \
	    $(BIN)/python -m optkit report out/run.json -o out || [ $$code != 0 ] || code=4; \
	else rm -f out/run.json.part; fi; exit $$code

# The tests, side by side: they time nothing. Those that are marked slow are `make slow`, the gates of the default suite
# are `make bench`; .ci/run has all.
test: .venv/installed
	$(BIN)/python -m pytest tests -q -n 3 --dist loadfile --benchmark-disable -m "not slow" --durations 20

slow: .venv/installed
	$(BIN)/python -m pytest tests -q -n 3 --benchmark-disable -m slow --durations 20

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Every example of docs/, as its README says, from the wheel in a fresh environment.
examples: .venv/installed
	$(BIN)/python -m tests.examples

# The pages of docs/ as a site, in out/site. A broken link is an error.
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# The parts of docs/ and README.md that are made of the code and of saved runs.
generated: .venv/installed
	$(BIN)/python -m benchmarks.studies.pages
	$(BIN)/python -m benchmarks.studies.reproduction render

clean:
	rm -rf .venv out build *.egg-info

# --- Is this commit worse than the one before it? What the workflows run; see docs/ci.md. ---
# Recipes take these as shell variables, in quotes: a value from outside is data and never a command.

# The suite (a name or a file), which data, the folder of results, the commit to compare with, the branch of histories.
export SUITE ?= mnist
export DATA ?= auto
export OUT ?= out
export BASE ?= HEAD^1
export HISTORY ?= benchmark-history

# Check BASE out into $OUT/base.
base:
	git worktree prune
	test -e "$$OUT/base" || git worktree add --detach "$$OUT/base" HEAD
	commit=$$(git rev-parse --verify --end-of-options "$$BASE^{commit}") && \
	    git -C "$$OUT/base" checkout --quiet --detach $$commit

# Build and time SUITE: $OUT/build.json is for optkit ab, $OUT/run.json for optkit gate and compare.
measure: .venv/installed
	mkdir -p "$$OUT"
	$(BIN)/python -m optkit build "$$SUITE" --data "$$DATA" --json > "$$OUT/build.json"
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-quiet --suite "$$SUITE" --data "$$DATA" \
	    --benchmark-json="$$OUT/run.json" $(ARGS)

# The same in $OUT/base: with the recipe of this Makefile, the code and the pins of that commit.
measure-base:
	$(MAKE) -C "$$OUT/base" -f "$(CURDIR)/Makefile" measure

# Check the branch HISTORY out into $OUT/history; an empty one when origin has none yet.
history:
	git worktree prune
	git fetch --depth=1 origin "$$HISTORY" && git worktree add --detach "$$OUT/history" FETCH_HEAD || { \
	    git worktree add --detach --no-checkout "$$OUT/history" && git -C "$$OUT/history" switch --orphan "$$HISTORY"; }

# Add the runs in $OUT/new to the branch. A push that would lose another's run is refused by git.
history-push: history
	cp -R "$$OUT/new/." "$$OUT/history"
	git -C "$$OUT/history" add --all
	git -C "$$OUT/history" -c user.name=benchmark -c user.email=benchmark@localhost commit -m "Run of $$(git rev-parse HEAD)"
	git -C "$$OUT/history" push origin "HEAD:refs/heads/$$HISTORY"
