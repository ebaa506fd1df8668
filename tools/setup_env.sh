#!/usr/bin/env bash
# [default|openmmlab] [VENV]
# Makes a virtual environment with all that the project needs, or brings it up
# to date. PYTHON chooses the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
STACK=${1:-default}
case $STACK in
    default) MM=requirements/mminstall.txt; VENV=${2:-.venv} ;;
    openmmlab) MM=requirements/mminstall-openmmlab.txt; VENV=${2:-.venv-openmmlab} ;;
    *) echo "usage: $0 [default|openmmlab] [VENV]" >&2; exit 2 ;;
esac

STAMP=$VENV/.prcl_mmseg_requirements
WANTED=$(cat "$MM" requirements/*.txt setup.py | cksum)
if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$WANTED" ]; then
    exit 0
fi

echo "Setting up $VENV for the $STACK stack; PyTorch takes a while."
[ -x "$VENV/bin/python" ] || "${PYTHON:-python3}" -m venv "$VENV"
PIP=("$VENV/bin/python" -m pip --disable-pip-version-check -qq)
"${PIP[@]}" install -r requirements/build.txt
"${PIP[@]}" install -r "$MM" -r requirements.txt
"${PIP[@]}" install --no-build-isolation --no-deps -e .
if ! "$VENV/bin/python" -c 'import cv2' 2>/dev/null; then
    echo "OpenCV finds no display libraries here: installing its headless build."
    CV=$("$VENV/bin/python" -c "import importlib.metadata as m; print(m.version('opencv-python'))")
    "${PIP[@]}" uninstall --yes opencv-python
    "${PIP[@]}" install "opencv-python-headless==$CV" ||
        "${PIP[@]}" install opencv-python-headless
fi
echo "$WANTED" > "$STAMP"
