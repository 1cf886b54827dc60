"""The record of an execution: `<store>/.local/executions/<id>/`.

execution.json    how it went, rewritten whenever a step starts or ends
definition.json   the definition that it runs, for whoever resumes it
lock              held while an engine is running it; the kernel lets it go when the engine ends
<step>/           instance logs; further attempts in `<step>/attempt-<n>/`
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagepipe.errors import LocalError
from sagepipe.local.events import Status
from sagepipe.local.store import Mount, Store

Json = Any

RECORD = "execution.json"
DEFINITION = "definition.json"
LOCK = "lock"


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
    the folders that stood in for buckets.
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
    choices: Mapping[str, Json] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()


def write(result: ExecutionResult) -> None:
    """Write an execution's record, whole or not at all. Raises LocalError."""
    _write(result.folder / RECORD, to_json(result))


def write_definition(folder: Path, document: Mapping[str, Json]) -> None:
    """Keep the definition that an execution runs. Raises LocalError."""
    _write(folder / DEFINITION, document)


def read(store: Store, execution_id: str) -> ExecutionResult:
    """The record of an execution. Raises LocalError: there is none, or it can't be read."""
    folder = folder_of(store, execution_id)
    try:
        document = json.loads((folder / RECORD).read_text())
        return from_json(document, folder)
    except FileNotFoundError:
        known = [path.parent.name for path in recent(store)][:5]
        there = f"the latest are {', '.join(known)}" if known else "it has none yet"
        raise LocalError(
            f"there is no execution {execution_id!r} in the store {store.root}; {there}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LocalError(f"{folder / RECORD} can't be read: {error}") from error


def read_definition(store: Store, execution_id: str) -> dict[str, Json]:
    """The definition that an execution ran. Raises LocalError."""
    path = folder_of(store, execution_id) / DEFINITION
    try:
        document: dict[str, Json] = json.loads(path.read_text())
        return document
    except (OSError, ValueError) as error:
        raise LocalError(f"{path} can't be read: {error}") from error


def recent(store: Store) -> list[Path]:
    """The records in a store, the latest first."""
    found = (store.state / "executions").glob(f"*/{RECORD}")
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def folder_of(store: Store, execution_id: str) -> Path:
    """Where an execution keeps its record. Raises LocalError."""
    if not execution_id.isalnum():
        raise LocalError(f"{execution_id!r} is no execution id")
    return store.state / "executions" / execution_id


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold an execution's lock. Raises LocalError if another engine is running it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LocalError(
                f"execution {folder.name} is still running; stop it or wait for its end"
            ) from error
        yield


def is_held(folder: Path) -> bool:
    """Whether an engine is running the execution in this folder."""
    try:
        with held(folder):
            return False
    except LocalError:
        return True


def now() -> str:
    """This moment in the form that the service gives."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def to_json(result: ExecutionResult) -> dict[str, Any]:
    """The record as plain JSON values."""
    document = dataclasses.asdict(result)
    document["folder"] = str(result.folder)
    for mount in document["mounts"]:
        mount["directory"] = str(mount["directory"])
    for step in document["steps"].values():
        for name in ("log", "logs"):
            step[name] = str(step[name]) if step[name] else None
    return document


def step_to_json(result: StepResult) -> dict[str, Any]:
    """One step's result as plain JSON values."""
    document = dataclasses.asdict(result)
    for name in ("log", "logs"):
        document[name] = str(document[name]) if document[name] else None
    return document


def step_from_json(document: Mapping[str, Json]) -> StepResult:
    """The reverse of `step_to_json`. Raises KeyError, TypeError, ValueError."""
    paths = {name: Path(document[name]) if document.get(name) else None for name in ("log", "logs")}
    rest = {
        "status": Status(document["status"]),
        "log_tail": tuple(document["log_tail"]),
        **paths,
    }
    return StepResult(**{**document, **rest})


def from_json(document: Mapping[str, Json], folder: Path) -> ExecutionResult:
    """The reverse of `to_json`. Raises KeyError, TypeError, ValueError."""
    steps = {name: step_from_json(step) for name, step in document["steps"].items()}
    mounts = tuple(
        Mount(**{**mount, "directory": Path(mount["directory"])}) for mount in document["mounts"]
    )
    rest = {
        "status": Status(document["status"]),
        "steps": steps,
        "folder": folder,
        "mounts": mounts,
    }
    return ExecutionResult(**{**document, **rest})


def _write(path: Path, document: Mapping[str, Json]) -> None:
    staged = path.with_name(f"{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged.open("w") as file:
            json.dump(document, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError as error:
        raise LocalError(f"{path} can't be written: {error.strerror}") from error
