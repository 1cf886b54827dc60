"""The record of an execution: `<store>/.local/executions/<id>/`.

execution.json    how it went, rewritten whenever a step starts or ends
definition.json   the definition that it runs, for whoever resumes it
runtime.json      how it runs (see `remembered`), for its owner's eyes only
engine.lock       held while an engine is running it; the kernel lets it go when the engine ends
<step>/           instance logs; further attempts in `<step>/attempt-<n>/`

A step's name can't have a dot, so none is that of a file here.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sagepipe.errors import LocalError
from sagepipe.local import shape
from sagepipe.local.choices import ChosenSteps
from sagepipe.local.events import Status
from sagepipe.local.store import Mount, Store

Json = Any

RECORD = "execution.json"
DEFINITION = "definition.json"
LOCK = "engine.lock"
RUNTIME = "runtime.json"
LOCK_SECONDS = 0.5  # for another engine to have swept the folder


@dataclass(frozen=True)
class StepResult:
    """How a step ended.

    `outputs` maps each output of a processing step to its S3 URI; `seconds` is wall time;
    `log_tail` and `log` are those of the instance that failed; `logs` is the folder of the
    instances' logs; `properties` is what the step's properties refer to, for a processing step
    what DescribeProcessingJob answers.

    `reused` says why the step wasn't run and is done all the same: "cached", "kept" or "selected"
    (see `events.Reused`), or "stub"; `source` is then the execution that ran it, and
    `saved_seconds` what that took.
    """

    name: str
    type: str
    status: Status
    instances: int = 0
    seconds: float = 0.0
    reason: str = ""
    exit_message: str = ""
    log_tail: tuple[str, ...] = ()
    log: Path | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    outcome: bool | None = None
    attempts: int = 0
    logs: Path | None = None
    reused: str = ""
    source: str = ""
    saved_seconds: float = 0.0
    properties: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class ExecutionResult:
    """How an execution ended: what `execute` returns and what its record holds.

    `started` is in ISO 8601; `choices` what the user chose that decides which steps run; `mounts`
    the folders that stood in for buckets, which may be gone by now.
    """

    execution_id: str
    status: Status
    reason: str
    parameters: Mapping[str, Any]
    steps: Mapping[str, StepResult]
    folder: Path
    seconds: float
    pipeline: str = ""
    started: str = ""
    choices: ChosenSteps = field(default_factory=ChosenSteps)
    mounts: tuple[Mount, ...] = ()


def write(result: ExecutionResult) -> None:
    """Write an execution's record, whole or not at all. Raises LocalError."""
    _write(result.folder / RECORD, to_json(result))


def write_runtime(folder: Path, document: Mapping[str, Json]) -> None:
    """Keep how an execution runs; readable to its owner alone. Raises LocalError."""
    _write(folder / RUNTIME, document, mode=0o600)


def write_definition(folder: Path, document: Mapping[str, Json]) -> None:
    """Keep the definition that an execution runs. Raises LocalError."""
    _write(folder / DEFINITION, document)


def read(store: Store, execution_id: str) -> ExecutionResult:
    """The record of an execution. Raises LocalError: there is none, or it can't be read."""
    folder = folder_of(store, execution_id)
    try:
        return from_json(json.loads((folder / RECORD).read_bytes()), folder)
    except FileNotFoundError:
        known = [path.parent.name for path in recent(store)][:5]
        there = f"the latest are {', '.join(known)}" if known else "it has none yet"
        raise LocalError(
            f"there is no execution {execution_id!r} in the store {store.root}; {there}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise LocalError(f"{folder / RECORD} can't be read: {error}") from error


def read_definition(store: Store, execution_id: str) -> dict[str, Json]:
    """The definition that an execution ran. Raises LocalError."""
    return _read_object(folder_of(store, execution_id) / DEFINITION)


def read_runtime(store: Store, execution_id: str) -> dict[str, Json]:
    """What `write_runtime` has kept. Raises LocalError."""
    return _read_object(folder_of(store, execution_id) / RUNTIME)


def recent(store: Store) -> list[Path]:
    """The records in a store, the latest first."""
    found = (store.state / "executions").glob(f"*/{RECORD}")
    return sorted(found, key=_modified, reverse=True)


def folder_of(store: Store, execution_id: str) -> Path:
    """Where an execution keeps its record. Raises LocalError."""
    if not (execution_id.isalnum() and execution_id.isascii() and len(execution_id) < 100):
        raise LocalError(f"{execution_id!r} is no execution id")
    return store.state / "executions" / execution_id


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold an execution's lock. Raises LocalError if another engine is running it, or the folder
    can't be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("ab")
    except OSError as error:
        raise LocalError(f"{folder / LOCK} can't be written: {error.strerror}") from error
    with file:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _lock(file):
            if time.monotonic() > deadline:
                raise LocalError(
                    f"execution {folder.name} is still running; stop it or wait for its end"
                )
            time.sleep(LOCK_SECONDS / 20)
        yield


def is_held(folder: Path) -> bool:
    """Whether an engine is running the execution in this folder."""
    try:
        with (folder / LOCK).open("rb") as file:
            return not _lock(file)
    except OSError:
        return False


def sweep(store: Store) -> None:
    """Remove what killed engines have left: scratch, halves of files, and executions that had
    nothing but their id."""
    for folder in (store.state / "executions").glob("*"):
        scratch = [
            *folder.glob("*.tmp"),
            *(place for place in folder.glob("*/algo-*") if place.is_dir()),
            *(place for place in folder.glob("*/attempt-*/algo-*") if place.is_dir()),
        ]
        empty = folder.is_dir() and not (folder / RECORD).exists() and _is_old(folder)
        if not scratch and not empty:
            continue
        with contextlib.suppress(LocalError), held(folder):
            for path in scratch:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            if empty and not (folder / RECORD).exists():
                shutil.rmtree(folder, ignore_errors=True)


def now() -> str:
    """This moment in the form that the service gives."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def to_json(result: ExecutionResult) -> dict[str, Json]:
    """The record as plain JSON values."""
    document: dict[str, Json] = shape.write(result)
    return document


def from_json(document: Json, folder: Path) -> ExecutionResult:
    """The reverse of `to_json`. Raises ShapeError."""
    if isinstance(document, dict):
        document = {**document, "folder": str(folder)}  # a store may have been moved
    return shape.read(ExecutionResult, document)


def _read_object(path: Path) -> dict[str, Json]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise LocalError(f"{path} can't be read: {error}") from error
    if not isinstance(document, dict):
        raise LocalError(f"{path} can't be read: it should be an object")
    return document


def _write(path: Path, document: Mapping[str, Json], mode: int = 0o666) -> None:
    staged = path.with_name(f"{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staged.unlink(missing_ok=True)  # of a killed engine; its mode would stay
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)
        raise LocalError(f"{path} can't be written: {error.strerror}") from error


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # it has just been removed


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > 60
    except OSError:
        return False
