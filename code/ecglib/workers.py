"""Threads for the parts of the work that let other threads run: parsing, algebra, Parquet, text.

As many as this process has cores, and results come in the order of the work, so that they don't
depend on how many there are. On one core nothing is handed to a thread at all.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import ParamSpec, TypeVar

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


def submit(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
    """Have a function called by a thread; on one core, call it at once.

    It must not wait for other work, which might wait for its thread.
    """
    if count() > 1:
        return _pool().submit(function, *args, **kwargs)
    future: Future[T] = Future()
    future.set_result(function(*args, **kwargs))
    return future


def ordered(
    function: Callable[[Item], T], items: Iterable[Item], size: int
) -> Generator[T, None, None]:
    """Yield function(item) for each item, in the order of the items.

    Reads a few items ahead of what it yields, within `_MEMORY`. When it ends, by an error or by
    `close`, no work is under way any more.

    Args:
        function: called by threads.
        items: taken by the caller's thread.
        size: about the bytes that an item, its result and what is between them take.
    """
    ahead = min(count() + 1, _MEMORY // size) if count() > 1 else 0
    pending: deque[Future[T]] = deque()
    try:
        for item in items:
            pending.append(submit(function, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # Nothing may still be writing a file when whoever called removes it after an error.
        wait([future for future in pending if not future.cancel()])


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count())
