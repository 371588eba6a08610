# calql-vision: a target for each stage. `make demo` runs them all for the task `lift`.
#
#   make pretrain TASK=pick_place ALGO=cql SEED=1 SCALE=small ARGS="algo.penalty_weight=5"
#
# Make knows the files: a target builds what is missing before it, and nothing twice.

TASK  ?= lift
ALGO  ?= cal_ql
SEED  ?= 0
SCALE ?= small
ARGS  ?=

# `make compare` runs every method on every task with every seed.
TASKS ?= $(TASK)
ALGOS ?= cal_ql cql
SEEDS ?= 0 1 2
JOBS  ?= $(shell nproc)

VENV := .venv
RUN  := $(VENV)/bin/calql-vision
BASE := $(VENV)/bin/python -m pip --disable-pip-version-check
UV   := $(VENV)/bin/uv
READY := $(VENV)/.ready

NAME   := $(if $(findstring /,$(TASK)),$(TASK),tabletop/$(TASK))
DATA   := data/$(NAME).hdf5
SHEET  := data/$(NAME)_contact_sheet.png
FOLDER := runs/$(NAME)/$(ALGO)/seed$(SEED)
REPORT := reports/$(NAME)/index.html
WORDS  := task=$(TASK) scale=$(SCALE)
AGENT  := $(WORDS) algo=$(ALGO) seed=$(SEED)

# What the method's file says: some learn from the first environment step on, without pre-training.
LONELY := $(shell grep -s -l 'pretrained: false' configs/algo/$(ALGO).yaml)
# SAC takes demonstrations for statistics alone, and only if they are there: many have no expert.
OTHERS := $(if $(filter sac,$(ALGO)),$(wildcard $(DATA)),$(DATA))
START  := $(if $(LONELY),$(OTHERS),$(FOLDER)/pretrain/checkpoint.pt)
PRETRAINED := $(if $(LONELY),,$(FOLDER)/evaluate_pretrain/metrics.json)

# A finished run is used again only for what was asked when it was made; threads change its speed alone.
ASKED := SCALE=$(SCALE) ARGS=$(strip $(filter-out threads=%,$(ARGS)))
NOTE_ASKED = mkdir -p $(FOLDER) && echo '$(subst ','"'"',$(ASKED))' > $(FOLDER)/asked
ifneq (,$(filter demo pretrain finetune evaluate% diagnose report,$(MAKECMDGOALS)))
MADE_WITH := $(shell cat $(FOLDER)/asked 2> /dev/null)
ifneq (,$(MADE_WITH))
ifneq ($(MADE_WITH),$(strip $(ASKED)))
$(error $(FOLDER) was made with $(MADE_WITH), this is $(ASKED): \
    ask as then, remove the folder, or call calql-vision itself)
endif
endif
endif

.PHONY: help setup demo test lint lock doctor collect convert inspect pretrain \
        evaluate_pretrain finetune evaluate diagnose report compare docs clean
.DELETE_ON_ERROR:

help:
	@echo "make demo       install, then collect, pretrain, finetune, evaluate and report: lift"
	@echo "make test       install, then every test"
	@echo "make setup      install into $(VENV)"
	@echo "make collect | inspect | pretrain | finetune | evaluate | report"
	@echo "                one stage, and those that it needs; TASK= ALGO= SEED= SCALE= ARGS="
	@echo "make compare TASKS=\"lift push\" ALGOS=\"cal_ql cql\" SEEDS=\"0 1 2\" JOBS=2"
	@echo "                the whole matrix, a cell per core, a page per task and one of all;"
	@echo "                after an interruption it goes on where it was"
	@echo "make diagnose   values against returns of one run: calibration, regret"
	@echo "make convert SOURCE=path         other data: a file or a folder, see docs/own-data.md"
	@echo "make doctor     is this machine ready?"
	@echo "make docs       build the site of docs/ into site/"
	@echo "make bench      how fast everything is, beside other projects: docs/performance.md"
	@echo "make clean      remove data/, runs/, reports/ and site/"

