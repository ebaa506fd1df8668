# Copyright (c) prcl_mmseg authors. All rights reserved.
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools' / 'dataset_converters'


@pytest.fixture
def run_tool(monkeypatch, capsys):
    """Run a tool in this process and give what it did."""

    def run(name: str, *arguments) -> SimpleNamespace:
        spec = importlib.util.spec_from_file_location(
            Path(name).stem, TOOLS / name)
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            tool.main()
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        error = printed.err + (code if isinstance(code, str) else '')
        return SimpleNamespace(
            failed=bool(code), out=printed.out, error=error)

    return run
