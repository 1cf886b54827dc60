"""What makes these tests fast is held here: they start no process and use no network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

SLOW = {
    *("subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn"),
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"),
}
_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event in SLOW:
        pytest.fail(f"{event}{arguments!r:.200}: a test that needs this belongs below tests/slow")


# Python has no way to take an audit hook out again, so it looks whether a test of here is running.
sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def fast() -> Iterator[None]:
    """Fails a test as soon as it starts a process or opens a connection."""
    global _watching
    _watching = True
    yield
    _watching = False
