# Copyright (c) prcl_mmseg authors. All rights reserved.
import subprocess
import sys

PROGRAM = '''
import sys
from torch.utils.data import DataLoader
from prcl_mmseg.engine.batches import leave_signals_to_main_process
loader = DataLoader(range(8), num_workers=1, persistent_workers=True)
leave_signals_to_main_process(loader)
# Alive until the interpreter is gone, as that of a runner is.
sys.batches = iter(loader)
print(next(sys.batches))
'''


def test_program_ends_while_workers_wait():
    result = subprocess.run([sys.executable, '-c', PROGRAM],
                            capture_output=True, text=True, timeout=400)
    assert result.returncode == 0, result.stderr[-1000:]
    assert 'tensor([0])' in result.stdout