# Installation ----------------------------------------------------------------------------------

setup: $(READY)

# robomimic needs egl_probe, which compiles with a cmake 3.x from PATH: that comes first.
$(READY): requirements.lock pyproject.toml
	test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	$(BASE) install --quiet uv 'cmake<4'
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(UV) pip install --quiet --python $(VENV)/bin/python \
	    --require-hashes --requirement requirements.lock
	$(UV) pip install --quiet --python $(VENV)/bin/python --no-deps --editable .
	$(RUN) doctor || $(MAKE) --no-print-directory system-packages
	touch $@

# Rendering needs EGL or OSMesa. As root on Debian and its relatives they are installed; elsewhere
# `doctor` says what is missing.
.PHONY: system-packages
system-packages:
	test "$$(id -u)" = 0 && command -v apt-get
	apt-get update -qq
	apt-get install -y -qq libegl1 libgl1-mesa-dri libosmesa6
	$(RUN) doctor

doctor: $(READY)
	$(RUN) doctor

lock:
	$(UV) pip compile --quiet pyproject.toml --constraint constraints.txt \
	    --extra robosuite --extra gym --extra minari --extra lerobot --extra ray --extra rerun \
	    --extra timm --extra docs --extra dev \
	    --universal --python-version 3.11 \
	    --generate-hashes --no-header --no-annotate --no-emit-index-url --output-file requirements.lock

# Stages ----------------------------------------------------------------------------------------

collect:  $(DATA)
inspect:  $(SHEET)
pretrain: $(FOLDER)/pretrain/checkpoint.pt
finetune: $(FOLDER)/finetune/checkpoint.pt
evaluate: $(FOLDER)/evaluate/metrics.json
evaluate_pretrain: $(PRETRAINED)
diagnose: $(FOLDER)/diagnose/diagnosis.json
report:   $(REPORT)

$(DATA): | $(READY)
	$(RUN) collect $(WORDS) output=$@ overwrite=true $(if $(filter collect,$(MAKECMDGOALS)),$(ARGS))

$(SHEET): $(DATA)
	$(RUN) inspect task=$(TASK) contact_sheet=$@ $(if $(filter inspect,$(MAKECMDGOALS)),$(ARGS))

# A run that is older than what it was made from is replaced; one that was interrupted goes on.
ANEW = $(if $(wildcard $@),overwrite=true)

$(FOLDER)/pretrain/checkpoint.pt: $(DATA)
	@$(NOTE_ASKED)
	$(RUN) pretrain $(AGENT) $(ANEW) $(ARGS)

$(FOLDER)/finetune/checkpoint.pt: $(START)
	@$(NOTE_ASKED)
	$(RUN) finetune $(AGENT) $(ANEW) $(ARGS)

$(FOLDER)/evaluate/metrics.json: $(FOLDER)/finetune/checkpoint.pt
	$(RUN) evaluate $(AGENT)

$(FOLDER)/evaluate_pretrain/metrics.json: $(FOLDER)/pretrain/checkpoint.pt
	$(RUN) evaluate $(AGENT) stage=pretrain videos=0

$(FOLDER)/diagnose/diagnosis.json: $(FOLDER)/finetune/checkpoint.pt
	$(RUN) diagnose $(AGENT)

LEFT := runs/$(NAME)/*/*/*/metrics.* runs/$(NAME)/*/*/diagnose/diagnosis.json
$(REPORT): $(FOLDER)/evaluate/metrics.json $(FOLDER)/diagnose/diagnosis.json $(SHEET) $(wildcard $(LEFT))
	$(RUN) report task=$(TASK)

convert: | $(READY)
	@test -n "$(SOURCE)" || { echo "error: say which data: make convert SOURCE=demo.hdf5, or a folder"; exit 2; }
	$(RUN) convert source=$(SOURCE) $(ARGS)

