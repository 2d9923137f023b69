# Every target sets up what it needs: a virtual environment, and system packages through apt only when one is missing.
PYTHON ?= python3
VENV ?= .venv
VENV313 ?= .venv313
TRAIN_VENV ?= .venv-train
SECONDS ?=
STAGE ?= frontend
# make model: CONFIG=debug (minutes), small (hours) or full. OUT=edge/models ships what comes out.
CONFIG ?= small
DATA ?= data/$(CONFIG)
RUN ?= runs/$(CONFIG)
OUT ?= $(RUN)/models
WORKERS ?= 2
SAMPLES_debug = 160 40 40
SAMPLES_small = 36000 400 2000
SAMPLES_full = 100000 1000 2000
# Beside these: people under plain conditions to calibrate with, and rigs of all kinds to train on.
PLAIN_debug = 20
PLAIN_small = 400
PLAIN_full = 500
WIDE_debug = 10
WIDE_small = 5430
WIDE_full = 10000
VOLUME_debug = debug-volume
VOLUME_small = volume
VOLUME_full = volume

.PHONY: demo test lint homeassistant lint-deploy test-deploy molecule bench bench-report model fuzz test-nojit test-faults coverage \
  sbom clean

demo:
	@deploy/setup.sh $(VENV) $(PYTHON) demo
	$(VENV)/bin/posekernel demo $(if $(SECONDS),--seconds $(SECONDS))

test:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	$(VENV)/bin/pytest -m "not train"
	@other=$$(deploy/find-python.sh 3.13); \
	if [ -n "$$other" ]; then \
	  deploy/setup.sh $(VENV313) "$$other" test && $(VENV313)/bin/pytest -m "not export and not once and not train"; \
	else echo "Python 3.13 is not installed: the edge tests ran on $$($(VENV)/bin/python -V) only"; fi
	@other=$$(deploy/find-python.sh 3.11); \
	if [ -n "$$other" ]; then \
	  deploy/setup.sh $(TRAIN_VENV) "$$other" train,test && $(TRAIN_VENV)/bin/pytest -m train; \
	else echo "Python 3.11 is not installed, but PyTorch's pinned version and the converter need it: training was not tested"; fi
	@$(MAKE) --no-print-directory homeassistant

lint:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

# Home Assistant pins every package it uses, hence a virtual environment of its own (500 MB). 2025.1 is the last for Python 3.13.0.
homeassistant:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	@other=$$(deploy/find-python.sh 3.13); \
	if [ -n "$$other" ]; then \
	  if [ -x .venv-homeassistant/bin/hass ] || { echo "installing Home Assistant (once)" && \
	    "$$other" -m venv .venv-homeassistant && \
	    .venv-homeassistant/bin/pip install -q --disable-pip-version-check homeassistant==2025.1.4 paho-mqtt==1.6.1; }; \
	  then $(VENV)/bin/pytest tests/edge/output/test_homeassistant.py; \
	  else echo "Home Assistant could not be installed: its own schemas were not asked"; fi; \
	else echo "Python 3.13 is not installed, but Home Assistant needs it: its own schemas were not asked"; fi

# The playbooks: half a minute of ansible-lint, and minutes of a Debian tree with real systemd, as root. Python 3.12 or newer.
lint-deploy:
	@deploy/setup.sh .venv-deploy "$$(deploy/find-python.sh 3.13)" deploy
	cd deploy && PATH="$(CURDIR)/.venv-deploy/bin:$$PATH" ansible-lint

test-deploy:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	@deploy/setup.sh .venv-deploy "$$(deploy/find-python.sh 3.13)" deploy
	POSEKERNEL_DEPLOY_TESTS=1 PATH="$(CURDIR)/.venv-deploy/bin:$$PATH" $(VENV)/bin/pytest tests/deploy -v

molecule:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	@deploy/setup.sh .venv-deploy "$$(deploy/find-python.sh 3.13)" deploy
	cd deploy && POSEKERNEL_TEST_PYTHON="$(abspath $(VENV))/bin/python" PATH="$(CURDIR)/.venv-deploy/bin:$$PATH" molecule test

bench:
	@deploy/setup.sh $(VENV) $(PYTHON) bench
	$(VENV)/bin/posekernel bench --stage $(STAGE)

# The figures of export/studies/results, on a machine that does nothing else: two minutes, and one for the peers in an environment of their
# own (Python 3.11, 1 GB).
bench-report:
	@deploy/setup.sh $(VENV) $(PYTHON) bench
	$(VENV)/bin/posekernel bench --out export/studies/results/bench.json --out export/studies/results/bench_tables.md
	@deploy/setup.sh .venv-peers "$$(deploy/find-python.sh 3.11)" peers
	.venv-peers/bin/posekernel-export bench-peers --out export/studies/results/bench_peers.md

