#!/usr/bin/env bash
# [arguments of tools/demo.py]
# Sets up an environment, then trains and compares on generated scenes.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/setup_env.sh default .venv
exec .venv/bin/python tools/demo.py "$@"
