"""Threads for the parts of the work that let other threads run: parsing, algebra, Parquet, text.

With the caller's own there are as many as this process has cores: whoever needs a result that
nobody has begun with works it out itself. Results come in the order of the work, so that
they don't depend on how many threads there are. On one core there is no other thread at all.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache, partial
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
Item = TypeVar("Item")
T = TypeVar("T")

MOST = 8
"""More threads would wait for the one that puts their results in order."""

_MEMORY = 128 << 20  # bytes that work under way may hold


@cache
def count() -> int:
    """Return how many threads work: one for each core that this process may use, up to 8."""
    if hasattr(os, "sched_getaffinity"):
        return min(MOST, len(os.sched_getaffinity(0)))
    return min(MOST, os.cpu_count() or 1)


class Task(Generic[T]):
    """Work that a thread may do, or else whoever asks for its result.

    It must not wait for other work, which might wait for its thread.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._future: Future[T]
        if count() > 1:
            self._future = _pool().submit(work)
        else:
            self._future = Future()
            self._future.set_result(work())

    def done(self) -> bool:
        """Whether the result is there."""
        return self._future.done()

    def begin(self) -> bool:
        """Work it out here and now, if nobody has begun; return whether that was so."""
        if not self._future.cancel():
            return False
        self._future = Future()
        try:
            self._future.set_result(self._work())
        except Exception as error:
            self._future.set_exception(error)
        return True

    def result(self) -> T:
        """Return the result."""
        self.begin()
        return self._future.result()

    def drop(self) -> None:
        """See to it that no thread works or will work on it."""
        if not self._future.cancel():
            wait([self._future])


def submit(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Task[T]:
    """Have a function called by a thread; on one core, call it at once."""
    return Task(partial(function, *args, **kwargs))


def ordered(
    function: Callable[[Item], T], items: Iterable[Item], size: int
) -> Generator[T, None, None]:
    """Yield function(item) for each item, in the order of the items.

    Reads a few items ahead of what it yields, within `_MEMORY`. When it ends, by an error or by
    `close`, no work is under way any more.

    Args:
        function: called by threads, the caller's among them.
        items: taken by the caller's thread.
        size: about the bytes that an item, its result and what is between them take.
    """
    ahead = min(count() + 1, _MEMORY // size) if count() > 1 else 0
    pending: deque[Task[T]] = deque()
    try:
        for item in items:
            pending.append(submit(function, item))
            if len(pending) > ahead:
                yield _first(pending)
        while pending:
            yield _first(pending)
    finally:
        # Nothing may still be writing a file when whoever called removes it after an error.
        for task in pending:
            task.drop()


def _first(pending: deque[Task[T]]) -> T:
    while not pending[0].done() and any(task.begin() for task in pending):
        pass
    return pending.popleft().result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count() - 1)
