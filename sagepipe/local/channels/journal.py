"""Publishes a job's outputs, and writes down first what it publishes, so that it can be taken back.

Every object appears whole, but a job has many: when publishing is cut short, by a full disk or by
the engine's end, some are there and some not, and their names may differ the next time. So each
object that wasn't there before is written into a list, with the file that it will be, and the list
is on the disk before the first one is published; it is removed after the last. Whoever finds a
list removes those of its objects that still are these very files: what another execution, or the
user, has put under a key meanwhile is theirs.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from sagepipe.errors import StoreError
from sagepipe.language.s3 import Location
from sagepipe.local.channels.outputs import FileState, Interrupted, Produced
from sagepipe.local.store import Store

JOURNAL = "publishing.jsonl"  # a line for each object: bucket, key, inode, size, time of change


def publish(
    folder: Path, produced: Sequence[Produced], store: Store, stop: threading.Event
) -> Mapping[str, int]:
    """Make a job's files objects, each whole or not at all; the count for each output.

    `folder` is the job's, for the journal. If this ends by an error, new objects are removed again.

    Raises:
        Interrupted: `stop` was set.
        StoreError: the store can't be written to.
    """
    counts: dict[str, int] = {}
    with _files(produced, store, stop) as files, _journal(folder, files, store) as journal:
        for item, file in files:
            if stop.is_set():
                raise Interrupted
            store.move_in(file, item.location, functools.partial(journal, item.location))
            counts[item.output.name] = counts.get(item.output.name, 0) + 1
    return counts


def undo(folder: Path, store: Store) -> list[str]:
    """Take back what was published below a step's folder and never finished; what can't be told
    any more, because a journal is damaged, in sentences."""
    unclear = []
    for journal in sorted(folder.rglob(JOURNAL)):
        try:
            lines = journal.read_bytes().split(b"\n")
        except OSError as error:
            unclear.append(f"{journal} can't be read: {error.strerror}")
            continue
        damaged = 0
        for line in filter(None, lines[:-1]):  # the last is empty, or wasn't finished
            try:
                location, state = _parse(line)
            except (ValueError, TypeError):
                damaged += 1
                continue
            with contextlib.suppress(OSError, StoreError):
                path = store.path(location)
                if FileState.of(path) == state:
                    path.unlink()
        if damaged:
            unclear.append(
                f"{journal} is damaged in {damaged} of its lines: objects that were published and "
                "never finished may have stayed"
            )
        journal.unlink(missing_ok=True)
    return unclear


@contextlib.contextmanager
def _files(
    produced: Sequence[Produced], store: Store, stop: threading.Event
) -> Iterator[list[tuple[Produced, Path]]]:
    """For each output file the file that becomes the object: itself, or a copy of it."""
    files: list[tuple[Produced, Path]] = []
    last = {item.path: number for number, item in enumerate(produced)}
    try:
        for number, item in enumerate(produced):
            if stop.is_set():
                raise Interrupted
            # one output's folder may lie in another's: the file is then needed again
            if item.path.is_symlink() or last[item.path] != number:
                files.append((item, store.stage(item.path, item.location)))
            else:
                files.append((item, item.path))
        yield files
    finally:
        for item, file in files:
            if file is not item.path:
                file.unlink(missing_ok=True)


class _Journal:
    """The open list: called with an object and the file that it is about to be."""

    def __init__(self, path: Path, new: set[Location]) -> None:
        self._path, self._new = path, new

    def __call__(self, location: Location, file: Path) -> None:
        """Write an object down that turns out to be another file than was thought. Not synced:
        what the machine's own end may lose here is a line about an object that it loses, too."""
        if location in self._new:
            with self._path.open("ab") as journal:
                journal.writelines(_lines([(location, file)]))


@contextlib.contextmanager
def _journal(
    folder: Path, files: Sequence[tuple[Produced, Path]], store: Store
) -> Iterator[_Journal]:
    path = folder / JOURNAL
    new = [(item.location, f) for item, f in files if not store.path(item.location).exists()]
    try:
        with path.open("wb") as journal:
            journal.writelines(_lines(new))
            journal.flush()
            os.fsync(journal.fileno())
        yield _Journal(path, {location for location, _ in new})
    except BaseException:
        undo(folder, store)
        raise
    path.unlink()


def _lines(objects: Iterable[tuple[Location, Path]]) -> Iterator[bytes]:
    for location, file in objects:
        if state := FileState.of(file):
            line = [location.bucket, location.key, state.inode, state.size, state.modified]
            yield json.dumps(line).encode() + b"\n"


def _parse(line: bytes) -> tuple[Location, FileState]:
    """Raises ValueError, TypeError."""
    bucket, key, *numbers = json.loads(line)
    if not isinstance(bucket, str) or not isinstance(key, str):
        raise TypeError(bucket)
    inode, size, modified = map(int, numbers)
    return Location(bucket, key), FileState(inode, size, modified)
