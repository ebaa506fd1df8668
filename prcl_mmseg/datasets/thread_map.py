# Copyright (c) prcl_mmseg authors. All rights reserved.
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, List

from mmengine.logging import print_log
from mmengine.utils import ProgressBar

# Threads hide the latency of network disks, and images are decoded without
# Python's lock.
_THREADS = 4
_CHUNK = 64
# So many calls take a moment that nobody needs to be told of.
_SILENT = 2000


def thread_map(work: Callable[[int], Any], count: int,
               title: str) -> List[Any]:
    """Call a function with 0, 1, ..., in threads and with a progress bar.

    Args:
        work (Callable): Takes a number and may be called by several threads.
        count (int): How many numbers.
        title (str): What is going on, for the log if there is much of it.

    Returns:
        list: What the calls returned, in order.
    """
    if count <= _CHUNK:
        return [work(index) for index in range(count)]
    bar = None
    if count > _SILENT:
        print_log(f'{title}: {count}', logger='current')
        bar = ProgressBar(count)
    chunks = [
        range(start, min(start + _CHUNK, count))
        for start in range(0, count, _CHUNK)
    ]
    results: List[Any] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for part in pool.map(lambda chunk: list(map(work, chunk)), chunks):
            results += part
            if bar is not None:
                bar.update(len(part))
    if bar is not None:
        bar.file.write('\n')
    return results