demo: report
	@echo "open $(REPORT)"

# Comparison ------------------------------------------------------------------------------------

# The data and the pages are files that make knows; between them `experiment` runs what is missing
# of the matrix, as many cells at a time as JOBS, and shows a table of them.
SUB   = --no-print-directory
empty :=
comma := ,
LIST  = $(subst $(empty) ,$(comma),$(strip $(1)))
MATRIX = task=$(call LIST,$(TASKS)) algo=$(call LIST,$(ALGOS)) seed=$(call LIST,$(SEEDS))

compare: $(READY)
	@for task in $(TASKS); do $(MAKE) $(SUB) collect inspect TASK=$$task ARGS= || exit; done
	$(RUN) experiment -m hydra/launcher=ray hydra.launcher.cores=$(JOBS) $(MATRIX) \
	    scale=$(SCALE) $(ARGS)
	@for task in $(TASKS); do $(MAKE) $(SUB) report TASK=$$task \
	    ALGO=$(firstword $(ALGOS)) SEED=$(firstword $(SEEDS)) || exit; done
	@$(MAKE) $(SUB) $(COMPARISON)

# A folder for every choice of tasks, so that make knows whether this one was made.
NAMES := $(foreach t,$(TASKS),$(if $(findstring /,$t),$t,tabletop/$t))
COMPARISON := reports/comparison/$(subst $(empty) ,+,$(strip $(subst /,-,$(TASKS))))/index.html
$(COMPARISON): $(foreach n,$(NAMES),$(wildcard runs/$n/*/*/*/metrics.* runs/$n/*/*/*/diagnosis.json))
	$(RUN) compare tasks=[$(call LIST,$(NAMES))] output=$(@D)

# Checks ----------------------------------------------------------------------------------------

test: lint
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadscope

# Hours: kills, full disks, damaged files, bad options; what came of them is docs/reliability.md.
.PHONY: test-faults
test-faults: $(READY)
	$(VENV)/bin/python -m tests.faults --page docs/reliability.md $(ARGS)

# What must hold on a GPU, for whoever has one; `make test` does not look there.
.PHONY: test-gpu
test-gpu: $(READY)
	$(VENV)/bin/python -m pytest -s tests/gpu/test_gpu.py

# mypy does not follow the mapping of folders to packages: it reads links laid out as installed.
TYPED := $(VENV)/typed/calql_vision
lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	rm -rf $(TYPED) && mkdir -p $(TYPED)
	ln -s $(CURDIR)/calql_vision/* $(CURDIR)/encoders $(CURDIR)/datasets $(CURDIR)/configs $(TYPED)
	$(VENV)/bin/mypy

# The site of docs/, in site/; anything that is amiss stops it.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

# Speed -----------------------------------------------------------------------------------------

# Some 15 minutes on two cores, with nothing else running; goes on where it was interrupted.
.PHONY: bench bench-peers
bench: bench-peers
	PYTHONPATH=benchmarks $(VENV)/bin/python -m speed

# Other projects' code, each in an environment of its own; what does not install is not measured,
# and the page says so. six: robomimic imports it and does not ask for it.
bench-peers: .bench/d3rlpy/.ready .bench/robomimic/.ready
.bench/d3rlpy/.ready: PACKAGES := d3rlpy==2.8.1
.bench/robomimic/.ready: PACKAGES := robomimic==0.3.0 six
.bench/%/.ready: | $(READY)
	$(UV) venv --quiet --clear --python $(VENV)/bin/python .bench/$*
	-PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(UV) pip install --quiet --python .bench/$*/bin/python \
	    torch==$$($(VENV)/bin/python -c 'from importlib.metadata import version as v; print(v("torch"))') \
	    $(PACKAGES)
	touch $@

clean:
	rm -rf data runs reports site
