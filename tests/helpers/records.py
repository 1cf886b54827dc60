"""Records of local executions, as the engine writes them, without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sagepipe.language.s3 import Location
from sagepipe.local import record
from sagepipe.local.events import Status
from sagepipe.local.record import ExecutionResult, StepResult
from sagepipe.local.store import Mount, Store

Json = Any

NOW = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)

DEFINITION: Json = {
    "Version": "2020-12-01",
    "Parameters": [
        {"Name": "Seed", "Type": "Integer", "DefaultValue": 0},
        {"Name": "Columns", "Type": "String", "DefaultValue": "all"},
    ],
    "Steps": [
        {"Name": "Clean", "Type": "Processing", "Arguments": {"RoleArn": "role"}},
        {
            "Name": "Fit",
            "Type": "Processing",
            "Arguments": {},
            "DependsOn": ["Clean"],
            "PropertyFiles": [
                {
                    "PropertyFileName": "FitMetrics",
                    "OutputName": "metrics",
                    "FilePath": "metrics.json",
                }
            ],
        },
    ],
}


def step(name: str, status: Status = Status.SUCCEEDED, **members: Any) -> StepResult:
    return StepResult(name, "Processing", status, **{"instances": 1, "seconds": 2.0, **members})


def write(
    store: Store,
    identity: str,
    *steps: StepResult,
    status: Status = Status.SUCCEEDED,
    days_ago: float = 0.0,
    parameters: Mapping[str, Json] | None = None,
    mounts: tuple[Mount, ...] = (),
    definition: Json = DEFINITION,
    reason: str = "",
) -> ExecutionResult:
    """Write the record of an execution, and return what was written."""
    result = ExecutionResult(
        execution_id=identity,
        status=status,
        reason=reason,
        parameters=parameters or {"Seed": 0, "Columns": "all"},
        steps={one.name: one for one in steps},
        folder=record.folder_of(store, identity),
        seconds=90.0,
        pipeline="tables",
        started=(NOW - timedelta(days=days_ago)).isoformat(timespec="milliseconds"),
        mounts=mounts,
    )
    record.write(result)
    record.write_definition(result.folder, definition)
    return result


def log(result: ExecutionResult, step: str, host: str, text: str, attempt: int = 1) -> None:
    """Write an instance's log."""
    folder = result.folder / step
    if attempt > 1:
        folder /= f"attempt-{attempt}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{host}.log").write_text(text)


def put(store: Store, uri: str, content: bytes = b"x") -> None:
    """Put an object into the store."""
    store.put(Location.parse(uri), content)
