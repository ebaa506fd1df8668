# Copyright (c) prcl_mmseg authors. All rights reserved.
import os
import signal
import subprocess
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Dict, Iterator, Sequence, Set

try:
    import fcntl
except ImportError:  # Not a POSIX system: runs are not guarded.
    fcntl = None


class Stopped(Exception):
    """A command was ended, or not started, because all are to stop."""


class InUse(Exception):
    """Another process works in this folder."""


class Commands:
    """Runs commands that end together when they are told to."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._running: Set[subprocess.Popen] = set()
        self._stopped = False

    def run(self, command: Sequence[str], log: Path,
            environment: Dict[str, str], keep_open: Sequence[int]) -> int:
        """Run one command to its end.

        Args:
            command (Sequence[str]): The command.
            log (Path): File to which its output is appended.
            environment (dict): Additions to the environment.
            keep_open (Sequence[int]): File descriptors that it inherits.

        Returns:
            int: Its exit status.

        Raises:
            Stopped: If :meth:`stop` was called.
        """
        with open(log, 'ab') as output:
            with self._guard:
                if self._stopped:
                    raise Stopped
                process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={
                        **os.environ,
                        **environment
                    },
                    pass_fds=tuple(keep_open),
                    # A group of its own, to end it with its data workers.
                    start_new_session=True)
                self._running.add(process)
            status = process.wait()
        with self._guard:
            self._running.remove(process)
            if self._stopped:
                raise Stopped
        return status

    def stop(self) -> None:
        """End all commands, and start no other."""
        with self._guard:
            self._stopped = True
            for process in self._running:
                if process.poll() is None:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def locked(folder: Path) -> Iterator[Sequence[int]]:
    """Keep others out of a folder while the block runs.

    Yields descriptors for the commands of the block to inherit: should this
    process be killed, the folder stays locked until they have ended, too.

    Raises:
        InUse: If the folder is locked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield ()
        return
    with open(folder / 'lock', 'a') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(f'another process works in {folder}') from None
        yield (file.fileno(), )
