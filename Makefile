# Every target does its own set-up in .venv; nothing outside it is touched.
#   make demo PYTHON=python3.12 PIP_OPTIONS="--index-url https://mirror.example/simple"
PYTHON ?= python3
PIP_OPTIONS ?=
# Where torch comes from: its CPU build on Linux without an NVIDIA GPU. `make demo TORCH_INDEX=` takes the build
# with CUDA all the same, another URL another build.
HAS_NVIDIA := $(shell { command -v nvidia-smi || test -e /dev/nvidiactl; } >/dev/null 2>&1 && echo yes)
TORCH_INDEX ?= $(if $(HAS_NVIDIA)$(filter-out Linux,$(shell uname -s)),,https://download.pytorch.org/whl/cpu)
# to download, and on disk; Linux, x86-64
SIZE_CPU := 0.3 GB to download, 1.1 GB on disk
SIZE_CUDA := 2.8 GB to download, 4.9 GB on disk
VENV ?= .venv
ARGS ?=
# test processes; each computes on one thread, as two threads on two busy cores wait for each other
JOBS ?= 2

BENCHMARKS := $(wildcard benchmarks/*.py $(foreach room,cpu eval quant train,benchmarks/$(room)/*.py))
BIN := $(VENV)/bin
RUN := $(BIN)/python
PIP := $(RUN) -m pip install --disable-pip-version-check $(PIP_OPTIONS)
BUILD := $(if $(TORCH_INDEX),torch's CPU build ($(SIZE_CPU)); TORCH_INDEX= takes the one with CUDA,torch with CUDA ($(SIZE_CUDA)))
TORCH := $(shell grep -o 'torch>=[^"]*' pyproject.toml)

.DEFAULT_GOAL := help
.PHONY: help demo serve page test test-all check docs bench recipe-smoke reproduce reproduce-small reproduce-small-transfer clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

# The plain install: what a user of the model needs; again when the compiled part changes.
$(VENV)/.installed: pyproject.toml hatch_build.py $(wildcard r1v/ops/cpu/csrc/*)
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(0 if sys.version_info >= (3, 11) else f"r1v needs Python 3.11 or later, this is {v}; name another one: make PYTHON=python3.12")'
	@echo "== making $(VENV): r1v and $(BUILD)"
	@$(PYTHON) -m venv $(VENV)
	@if [ -n "$(TORCH_INDEX)" ]; then \
		$(PIP) --no-deps --retries 1 --timeout 20 --index-url $(TORCH_INDEX) '$(TORCH)' || \
		echo "== $(TORCH_INDEX) cannot be reached: PyPI's torch is taken instead (2.7 GB to download on Linux)"; fi
	@echo "== r1v and what it needs; its C code is compiled meanwhile, a minute or more in which pip is quiet"
	@$(PIP) -e .
	@echo "== $(VENV) is ready: $$(du -sh $(VENV) | cut -f1) on disk"
	@touch $@

# The plain install plus everything the tests and the checks use.
$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "== adding what the tests and checks use"
	@$(PIP) -e '.[dev]'
	@touch $@

demo: $(VENV)/.installed  ## ask R1V-Nano about a real image file; ARGS=--ten: about ten new figures, some by other tools
ifneq ($(filter --ten,$(ARGS)),)
	@$(PIP) --quiet -e '.[figures]'
	$(BIN)/r1v figures quiz --n 10 --abroad --pictures runs/ten $(filter-out --ten,$(ARGS))
else
	$(BIN)/r1v ask examples/demo.png "$$(cat examples/demo.txt)" $(ARGS)
endif

serve: $(VENV)/.installed  ## R1V-Nano's API and chat page on http://127.0.0.1:8000, until Ctrl-C
	$(BIN)/r1v serve r1v-nano $(ARGS)

page:  ## build the chat page anew from web/ (needs Node.js)
	cd web && npm install --no-audit --no-fund && npm run build

test: $(VENV)/.installed-dev  ## the test suite
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS) --dist loadfile $(ARGS)

test-all: $(VENV)/.installed-dev  ## the test suite with the slow tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n $(JOBS) --dist loadfile -m '' $(ARGS)

check: $(VENV)/.installed-dev docs  ## ruff, mypy and the documentation's links; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-dev  ## the documentation as a site in build/site
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --quiet --strict

bench: $(VENV)/.installed-dev  ## every benchmark, about a minute each; ONLY="decode cpu/levels": these
	@for name in $(or $(ONLY),$(patsubst benchmarks/%.py,%,$(sort $(wildcard $(BENCHMARKS))))); do \
		echo "== $$name"; start=$$(date +%s); $(RUN) benchmarks/$$name.py $(or $(ARGS),--quick) || exit 1; \
		echo "== $$name: $$(($$(date +%s) - start)) s"; done

recipe-smoke: $(VENV)/.installed-dev  ## every training stage in order on a tiny model, about five minutes; PROCESSES=2: in two processes
	$(if $(OUT),,rm -rf runs/recipe-smoke$(PROCESSES))
	OMP_NUM_THREADS=1 $(RUN) examples/recipe.py $(or $(OUT),runs/recipe-smoke$(PROCESSES)) --processes $(or $(PROCESSES),1)

reproduce: $(VENV)/.installed-dev  ## R1V-Nano from nothing to its report: one GPU, about two hours; HOURS=8: longer
	$(RUN) examples/nano/reproduce.py --out $(or $(OUT),runs/reproduce) $(if $(HOURS),--hours $(HOURS)) $(ARGS)

reproduce-small: $(VENV)/.installed-dev  ## the same stages for a smaller twin on a CPU, under an hour
	$(RUN) experiments/ablations.py --small --seeds 1 --only recipe --device cpu \
		--out $(or $(OUT),runs/reproduce-small) --plots $(or $(OUT),runs/reproduce-small) $(ARGS)

reproduce-small-transfer: $(VENV)/.installed-dev  ## R1V-Nano's tower before Qwen2.5-Coder-0.5B: one GPU, 20 minutes; ARGS=--tiny: a CPU
	$(RUN) experiments/r1v_small/reproduce.py --out $(or $(OUT),runs/r1v-small) $(ARGS)

clean:  ## remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
