# Every target sets up what it needs: a virtual environment, and system packages through apt only
# when one is missing. `make test` is the one to begin with.
PYTHON ?= python3
VENV ?= .venv
VENV313 ?= .venv313
TRAIN_VENV ?= .venv-train
SECONDS ?=
# Processes at a time, of tests and of the simulation.
WORKERS ?= 2
# make model: CONFIG=debug (minutes), small (hours) or full. OUT=edge/models ships what comes out.
CONFIG ?= small
DATA ?= data/$(CONFIG)
RUN ?= runs/$(CONFIG)
OUT ?= $(RUN)/models
SAMPLES_debug = 160 40 40
SAMPLES_small = 36000 400 2000
SAMPLES_full = 100000 1000 2000
# Beside these: people under plain conditions to calibrate with, rigs of all kinds to train on, and
# moments of two to four people in rooms that change.
PLAIN_debug = 20
PLAIN_small = 400
PLAIN_full = 500
WIDE_debug = 10
WIDE_small = 5430
WIDE_full = 10000
SEVERAL_debug = 20 10 10
SEVERAL_small = 8000 200 2000
SEVERAL_full = 20000 500 2000
# Also to train on: nearer and farther, and smaller, than most people are, and many changed rooms.
BEYOND_debug = 10
BEYOND_small = 1600
BEYOND_full = 4000
VOLUME_debug = debug-volume
VOLUME_small = volume
VOLUME_full = volume

.PHONY: demo test test-slow lint homeassistant homeassistant-venv lint-deploy test-deploy molecule \
  deb bench bench-report model fuzz test-nojit test-faults coverage sbom clean

# The shipped session in a browser and at a broker of its own.
demo:
	@deploy/setup.sh $(VENV) $(PYTHON) demo
	$(VENV)/bin/posekernel demo $(if $(SECONDS),--seconds $(SECONDS))

# What every change must pass first: minutes.
test:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	$(VENV)/bin/pytest -n $(WORKERS) -m "not slow and not train"

# The rest: the slow tests, edge on Python 3.13, training (Python 3.11, 2 GB) and Home Assistant.
test-slow: homeassistant-venv
	$(VENV)/bin/pytest -n $(WORKERS) -m "slow and not train"
	@other=$$(deploy/find-python.sh 3.13); \
	if [ -n "$$other" ]; then \
	  deploy/setup.sh $(VENV313) "$$other" test && \
	  $(VENV313)/bin/pytest -n $(WORKERS) -m "not slow and not export and not once and not train"; \
	else echo "Python 3.13 is not installed: edge was tested on $$($(VENV)/bin/python -V) only"; fi
	@other=$$(deploy/find-python.sh 3.11); \
	if [ -n "$$other" ]; then \
	  deploy/setup.sh $(TRAIN_VENV) "$$other" train,test && $(TRAIN_VENV)/bin/pytest -m train; \
	else echo "Python 3.11 is not installed, but PyTorch's pinned version and the converter" \
	  "need it: training was not tested"; fi

# Form, types, and the direction of imports.
lint:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo

# Announcements against Home Assistant's own schemas, and a running one with a sensor: ten minutes.
homeassistant: homeassistant-venv
	$(VENV)/bin/pytest tests/edge/output/homeassistant

