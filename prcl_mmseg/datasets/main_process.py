# Copyright (c) prcl_mmseg authors. All rights reserved.
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Callable, Optional

from mmengine.dist import (broadcast_object_list, get_world_size,
                           is_main_process)

# Seconds between signs of life: well below any timeout of communication.
_INTERVAL = 10.


def run_in_main_process(work: Callable[[], Any]) -> Any:
    """Let the main process do something while the others wait.

    They wait as long as it takes, since the main process tells them again and
    again that it is still at work. An error of it ends them, too: in a mere
    barrier they would wait for it in vain.

    Args:
        work (Callable): What to do. It may not communicate with the others.

    Returns:
        What ``work`` returned in the main process, None in the others.

    Raises:
        RuntimeError: In the other processes, if ``work`` raised an error.
    """
    if get_world_size() == 1:
        return work()
    if not is_main_process():
        while True:
            told = [None]
            broadcast_object_list(told)
            done, error = told[0]
            if error is not None:
                raise RuntimeError(f'The main process stopped: {error}')
            if done:
                return None
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        # Told at least once, also of work that is done at once.
        done = False
        while not done:
            wait([future], _INTERVAL)
            done = future.done()
            broadcast_object_list([(done, _error_of(future, done))])
    return future.result()


def _error_of(future: Future, done: bool) -> Optional[str]:
    if done and future.exception() is not None:
        return str(future.exception())
    return None
