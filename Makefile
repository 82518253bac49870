# make run    set up, then start the daemon
# make demo   set up, then prove the main job without a DAW
# make test   set up, then run the suite in two processes (ARGS="-n 0 tests/..." for one); one that
#             dies ends the run: pytest-xdist 3.8 can wait for ever for what replaces it
# make quick  the same without what keeps time, is slow, or needs JACK, Pure Data, Ardour or librosa
# make lint   ruff, the order of imports, and mypy for three systems
# make docs   write the generated reference again

# The first interpreter that runs and has the right version (a version manager's shim may not).
PYTHON ?= $(shell for python in python3.12 python3.11 python3 python; do \
  $$python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
  && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder --max-worker-restart 0
QUICK := not (clock or slow or jack or puredata or ardour or liblo or librosa)
SYSTEMS := mypy-linux mypy-darwin mypy-win32

.PHONY: run demo test quick lint $(SYSTEMS) docs clean

run: $(VENV)/installed
	$(BIN)/mula run $(ARGS)

demo: $(VENV)/installed
	$(BIN)/mula demo --folder demo-clips $(ARGS)

test: $(VENV)/installed-dev
	$(PYTEST) $(ARGS)

quick: $(VENV)/installed-dev
	HYPOTHESIS_PROFILE=quick $(PYTEST) -m "$(QUICK)" $(ARGS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(MAKE) --jobs 2 $(SYSTEMS)

# Each keeps a cache of its own: one that was made for another system is void.
$(SYSTEMS): mypy-%: $(VENV)/installed-dev
	$(BIN)/mypy --platform $* --cache-dir .mypy_cache/$*

docs: $(VENV)/installed-dev
	$(BIN)/python -m mula_bridge.api.reference --write bridge/OSC.md
	$(BIN)/python -m mula_bridge.mapping.schema --write mappings/schema.json
	$(BIN)/python -m mula_daemon.requests.file > bridge/reaper/request.schema.json
	$(BIN)/python -m mula_bridge.surfaces.reaper_index --write bridge/reaper/index.xml
	$(BIN)/mula max max_for_live
	$(BIN)/python -m mula_bridge.surfaces.pure_data --write bridge/pd/mula.pd

$(VENV)/bin/python:
	@test -n "$(PYTHON)" \
	  || { echo "mulabridge needs Python 3.11 or 3.12: install one, or make PYTHON=/path/to/it"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[engine]'
	touch $@

$(VENV)/installed-dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) build *.egg-info daemon/*.egg-info demo-clips
