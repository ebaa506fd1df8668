# Copyright (c) prcl_mmseg authors. All rights reserved.
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator

from mmengine.logging import print_log
from mmengine.utils import ProgressBar

# Threads hide the latency of network disks, and images are decoded without
# Python's lock.
_THREADS = 4
_CHUNK = 64
# Shorter calls (seconds) spend more time on waiting for that lock.
_SHORT = 2e-4
# So many calls take a moment that nobody needs to be told of.
_SILENT = 2000


def thread_map(work: Callable[[int], Any], count: int,
               title: str) -> Iterator[Any]:
    """Call a function with 0, 1, ..., in threads and with a progress bar.

    Threads are used from 64 calls on, if a call takes 0.2 ms or more.

    Args:
        work (Callable): Takes a number and may be called by several threads.
        count (int): How many numbers.
        title (str): What is going on, for the log if there is much of it.

    Yields:
        What the calls returned, in order.
    """
    results = _results(work, count)
    if count <= _SILENT:
        yield from results
        return
    print_log(f'{title}: {count}', logger='current')
    bar = ProgressBar(count)
    step = count // 100
    for done, result in enumerate(results, start=1):
        if done % step == 0 or done == count:
            bar.update(done - bar.completed)
        yield result
    bar.file.write('\n')


def _results(work: Callable[[int], Any], count: int) -> Iterator[Any]:
    first = min(count, _CHUNK)
    start = time.perf_counter()
    yield from [work(index) for index in range(first)]
    seconds = (time.perf_counter() - start) / max(first, 1)
    if count == first or seconds < _SHORT:
        yield from map(work, range(first, count))
        return
    chunks = [
        range(start, min(start + _CHUNK, count))
        for start in range(first, count, _CHUNK)
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        for part in pool.map(lambda chunk: list(map(work, chunk)), chunks):
            yield from part
