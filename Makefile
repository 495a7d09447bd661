# Two commands on a fresh machine with Python >= 3.11 (venv, pip) and make: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= demo
AS_OF := 2026-11-23T00:00:00Z

.PHONY: demo test slow lint format sample clean

# The environment, exactly as locked. uv is installed into it by pip: nothing else is needed. What is imported is compiled
# now: a command that may not write there (a service, a container) would else compile it anew each time, for seconds.
$(BIN)/experience-kpis: pyproject.toml uv.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"
	UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --frozen --quiet --inexact --compile-bytecode
	@touch $@

demo: export EXPERIENCE_KPIS_CONFIG = data/sample.toml
demo: $(BIN)/experience-kpis
	@$(BIN)/experience-kpis nightly --landing data/sample --out $(OUT) --as-of $(AS_OF)
	@$(BIN)/experience-kpis weekly --out $(OUT)

test: $(BIN)/experience-kpis
	$(BIN)/python -m pytest -n 2 --dist loadfile

slow: $(BIN)/experience-kpis
	$(BIN)/python -m pytest -m slow

lint: $(BIN)/experience-kpis
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy flows transforms expectations benchmarks data

format: $(BIN)/experience-kpis
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

sample: $(BIN)/experience-kpis
	$(BIN)/python data/make_sample.py

clean:
	rm -rf .venv $(OUT)
