#!/usr/bin/env bash
# [default|openmmlab] [arguments of pytest]
# Sets up an environment, then runs the tests in it.
set -euo pipefail
cd "$(dirname "$0")/.."
STACK=default
VENV=.venv
case ${1:-} in
    default) shift ;;
    openmmlab) STACK=openmmlab; VENV=.venv-openmmlab; shift ;;
esac
bash tools/setup_env.sh "$STACK" "$VENV"
exec "$VENV/bin/python" -m pytest "$@"
