"""The record of an execution: `<store>/.local/executions/<id>/execution.json`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.local.events import Status

RECORD = "execution.json"


@dataclass(frozen=True)
class StepResult:
    """How a step ended.

    `outputs` maps each output of a processing step to its S3 URI; `seconds` is wall time;
    `log_tail` and `log` are those of the instance that failed.
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


@dataclass(frozen=True)
class ExecutionResult:
    """How an execution ended: what `execute` returns and what its record holds."""

    execution_id: str
    status: Status
    reason: str
    parameters: Mapping[str, Any]
    steps: Mapping[str, StepResult]
    folder: Path
    seconds: float


def write(result: ExecutionResult) -> None:
    """Write an execution's record, whole or not at all."""
    result.folder.mkdir(parents=True, exist_ok=True)
    staged = result.folder / f"{RECORD}.tmp"
    staged.write_text(json.dumps(to_json(result), indent=2))
    staged.replace(result.folder / RECORD)


def to_json(result: ExecutionResult) -> dict[str, Any]:
    """The record as plain JSON values."""
    document = dataclasses.asdict(result)
    document["folder"] = str(result.folder)
    for step in document["steps"].values():
        step["log"] = str(step["log"]) if step["log"] else None
    return document
