"""What an execution on SageMaker tells in figures, as one on this machine does.

The pipeline's own reader gets a temporary store that fetches what the reader asks for, so nothing
but the few small files that it reads leaves S3.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sagepipe.aws.boto import calls
from sagepipe.errors import ExecutionError
from sagepipe.executions import download
from sagepipe.executions.archive import PastExecution, PastStep
from sagepipe.language.s3 import Location
from sagepipe.local.events import Status
from sagepipe.local.record import ExecutionResult, StepResult
from sagepipe.local.store import Store, StoredObject
from sagepipe.report.figures import Figures, FindFigures

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_BYTES = 8_000_000
"""Of the files below one prefix: figures are small, and what isn't takes long to bring."""


def read(s3: S3Client, execution: PastExecution, find: FindFigures) -> Figures:
    """What `find` makes of the execution's outputs.

    Raises `AwsError`, `ExecutionError`, `StoreError`: they can't be fetched. And what `find` does.
    """
    with tempfile.TemporaryDirectory(prefix="sagepipe-") as folder:
        store = _FetchingStore(Path(folder), s3=s3)
        return find(as_result(execution, store.root), store)


def as_result(execution: PastExecution, folder: Path) -> ExecutionResult:
    """An execution on SageMaker as one on this machine would be told; `folder` is its record's."""
    return ExecutionResult(
        execution_id=execution.entry.id,
        status=_status(execution.entry.status),
        reason=execution.reason,
        parameters=dict(execution.values),
        steps={name: _step(execution, step) for name, step in execution.steps.items()},
        folder=folder,
        seconds=execution.entry.seconds or 0.0,
        pipeline=execution.entry.pipeline,
        started=execution.entry.started.isoformat() if execution.entry.started else "",
    )


@dataclass(frozen=True)
class _FetchingStore(Store):
    """A store that brings the JSON files of a prefix when they are listed."""

    s3: S3Client = field(kw_only=True)

    def list(self, prefix: Location) -> list[StoredObject]:
        with calls(f"read {prefix}"):
            found = [
                item
                for item in download.objects(self.s3, prefix)
                if item["Key"].endswith((".json", ".jsonl"))
            ]
            size = sum(int(item["Size"]) for item in found)
            if size > MOST_BYTES:
                raise ExecutionError(
                    f"the JSON files of {prefix} have {size / 1e6:.1f} MB, and no more than "
                    f"{MOST_BYTES / 1e6:.0f} MB are fetched"
                )
            for item in found:
                blocks = download.blocks(self.s3, prefix.bucket, item["Key"])
                self.put(Location(prefix.bucket, item["Key"]), b"".join(blocks))
        return super().list(prefix)


def _step(execution: PastExecution, step: PastStep) -> StepResult:
    defined = execution.definition.steps.get(step.name)
    return StepResult(
        name=step.name,
        type=defined.type if defined else step.kind,
        status=_status(step.status),
        instances=step.instances,
        seconds=step.seconds or 0.0,
        reason=step.reason,
        exit_message=step.message,
        outputs={name: output.uri for name, output in step.outputs.items()},
        attempts=step.attempts,
        reused=step.reused,
        source=step.source,
    )


def _status(text: str) -> Status:
    """The nearest of the statuses that there are here."""
    if text == "CompletedWithFailures":
        return Status.FAILED
    if text in ("Starting", "Stopping"):
        return Status.EXECUTING
    return Status(text) if text in list(Status) else Status.NOT_RUN
