# Makes .venv and installs the project into it. Sourced by the other scripts, from the project's root.
#
#   EXTRAS      extras to install, default "offline-weights"
#   PYTHON      interpreter to build the environment with, default python3.11
#   TORCH       what to install for torch, default the version that constraints.txt pins
#
# A torch that is already in .venv, such as a CUDA build of your choice, is kept.

install_project() {
  local extras=${EXTRAS:-offline-weights} python=${PYTHON:-python3.11}
  if [ ! -x .venv/bin/python ]; then
    command -v "$python" >/dev/null || python=python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
      echo "setup.sh: $python is older than 3.11. Set PYTHON to a newer one." >&2
      return 2
    }
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv .venv
  fi
  local stamp=.venv/.installed want
  want="$(cat setup.cfg pyproject.toml constraints.txt | cksum) $extras"
  if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
    echo "Installing into .venv (some minutes the first time)"
    if ! .venv/bin/python -c 'import torch' 2>/dev/null; then
      .venv/bin/python -m pip install --quiet ${TORCH:-$(grep -E '^torch(vision)?==' constraints.txt)}
    fi
    local pins=constraints.txt
    local torch
    torch=$(.venv/bin/python -c 'from importlib.metadata import version; print("torch==" + version("torch"))')
    if [ "$torch" != "$(grep '^torch==' constraints.txt)" ]; then
      grep -vE '^torch(vision)?==' constraints.txt >.venv/constraints.txt && pins=.venv/constraints.txt
    fi
    .venv/bin/python -m pip install --quiet -c "$pins" -e ".[$extras]"
    echo "$want" >"$stamp"
  fi
}
