"""Tells what instances write to their logs, line by line, while they run."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from io import BufferedReader

from sagepipe.local.events import Event, InstanceChanged, Listener, LogLine, Status

POLL_SECONDS = 0.05


@dataclass
class _Tail:
    """An open log; `rest` is the beginning of a line whose end isn't written yet."""

    step: str
    host: str
    file: BufferedReader
    rest: bytes = b""


@dataclass
class Follower:
    """Passes events on, and adds a `LogLine` for each line of the steps followed.

    When an instance's end is told, all its lines have been told before.
    """

    tell: Listener
    steps: Collection[str]
    _tails: dict[tuple[str, str], _Tail] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _done: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Follower:
        if self.steps:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            for tail in self._tails.values():
                tail.file.close()

    def __call__(self, event: Event) -> None:
        """Pass one event on."""
        if isinstance(event, InstanceChanged) and event.step in self.steps:
            self._instance_changed(event)
        self.tell(event)

    def _instance_changed(self, event: InstanceChanged) -> None:
        with self._lock:
            if event.status is Status.EXECUTING and event.log is not None:
                file = event.log.open("rb")
                self._tails[event.step, event.host] = _Tail(event.step, event.host, file)
            elif tail := self._tails.pop((event.step, event.host), None):
                self._read(tail, last=True)
                tail.file.close()

    def _run(self) -> None:
        while not self._done.wait(POLL_SECONDS):
            with self._lock:
                for tail in self._tails.values():
                    self._read(tail, last=False)

    def _read(self, tail: _Tail, *, last: bool) -> None:
        *lines, tail.rest = (tail.rest + tail.file.read()).split(b"\n")
        if last and tail.rest:
            lines.append(tail.rest)
        for line in lines:
            self.tell(LogLine(tail.step, tail.host, line.decode(errors="replace").rstrip("\r")))
