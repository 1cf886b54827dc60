"""Which event logs Spark's history server shows, and keeping it up to date while jobs write."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sagepipe.errors import StoreError
from sagepipe.executions import event_logs
from sagepipe.language.s3 import Location
from sagepipe.local.spark import history_logs, history_server
from sagepipe.local.spark.history_server import HistoryServer
from sagepipe.local.store import Store

# A second look at a large store must not become all that this process does.
_IDLE_SHARE = 20

# Finds the event logs as they are now.
Find = Callable[[], list[Path]]


def of_store(store: Store, execution: str | None) -> tuple[Find, str]:
    """What finds the logs of a store, or of one execution in it, and where that looks, in words.

    Raises `StoreError`: there is no such store or execution.
    """
    if not store.root.is_dir():
        raise StoreError(
            f"there is no store {store.root}; run the pipeline first (sagepipe run), "
            "or name its --store"
        )
    if execution is None:
        return lambda: history_logs.find(store.root), f"the store {store.root}"
    executions = store.state / "executions"
    if execution in ("", ".", "..") or not (executions / execution).is_dir():
        raise StoreError(f"no execution {execution!r} has run in {store.root}; see {executions}")

    def find() -> list[Path]:
        return history_logs.of_execution(history_logs.find(store.root), execution)

    return find, f"execution {execution} of the store {store.root}"


def of_bucket(
    prefix: Location,
    region: str,
    copies: Path,
    stop: threading.Event,
    say: Callable[[str], None],
) -> tuple[Find, str]:
    """Copies the logs below a prefix of S3; what finds the copies, and where they come from.

    Raises `AwsError`.
    """

    def tell(count: int, size: int) -> None:
        say(f"copying {words(count)} from {prefix}, {size / 2**20:.1f} MiB …")

    event_logs.download(prefix, copies, region, stop, tell)
    return lambda: history_logs.find(copies), str(prefix)


def words(count: int) -> str:
    """So many event logs."""
    return "one event log" if count == 1 else f"{count} event logs"


def keep_current(
    server: HistoryServer,
    find: Find,
    logs: Path,
    stop: threading.Event,
    say: Callable[[str], None],
) -> None:
    """Keep the server's folder up to date until `stop` is set; say once what it can't show."""
    began = time.monotonic()
    pause = 2.0 * history_server.UPDATE_SECONDS
    told = False
    while not stop.wait(min(pause, 1.0)):
        server.check()
        if time.monotonic() - began < pause:
            continue
        if not told:
            told = True
            _name_unreadable(server, logs, say)
        began = time.monotonic()
        history_logs.mirror(find(), logs)
        pause = max(history_server.UPDATE_SECONDS, _IDLE_SHARE * (time.monotonic() - began))


def _name_unreadable(server: HistoryServer, logs: Path, say: Callable[[str], None]) -> None:
    with contextlib.suppress(OSError):
        shown = tuple(application["id"] for application in server.applications())
        for link in sorted(logs.iterdir()):
            if not any(identity in link.name for identity in shown):
                say(f"the server can't read {link.readlink()}: damaged, or without an application")
