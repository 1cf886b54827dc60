"""What the engine tells while it runs. The engine prints nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """A step's or execution's status, in the service's words, and `Not run` for a step that an
    untaken branch or an earlier failure left out."""

    EXECUTING = "Executing"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    NOT_RUN = "Not run"


@dataclass(frozen=True)
class ExecutionStarted:
    """The execution has its id and folder."""

    execution_id: str
    folder: str


@dataclass(frozen=True)
class StepChanged:
    """A step got a status; `detail` says more, for instance why it failed."""

    step: str
    type: str
    status: Status
    instances: int = 0
    detail: str = ""


@dataclass(frozen=True)
class InstanceChanged:
    """An instance started or ended."""

    step: str
    host: str
    status: Status


@dataclass(frozen=True)
class Note:
    """Something to know about how the local run differs from the service, said once."""

    step: str
    text: str


Event = ExecutionStarted | StepChanged | InstanceChanged | Note
Listener = Callable[[Event], None]
