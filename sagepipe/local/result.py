"""How an execution ended, for whoever called `run` or `resume`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagepipe.errors import StoreError
from sagepipe.language.s3 import Location
from sagepipe.local.advice import Advice
from sagepipe.local.events import Event, Status
from sagepipe.local.record import ExecutionResult, StepResult
from sagepipe.local.store import Store

Json = Any


@dataclass(frozen=True)
class Step:
    """A step of a result.

    Attributes:
        status: as the service says it, or `Not run` or `Skipped`.
        outputs: for each output that is a folder of the store, that folder; it doesn't exist when
            the output is empty.
        uris: for each output its S3 URI.
        seconds: how long it took.
        reason: why it failed; `exit_message` what its script left in /opt/ml/output/message.
        log_tail: the last lines of the instance that failed; `log` is the whole file.
        outcome: of a Condition step, whether its conditions were met.
        reused: "cached", "kept", "selected" or "stub" if it wasn't run, else "".
        source: the execution that did run it.
        properties: what DescribeProcessingJob would answer.
    """

    name: str
    status: Status
    outputs: Mapping[str, Path]
    uris: Mapping[str, str]
    seconds: float
    reason: str
    exit_message: str
    log_tail: Sequence[str]
    log: Path | None
    outcome: bool | None
    attempts: int
    reused: str
    source: str
    properties: Mapping[str, Json]
    _logs: Path | None = field(repr=False, default=None)

    @property
    def logs(self) -> dict[str, str]:
        """What each instance wrote, by host name; of the last try."""
        files = sorted(self._logs.glob("algo-*.log")) if self._logs else []
        return {file.stem: file.read_text(errors="replace") for file in files}


@dataclass(frozen=True)
class Result:
    """How an execution ended.

    Attributes:
        reason: why it failed.
        folder: where its record and its logs are.
        advice: what to do next if it didn't succeed.
        record: all that is kept of it.
    """

    execution_id: str
    pipeline: str
    status: Status
    reason: str
    parameters: Mapping[str, Json]
    steps: Mapping[str, Step]
    seconds: float
    folder: Path
    advice: Advice | None
    store: Store
    record: ExecutionResult = field(repr=False)
    events: Sequence[Event] = field(repr=False, default=())

    @property
    def succeeded(self) -> bool:
        """Whether all went well."""
        return self.status is Status.SUCCEEDED

    @property
    def failures(self) -> list[Step]:
        """The steps that failed."""
        return [step for step in self.steps.values() if step.status is Status.FAILED]

    def read(self, uri: str) -> bytes:
        """An object of the store. Raises StoreError: there is none."""
        return self.store.read(Location.parse(uri))

    def keys(self, uri: str) -> list[str]:
        """The keys of the objects whose key starts with the URI's."""
        return [item.key for item in self.store.list(Location.parse(uri))]


def of(
    ended: ExecutionResult, store: Store, advice: Advice | None, events: Sequence[Event]
) -> Result:
    """The result of an execution that has ended."""
    return Result(
        execution_id=ended.execution_id,
        pipeline=ended.pipeline,
        status=ended.status,
        reason=ended.reason,
        parameters=ended.parameters,
        steps={name: _step(step, store) for name, step in ended.steps.items()},
        seconds=ended.seconds,
        folder=ended.folder,
        advice=advice,
        store=store,
        record=ended,
        events=events,
    )


def _step(step: StepResult, store: Store) -> Step:
    outputs = {}
    for name, uri in step.outputs.items():
        try:
            outputs[name] = store.folder(Location.parse(uri))
        except StoreError:
            continue  # no folder can hold it; its URI is in `uris`
    return Step(
        name=step.name,
        status=step.status,
        outputs=outputs,
        uris=step.outputs,
        seconds=step.seconds,
        reason=step.reason,
        exit_message=step.exit_message,
        log_tail=step.log_tail,
        log=step.log,
        outcome=step.outcome,
        attempts=step.attempts,
        reused=step.reused,
        source=step.source,
        properties=step.properties,
        _logs=step.logs,
    )
