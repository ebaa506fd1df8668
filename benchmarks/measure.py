# Copyright (c) prcl_mmseg authors. All rights reserved.
"""Time and memory, measured in one way by all benchmarks."""
import argparse
import ctypes
import gc
import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Callable, Dict, Iterator, List, Sequence

import torch

# So that a clone is enough.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

MIB = 2**20


def parser(description: str) -> argparse.ArgumentParser:
    """The arguments that all benchmarks share."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument('--json', type=Path, help='write the rows here')
    result.add_argument(
        '--quick', action='store_true', help='small cases, under a minute')
    result.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    result.add_argument('--repeats', type=int, help='measurements per row')
    return result


def wait(device: torch.device) -> None:
    """Wait for what the device still has to do."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def seconds(function: Callable, device: torch.device) -> float:
    """Seconds that one call takes, including the device's part."""
    wait(device)
    start = time.perf_counter()
    function()
    wait(device)
    return time.perf_counter() - start


class PeakMemory:
    """MiB above the level at the start, once the block has been left."""

    mib = float('nan')


@contextmanager
def peak_memory(device: torch.device) -> Iterator[PeakMemory]:
    """Measure the memory that a block needs on top of what is there.

    On CUDA what PyTorch allocates, on the CPU the resident memory of the
    process as Linux counts it.
    """
    peak = PeakMemory()
    gc.collect()
    if device.type == 'cuda':
        wait(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield peak
        wait(device)
        peak.mib = (torch.cuda.max_memory_allocated(device) - before) / MIB
        return
    # Memory that the allocator keeps would hide what the block takes.
    ctypes.CDLL('libc.so.6').malloc_trim(0)
    Path('/proc/self/clear_refs').write_text('5')
    before = _resident('VmRSS')
    yield peak
    peak.mib = _resident('VmHWM') - before


def _resident(field: str) -> float:
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f'/proc/self/status has no {field}')


def alternate(functions: Dict[str, Callable[[], Dict[str, float]]],
              repeats: int,
              budget: float = float('inf')) -> Dict[str, Dict[str, float]]:
    """Medians of what the functions report, called in turn.

    In turn, so that a machine that slows down slows all of them.

    Args:
        functions (dict): Measurements by name; each returns numbers by name.
        repeats (int): Calls of each.
        budget (float): Seconds after which no further round is started.
    """
    seen: Dict[str, List[Dict[str, float]]] = {name: [] for name in functions}
    start = time.perf_counter()
    for _ in range(repeats):
        for name, function in functions.items():
            seen[name].append(function())
        if time.perf_counter() - start > budget:
            break
    return {
        name: {
            key: median(report[key] for report in reports)
            for key in reports[0]
        }
        for name, reports in seen.items()
    }


def report(rows: Sequence[dict], args: argparse.Namespace) -> None:
    """Print the rows as a table and write them as JSON."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns] + [[_cell(row.get(name)) for name in columns]
                         for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    for line in cells:
        print('  '.join(
            cell.rjust(width) for cell, width in zip(line, widths)))
    name = (torch.cuda.get_device_name() if args.device != 'cpu' else
            f'CPU, {torch.get_num_threads()} threads')
    print(f'({name}, PyTorch {torch.__version__}; medians)')
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(list(rows), indent=1) + '\n')


def _cell(value) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)
