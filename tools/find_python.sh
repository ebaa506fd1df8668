# Sets PYTHON, unless it is set: the active one, or that of .venv if the active
# one lacks the packages. Read by the launchers, with TOOLS as this folder.
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python
    if ! python -c 'import mmengine' 2>/dev/null && [ -x "$TOOLS/../.venv/bin/python" ]; then
        PYTHON=$TOOLS/../.venv/bin/python
    fi
fi