# It pins every package it uses, hence an environment of its own (500 MB). 2025.1 is the last for
# Python 3.13.0.
homeassistant-venv:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	@other=$$(deploy/find-python.sh 3.13); \
	if [ -z "$$other" ]; then \
	  echo "Python 3.13 is not installed, but Home Assistant needs it: it is not asked"; \
	elif ! ls .venv-homeassistant/lib/*/site-packages/hass_frontend >/dev/null 2>&1; then \
	  echo "installing Home Assistant (once)"; \
	  "$$other" -m venv .venv-homeassistant && \
	  .venv-homeassistant/bin/pip install -q --disable-pip-version-check \
	    homeassistant==2025.1.4 paho-mqtt==1.6.1 home-assistant-frontend==20250109.2 || \
	  echo "It could not be installed: it is not asked"; \
	fi

# Debian packages in dist/, for Bookworm and Trixie: ten minutes, with sudo where it is not root's.
# ARCHITECTURES="arm64" makes one.
ARCHITECTURES ?= amd64 arm64
deb:
	@deploy/setup.sh $(VENV) $(PYTHON) deb
	@mkdir -p dist
	@sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	$$sudo env PYTHON="$(PYTHON)" DEBFULLNAME="$$DEBFULLNAME" DEBEMAIL="$$DEBEMAIL" \
	  deploy/debian/build.sh dist $(ARCHITECTURES)

# The playbooks: half a minute of ansible-lint. Python 3.12 or newer.
lint-deploy:
	@deploy/setup.sh .venv-deploy "$$(deploy/find-python.sh 3.13)" deploy
	cd deploy && PATH="$(CURDIR)/.venv-deploy/bin:$$PATH" ansible-lint

# The package and the playbooks on Debian trees with real systemd: minutes, as root.
test-deploy:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	@deploy/setup.sh $(VENV) $(PYTHON) deb
	@deploy/setup.sh .venv-deploy "$$(deploy/find-python.sh 3.13)" deploy
	POSEKERNEL_DEPLOY_TESTS=1 PATH="$(CURDIR)/.venv-deploy/bin:$$PATH" \
	  $(VENV)/bin/pytest tests/deploy -v

# The same tree through Molecule.
molecule:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	@deploy/setup.sh $(VENV) $(PYTHON) deb
	@deploy/setup.sh .venv-deploy "$$(deploy/find-python.sh 3.13)" deploy
	cd deploy && POSEKERNEL_TEST_PYTHON="$(abspath $(VENV))/bin/python" \
	  PATH="$(CURDIR)/.venv-deploy/bin:$$PATH" molecule test

# Whether this machine keeps up, stage by stage.
bench:
	@deploy/setup.sh $(VENV) $(PYTHON) demo
	$(VENV)/bin/posekernel bench

# The figures of export/studies/results, on a machine that does nothing else: ten minutes, the peers
# in two environments of their own (Python 3.11, 1 GB each).
bench-report:
	@deploy/setup.sh $(VENV) $(PYTHON) demo
	{ printf '# What `posekernel bench` measured, %s\n\n```\n' "$$(date -I)"; \
	  $(VENV)/bin/posekernel bench && printf '```\n'; } > export/studies/results/bench_tables.md
	@deploy/setup.sh .venv-peers "$$(deploy/find-python.sh 3.11)" peers
	.venv-peers/bin/posekernel-export bench-peers --repetitions 1 \
	  --out export/studies/results/bench_peers.md
	@deploy/setup.sh .venv-mediapipe "$$(deploy/find-python.sh 3.11)" mediapipe
	rm -rf $(DATA)/one-person
	.venv-mediapipe/bin/posekernel-export session --video tests/data/video --camera 1 --every 2 \
	  --out $(DATA)/one-person
	.venv-mediapipe/bin/posekernel-export bench-peers --people --session $(DATA)/one-person \
	  --session edge/sessions/demo --out export/studies/results/bench_people.md

# Both lifters, from simulation to a table of scores. PyTorch's pinned version and the converter
# need Python 3.11, and 2 GB: an environment of their own. Both forms see with the network that the
# first trains.
EXPORT = $(TRAIN_VENV)/bin/posekernel-export
SIMULATE = $(EXPORT) simulate --per-room 10 --keep-clean --workers $(WORKERS)
BEYOND = $(SIMULATE) --split train --samples $(BEYOND_$(CONFIG)) --rig compact --changes 6
model:
	@deploy/setup.sh $(TRAIN_VENV) "$$(deploy/find-python.sh 3.11)" train
	@set -e; set -- $(SAMPLES_$(CONFIG)); for split in train val test; do \
	  $(SIMULATE) --split $$split --samples $$1 --rig compact --out $(DATA)/$$split; shift; done
	$(SIMULATE) --split val --conditions plain --samples $(PLAIN_$(CONFIG)) --rig compact \
	  --out $(DATA)/val-plain
	$(SIMULATE) --split train --samples $(WIDE_$(CONFIG)) --rig all --out $(DATA)/train-all
	@set -e; set -- $(SEVERAL_$(CONFIG)); for split in train val test; do \
	  $(SIMULATE) --split $$split --samples $$1 --rig compact --people 2-4 --changes 3 \
	  --out $(DATA)/$$split-several; shift; done
	$(BEYOND) --distance 0.8-1.8 --out $(DATA)/train-near
	$(BEYOND) --distance 4.2-5.5 --people 1-2 --out $(DATA)/train-far
	$(BEYOND) --distance 5.3-6.6 --people 1-2 --out $(DATA)/train-farther
	$(BEYOND) --distance 1.2-5 --heights 0.75-1.45 --out $(DATA)/train-small
	$(BEYOND) --out $(DATA)/train-changing
	$(EXPORT) train --config $(CONFIG) --data $(DATA) --out $(RUN)
	$(EXPORT) train --config $(VOLUME_$(CONFIG)) --data $(DATA) --out $(RUN)-volume \
	  --vision $(RUN)/vision.pt
	$(EXPORT) quantize $(RUN)/best.pt --data $(DATA) --out $(OUT)
	$(EXPORT) quantize $(RUN)-volume/best.pt --data $(DATA) --out $(OUT)
	@[ "$(OUT)" != edge/models ] || for kind in ray volume; do \
	  $(EXPORT) fit-presence --lifter $$kind || exit; done
	for set in test test-several; do \
	  $(EXPORT) evaluate $(DATA)/$$set --lifter $$(printf "$(OUT)/lifter_%s.tflite," \
	  ray_int8 ray volume_int8)$(OUT)/lifter_ray.tflite:silent,geometric || exit; done

# Coverage-guided, each parser of what comes from outside.
EXECUTIONS ?= 100000
fuzz:
	@deploy/setup.sh $(VENV) $(PYTHON) fuzz,test
	$(VENV)/bin/python -m tests.system.fuzz --executions $(EXECUTIONS)

# Every compiled loop as plain Python.
NUMERIC = edge/sound edge/lifting edge/sources/test_alignment.py export/acoustics
test-nojit:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	NUMBA_DISABLE_JIT=1 $(VENV)/bin/pytest $(NUMERIC:%=tests/%)

# A running sensor, broken in one way after another: an hour.
test-faults:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	POSEKERNEL_FAULT_TESTS=1 $(VENV)/bin/pytest tests/system/faults

# Lines of edge/ that the tests run, in processes that they start, too. A compiled loop reports no
# lines: the numeric tests run once more without the compiler, and both runs count together.
coverage: export COVERAGE_FILE = $(CURDIR)/.coverage
coverage:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	$(VENV)/bin/coverage erase
	-$(VENV)/bin/coverage run -m pytest -m "not train"
	-NUMBA_DISABLE_JIT=1 $(VENV)/bin/coverage run -m pytest $(NUMERIC:%=tests/%)
	$(VENV)/bin/coverage combine -q
	printf '# Coverage\n\nThe tests run %s %% of the lines of `edge/`: `make coverage`.\n' \
	  "$$($(VENV)/bin/coverage report --format=total)" > export/studies/results/coverage.md
	$(VENV)/bin/coverage report --fail-under=90

clean:
	rm -rf $(VENV) $(VENV313) $(TRAIN_VENV) .venv-homeassistant .venv-sbom .venv-sbom-tool \
	  build dist *.egg-info

# The runtime alone in one environment, the tool that looks at it in another. Python 3.11, so that
# the result is the same.
sbom:
	@deploy/setup.sh .venv-sbom "$$(deploy/find-python.sh 3.11)" pi,setup
	@.venv-sbom-tool/bin/cyclonedx-py --version >/dev/null 2>&1 || { \
	  "$$(deploy/find-python.sh 3.11)" -m venv --clear .venv-sbom-tool && \
	  .venv-sbom-tool/bin/pip install -q --disable-pip-version-check cyclonedx-bom==7.5.0; }
	.venv-sbom-tool/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  -o .venv-sbom-tool/inventory.json .venv-sbom
	.venv-sbom-tool/bin/python deploy/sbom.py .venv-sbom-tool/inventory.json \
	  .venv-sbom/lib/python3.11/site-packages deploy/sbom.json export/studies/results/licences.md
