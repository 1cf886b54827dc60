"""Continuous outputs: files become objects while the job runs.

AWS promises no more than "near real time". Here a file is uploaded once no process has it open
for writing and it looked the same in two sweeps in a row, and again whenever it has changed. A
process that is killed closes its files half-written: what is copied is published only if the
instance's process is still there afterwards. What the sweeps missed is collected with the other
outputs when the job has ended well.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence, Set
from pathlib import Path

from sagepipe.errors import LocalError
from sagepipe.local.channels.outputs import Claims, FileState, OutputFolder, files, key
from sagepipe.local.store import Store

SWEEP_SECONDS = 0.2
SHARE = 10  # sweeping takes at most a tenth of the time
SETTLED_SECONDS = 2.0  # without a change, where the system can't tell whether a file is open


class Uploader:
    """Uploads from continuous outputs in a thread, until it is stopped.

    Args:
        folders: the continuous outputs of all instances.
        staged: the files that inputs are links to.
        alive: whether the process of a host is running.
    """

    def __init__(
        self,
        folders: Sequence[OutputFolder],
        staged: Set[Path],
        store: Store,
        claims: Claims,
        alive: Callable[[str], bool],
    ) -> None:
        self.failure: tuple[str, str] | None = None  # host and reason
        self.uploaded: dict[Path, FileState] = {}
        self.outputs: set[str] = set()  # names of those that something was uploaded from
        self._folders, self._staged, self._store = folders, staged, store
        self._claims, self._alive = claims, alive
        self._closed: dict[Path, FileState] = {}  # as the sweep before saw them
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to sweep, if there is anything to sweep and that hasn't begun yet."""
        if self._folders and self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """End the thread; no upload is left half done."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause = SWEEP_SECONDS
        while not self._stop.wait(pause):
            began = time.monotonic()
            for output in self._folders:
                try:
                    self._sweep(output)
                except LocalError as error:
                    self.failure = (output.host, str(error))
                    return
            pause = max(SWEEP_SECONDS, SHARE * (time.monotonic() - began))

    def _sweep(self, output: OutputFolder) -> None:
        for path in files(output, self._staged):
            if self._stop.is_set() or not self._alive(output.host):
                return
            state = FileState.of(path)
            if state is None or path.is_symlink() or state == self.uploaded.get(path):
                continue
            if not _is_closed(path):
                self._closed.pop(path, None)
            elif self._closed.get(path) != state:
                self._closed[path] = state
            else:
                self._upload(output, path, state)

    def _upload(self, output: OutputFolder, path: Path, state: FileState) -> None:
        def unchanged() -> bool:
            same = _is_closed(path) and FileState.of(path) == state
            return same and self._alive(output.host)

        location = key(output, path)
        self._claims.take(location, output)
        try:
            done = self._store.copy_in(path, location, unchanged)
        except LocalError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return  # the script has removed or renamed it
            raise
        if done:
            self.uploaded[path] = state
            self.outputs.add(output.name)


def _is_closed(path: Path) -> bool:
    """Whether no process has a file open for writing.

    A read lease (Linux) is granted exactly then; it is given back at once. Where there are no
    leases, a file counts as closed some seconds after its last change.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        if hasattr(fcntl, "F_SETLEASE"):
            # A writer that comes while the lease is held is announced by a signal: SIGIO, which
            # would end this process, unless another one is asked for.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            return True
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return False
    finally:
        os.close(descriptor)
    try:
        return time.time() - path.stat().st_mtime > SETTLED_SECONDS
    except OSError:
        return False
