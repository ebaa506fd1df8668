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
# Two processes of one thread each: threads that wait for each other in so
# small networks cost more than they bring.
export OMP_NUM_THREADS=1
exec "$VENV/bin/python" -m pytest -n 2 "$@"
