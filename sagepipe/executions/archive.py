"""Executions that were started, on SageMaker and on this machine alike.

An `Archive` lists them and reads one whole, with what its steps left behind. `LocalArchive` reads
the records of a store, `RemoteArchive` asks the service; whoever shows or compares executions
needn't know which it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sagepipe.errors import ExecutionError, SagepipeError
from sagepipe.language.definition import Definition
from sagepipe.report.bills import Usage

Json = Any

LATEST = "latest"
RUNNING = ("Executing", "Stopping")
# A local execution whose engine ended without an end of its own: nobody runs it any more.
KILLED = "Killed"


@dataclass(frozen=True)
class Entry:
    """An execution as a list shows it.

    `parameters` are those that differ from their defaults, or were given; `seconds` is how long it
    took, or has been taking. `arn` is "" for a local one.
    """

    id: str
    pipeline: str
    status: str
    started: datetime | None
    seconds: float | None
    parameters: Mapping[str, str]
    arn: str = ""
    display_name: str = ""
    version: int | None = None


@dataclass(frozen=True)
class Listing:
    """The newest executions, how many `more` there are (None: not counted), and what couldn't be
    read, in words."""

    entries: tuple[Entry, ...]
    more: int | None = 0
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """What a step wrote: its URI, and the folder of this machine that it lies in, if one has it."""

    uri: str
    path: str = ""


@dataclass(frozen=True)
class PastStep:
    """A step of an execution.

    `reused` says why it wasn't run and is done all the same ("cached", "kept", "selected", "stub"),
    and `source` names the execution whose result was taken. `started` isn't known of local steps;
    `message` is what the script left as its last words; `job` names the job on SageMaker, and
    `usage` is what that is billed by, once it has ended.
    """

    name: str
    kind: str
    status: str
    seconds: float | None = None
    started: datetime | None = None
    instances: int = 0
    attempts: int = 0
    reason: str = ""
    message: str = ""
    outcome: str = ""
    reused: str = ""
    source: str = ""
    outputs: Mapping[str, Output] = field(default_factory=dict)
    job: str = ""
    usage: Usage | None = None


@dataclass(frozen=True)
class PastExecution:
    """An execution, whole. `values` has every parameter; `notes` what couldn't be had, and why."""

    entry: Entry
    reason: str
    values: Mapping[str, str]
    steps: Mapping[str, PastStep]
    definition: Definition
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class WantedLog:
    """Whose log: a step's, of one instance if `host` names it; the `last` lines of each instance,
    or all; with `follow` what they go on to write, too, until the step has ended."""

    step: str
    host: str | None = None
    last: int | None = None
    follow: bool = False


class Archive(Protocol):
    """Where executions are kept."""

    def entries(self, limit: int | None) -> Listing:
        """The newest executions, newest first; all of them without a limit."""

    def read(self, identity: str) -> PastExecution:
        """One execution, by id; `latest` is the one started last. Raises `SagepipeError`."""

    def content(self, execution: PastExecution, uri: str) -> bytes:
        """An object that a step of the execution wrote. Raises `SagepipeError`."""

    def log(self, execution: PastExecution, wanted: WantedLog) -> Iterator[tuple[str, str]]:
        """What a step's instances wrote, as (instance, line).

        Raises `SagepipeError`: there is no such step, instance or log.
        """


def step_of(execution: PastExecution, name: str) -> PastStep:
    """A step by its name. Raises `ExecutionError`."""
    if name not in execution.steps:
        raise ExecutionError(
            f"execution {execution.entry.id} has no step {name!r}; there are "
            f"{', '.join(execution.steps)}"
        )
    return execution.steps[name]


def metrics(execution: PastExecution, archive: Archive) -> dict[str, Json]:
    """The content of every property file that the steps left, as `<step>.<property file>`.

    One that isn't there, or isn't JSON, is left out: a step that failed has none.
    """
    found: dict[str, Json] = {}
    for name, step in execution.definition.steps.items():
        for file, declared in step.property_files.items():
            past = execution.steps.get(name)
            output = past.outputs.get(declared.output) if past else None
            if output is None:
                continue
            try:
                content = archive.content(execution, f"{output.uri.rstrip('/')}/{declared.path}")
                found[f"{name}.{file}"] = json.loads(content)
            except (SagepipeError, ValueError):
                continue
    return found


def as_text(value: Json) -> str:
    """A parameter's value as it would be given."""
    return value if isinstance(value, str) else json.dumps(value)