# PyTorch's pinned version and the converter need Python 3.11, and 2 GB: a virtual environment of their own. Both forms see with
# the network that the first trains.
model:
	@deploy/setup.sh $(TRAIN_VENV) "$$(deploy/find-python.sh 3.11)" train
	@set -e; set -- $(SAMPLES_$(CONFIG)); for split in train val test; do \
	  $(TRAIN_VENV)/bin/posekernel-export simulate --split $$split --samples $$1 --per-room 10 --rig compact --keep-clean \
	    --workers $(WORKERS) --out $(DATA)/$$split; shift; done
	$(TRAIN_VENV)/bin/posekernel-export simulate --split val --conditions plain --samples $(PLAIN_$(CONFIG)) --per-room 10 \
	  --rig compact --keep-clean --workers $(WORKERS) --out $(DATA)/val-plain
	$(TRAIN_VENV)/bin/posekernel-export simulate --split train --samples $(WIDE_$(CONFIG)) --per-room 10 --rig all --keep-clean \
	  --workers $(WORKERS) --out $(DATA)/train-all
	$(TRAIN_VENV)/bin/posekernel-export train --config $(CONFIG) --data $(DATA) --out $(RUN)
	$(TRAIN_VENV)/bin/posekernel-export train --config $(VOLUME_$(CONFIG)) --data $(DATA) --out $(RUN)-volume --vision $(RUN)/vision.pt
	$(TRAIN_VENV)/bin/posekernel-export quantize $(RUN)/best.pt --data $(DATA) --out $(OUT)
	$(TRAIN_VENV)/bin/posekernel-export quantize $(RUN)-volume/best.pt --data $(DATA) --out $(OUT)
	$(TRAIN_VENV)/bin/posekernel-export evaluate $(DATA)/test --lifter \
	  $(OUT)/lifter_ray_int8.tflite,$(OUT)/lifter_ray.tflite,$(OUT)/lifter_volume_int8.tflite,$(OUT)/lifter_ray.tflite:silent,geometric

# Coverage-guided, of each parser of outside input; atheris has wheels for Python 3.11 at least.
EXECUTIONS ?= 100000
fuzz:
	@deploy/setup.sh $(VENV) $(PYTHON) fuzz,test
	$(VENV)/bin/python -m tests.system.fuzz --executions $(EXECUTIONS)

# Every loop that is compiled, as plain Python.
NUMERIC = edge/sound edge/lifting export/acoustics
test-nojit:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	NUMBA_DISABLE_JIT=1 $(VENV)/bin/pytest $(NUMERIC:%=tests/%)

test-faults:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	POSEKERNEL_FAULT_TESTS=1 $(VENV)/bin/pytest tests/system/faults

# Lines of edge/ that the tests run, in processes that they start, too. A compiled loop reports no lines: the numeric tests run
# once more without the compiler, and both runs count together.
coverage: export COVERAGE_FILE = $(CURDIR)/.coverage
coverage:
	@deploy/setup.sh $(VENV) $(PYTHON) test
	$(VENV)/bin/coverage erase
	-$(VENV)/bin/coverage run -m pytest -m "not train"
	-NUMBA_DISABLE_JIT=1 $(VENV)/bin/coverage run -m pytest $(NUMERIC:%=tests/%)
	$(VENV)/bin/coverage combine -q
	{ printf '# Coverage\n\nLines of `edge/` that the tests run: `make coverage`.\n\n'; $(VENV)/bin/coverage report --format=markdown; } \
	  > export/studies/results/coverage.md
	$(VENV)/bin/coverage report --fail-under=90 | tail -1

clean:
	rm -rf $(VENV) $(VENV313) $(TRAIN_VENV) .venv-homeassistant .venv-sbom .venv-sbom-tool build dist *.egg-info

# The runtime alone in one virtual environment, the tool that looks at it in another. Python 3.11, so that the result is the same.
sbom:
	@deploy/setup.sh .venv-sbom "$$(deploy/find-python.sh 3.11)" alsa
	@.venv-sbom-tool/bin/cyclonedx-py --version >/dev/null 2>&1 || { "$$(deploy/find-python.sh 3.11)" -m venv --clear .venv-sbom-tool && \
	  .venv-sbom-tool/bin/pip install -q --disable-pip-version-check cyclonedx-bom==7.5.0; }
	.venv-sbom-tool/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o .venv-sbom-tool/inventory.json .venv-sbom
	.venv-sbom-tool/bin/python deploy/sbom.py .venv-sbom-tool/inventory.json .venv-sbom/lib/python3.11/site-packages \
	  deploy/sbom.json export/studies/results/licences.md
