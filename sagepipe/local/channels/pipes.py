"""Pipe mode: an input that is streamed to its instance through FIFOs.

AWS documents no layout for processing jobs. This one was seen in a real run (input `data`, folder
/opt/ml/processing/input): next to each other lie

    data-manifest    text: a first line that readers skip, then the URI of each object, in order
    data_0 data_1    FIFOs, each with all the objects' bytes in that order and nothing between them

Whoever opens `data_0` gets the stream once; `data_1` gives it again, and so on: when one has been
read, or its reader has left, it is gone and the next appears, so that two are always there. What
the first line of the manifest holds on the service is not known; here it is the input's name.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import itertools
import os
import select
import stat
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from sagepipe.errors import InputError
from sagepipe.local.channels.inputs import Item

CHUNK = 1 << 20
POLL_SECONDS = 0.01  # until a reader is noticed
WAIT_SECONDS = 0.1  # until a full pipe is looked at again, and a request to stop noticed
AHEAD = 2  # FIFOs that are there at any time


@dataclass(frozen=True)
class Pipe:
    """One piped input of one instance: its name, its folder and its share of the objects."""

    name: str
    folder: Path
    items: tuple[Item, ...]
    gzip: bool


def lay_out(pipe: Pipe) -> None:
    """Write the manifest and make the first FIFOs.

    Raises:
        InputError: an object whose URI is no line of text.
    """
    lines = [pipe.name, *(str(item.location) for item in pipe.items)]
    for line in lines:
        if line.splitlines() != [line]:
            raise InputError(
                f"input {pipe.name!r}: {line!r} has a line break, which the manifest of Pipe mode "
                "can't hold; rename the object or use File mode"
            )
    pipe.folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in lines)
    (pipe.folder / f"{pipe.name}-manifest").write_text(text, encoding="utf-8")
    for number in range(AHEAD):
        os.mkfifo(pipe.folder / f"{pipe.name}_{number}")


class Feeder:
    """Feeds one piped input until it is stopped, in threads, one for each FIFO.

    A reader may come at any time or never, and leave at any time. It sees an end of file only
    where the data ends: if an object can't be read, the pipe stays open and `failure` says why.
    """

    def __init__(self, pipe: Pipe) -> None:
        self.failure: str | None = None
        self._pipe = pipe
        self._stop = threading.Event()
        self._numbers = itertools.count(AHEAD)
        self._lock = threading.Lock()
        # a script may put anything in the folder's place: what counts is the one that we made
        self._folder = os.open(pipe.folder, os.O_RDONLY | os.O_DIRECTORY)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to wait for readers."""
        for number in range(AHEAD):
            self._serve_in_thread(number)

    def stop(self) -> None:
        """End all threads; a reader that is still there sees the stream cut off."""
        self._stop.set()
        while True:
            with self._lock:
                if not self._threads:
                    break
                thread = self._threads.pop()
            thread.join()
        os.close(self._folder)

    def _serve_in_thread(self, number: int) -> None:
        name = f"{self._pipe.name}_{number}"
        thread = threading.Thread(target=self._serve, args=(name,), daemon=True)
        with self._lock:
            if not self._stop.is_set():
                self._threads.append(thread)
                thread.start()

    def _serve(self, name: str) -> None:
        descriptor = self._await_reader(name)
        if descriptor is None:
            return
        try:
            with contextlib.suppress(BrokenPipeError):  # a reader may leave when it has enough
                self._send(descriptor)
            if self._stop.is_set():
                return
            # before the end of file is seen: a reader that then goes on finds the next FIFO
            self._make_next()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._folder)
        except _Unreadable as error:
            self.failure = str(error)
            self._stop.wait()
        except OSError as error:
            self.failure = f"input {self._pipe.name!r}: cannot feed {name}: {error.strerror}"
            self._stop.wait()
        finally:
            os.close(descriptor)

    def _await_reader(self, name: str) -> int | None:
        """Open a FIFO for writing once it has a reader; None when stopped, or it is gone."""
        while not self._stop.is_set():
            try:
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW
                descriptor = os.open(name, flags, dir_fd=self._folder)
            except OSError as error:
                if error.errno != errno.ENXIO:  # which says: no reader yet
                    return None
                self._stop.wait(POLL_SECONDS)
                continue
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                return descriptor
            os.close(descriptor)  # the script has put a file of its own there
            return None
        return None

    def _send(self, descriptor: int) -> None:
        _enlarge(descriptor)
        for data in _stream(self._pipe.items, unpack=self._pipe.gzip):
            rest = memoryview(data)
            while rest:
                if self._stop.is_set():
                    return
                try:
                    rest = rest[os.write(descriptor, rest) :]
                except BlockingIOError:
                    poll = select.poll()
                    poll.register(descriptor, select.POLLOUT)
                    poll.poll(WAIT_SECONDS * 1000)

    def _make_next(self) -> None:
        number = next(self._numbers)
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            os.mkfifo(f"{self._pipe.name}_{number}", dir_fd=self._folder)
            self._serve_in_thread(number)


class _Unreadable(Exception):
    """An object of a piped input can't be read to its end."""


def _stream(items: Sequence[Item], *, unpack: bool) -> Iterator[bytes]:
    for item in items:
        try:
            with open(item.path, "rb", buffering=0) as raw:
                source = gzip.GzipFile(fileobj=raw) if unpack else raw
                while data := cast(BinaryIO, source).read(CHUNK):
                    yield data
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise _Unreadable(
                f"{item.location} is not a whole gzip file ({error}), but S3CompressionType is "
                "Gzip; upload it again, or use None"
            ) from error
        except OSError as error:
            raise _Unreadable(f"{item.location} cannot be read: {error.strerror}") from error


def _enlarge(descriptor: int) -> None:
    """Give a pipe more room than 64 KiB where the system allows: fewer switches to the reader."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, CHUNK)
