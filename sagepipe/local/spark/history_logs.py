"""Spark's event logs in a folder: finding them, and telling which processing job wrote one.

Spark names a log after its application: `local-1732104000000` here, `application_…_0001` on YARN,
with the suffix of a codec if it is compressed and `.inprogress` while the application runs. A
rolling log is a folder `eventlog_v2_<application>` of such files.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sagepipe.errors import StoreError

JOB_PROPERTY = "spark.sagepipe.job"  # which processing job an application belongs to
RUNNING = ".inprogress"
_ROLLING = "eventlog_v2_"
_APPLICATION = r"(?:local-\d+|app-\d{14}-\d+|application_\d+_\d+|spark-[0-9a-f]{32})"
_SINGLE = re.compile(rf"{_APPLICATION}(?:_\d+)?(?:\.(?:zstd|lz4|lzf|snappy))?(?:\{RUNNING})?")
_HEAD = 100  # events; the one with the properties is among the first five


def is_log(name: str) -> bool:
    """Whether a file of this name is an event log that is one file."""
    return _SINGLE.fullmatch(name) is not None


def is_rolling(name: str) -> bool:
    """Whether a folder of this name is an event log of several files."""
    return name.startswith(_ROLLING) and len(name) > len(_ROLLING)


def find(folder: Path) -> list[Path]:
    """Every event log below a folder: files, and the folders of rolling logs.

    Raises:
        StoreError: the folder can't be read.
    """
    found: list[Path] = []

    def refuse(error: OSError) -> None:
        # A folder may go while it is looked at: a job that ends removes its own.
        if not isinstance(error, FileNotFoundError):
            raise StoreError(f"{error.filename} can't be read: {error.strerror}")

    for parent, folders, names in os.walk(folder, onerror=refuse):
        found += [Path(parent, name) for name in names if is_log(name)]
        found += [Path(parent, name) for name in folders if is_rolling(name)]
        folders[:] = [name for name in folders if not is_rolling(name)]
    return sorted(found)


def of_execution(logs: Iterable[Path], execution: str) -> list[Path]:
    """The logs that the jobs of one local execution wrote, wherever they lie now."""
    return [
        log
        for log in logs
        if execution in log.parts or (_job(log) or "").startswith(f"pipelines-{execution}-")
    ]


def mirror(logs: Iterable[Path], folder: Path) -> int:
    """Let `folder` have a link to each log and nothing else; returns how many.

    The history server reads one flat folder. It can show an application once, so of several logs
    of one application the finished one counts, then the first.
    """
    wanted: dict[str, Path] = {}
    for log in sorted(logs, key=lambda log: (log.name.endswith(RUNNING), log)):
        if log.name.removesuffix(RUNNING) not in wanted:
            wanted[log.name.removesuffix(RUNNING)] = log
    links = {log.name: log.absolute() for log in wanted.values()}
    for link in folder.iterdir():
        if link.name not in links or link.readlink() != links[link.name]:
            link.unlink()
    for name, log in links.items():
        with contextlib.suppress(FileExistsError):
            (folder / name).symlink_to(log)
    return len(links)


def _job(log: Path) -> str | None:
    """The name of the processing job that an application ran in, from its log's first events."""
    with contextlib.suppress(OSError, ValueError):
        for line in _head(log):
            event = json.loads(line)
            if event.get("Event") == "SparkListenerEnvironmentUpdate":
                job = event["Spark Properties"].get(JOB_PROPERTY)
                return None if job is None else str(job)
    return None


def _head(log: Path) -> Iterator[bytes]:
    if log.is_dir():
        log = min(path for path in log.iterdir() if path.name.startswith("events_1_"))
    name = log.name.removesuffix(RUNNING)
    if not name.endswith(".zstd"):
        # Spark's lz4, lzf and snappy are formats of its own; of these the folder's name decides.
        with log.open("rb") as file:
            for _, line in zip(range(_HEAD), file, strict=False):
                yield line
        return
    import pyarrow as pa  # the engine imports this module, and pyarrow takes its time

    with pa.CompressedInputStream(pa.OSFile(str(log)), "zstd") as file:
        block = b""
        while more := file.read(2**16):
            *lines, block = (block + more).split(b"\n")
            yield from lines
