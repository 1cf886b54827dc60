"""What the engine tells while it runs. The engine prints nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Status(StrEnum):
    """A step's or execution's status, in the service's words, `Not run` for a step that an
    untaken branch or an earlier failure left out, `Skipped` for one that the user left out."""

    EXECUTING = "Executing"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    NOT_RUN = "Not run"
    SKIPPED = "Skipped"


@dataclass(frozen=True)
class Remark:
    """Something to know about the execution as a whole, in a sentence; told before it has its id,
    too, when something is prepared."""

    text: str


@dataclass(frozen=True)
class ExecutionStarted:
    """The execution has its id and folder; `steps` are all its steps, in order."""

    execution_id: str
    folder: str
    steps: tuple[str, ...] = ()


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
    """An instance started or ended; `log` is the file that its output goes to."""

    step: str
    host: str
    status: Status
    log: Path | None = None


@dataclass(frozen=True)
class Note:
    """Something to know about how the local run differs from the service, said once."""

    step: str
    text: str


@dataclass(frozen=True)
class Reused:
    """A step is not run: `execution` has run it, in `saved` seconds.

    `why` is "cached" (the step cache has it), "kept" (the execution that is resumed has it) or
    "selected" (it wasn't selected, and what was needs it).
    """

    step: str
    execution: str
    saved: float
    why: str
    detail: str = ""


@dataclass(frozen=True)
class Retrying:
    """A step failed and will be tried again, as attempt `attempt`, in `wait` seconds."""

    step: str
    attempt: int
    wait: float
    reason: str


@dataclass(frozen=True)
class LogLine:
    """A line that an instance wrote, of a step whose output was asked for."""

    step: str
    host: str
    text: str


Event = (
    Remark | ExecutionStarted | StepChanged | InstanceChanged | Note | Reused | Retrying | LogLine
)
Listener = Callable[[Event], None]
