"""Run any pipeline definition from Python, for instance in a test of it.

from sagepipe.local import run

result = run("pipeline.json", parameters={"Rows": 100}, buckets={"my-bucket": "fixtures"})
assert result.succeeded, result.reason
print((result.steps["Clean"].outputs["train"] / "part-0.csv").read_text())
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sagepipe.errors import LocalError, StoreError
from sagepipe.language.s3 import Location
from sagepipe.local import engine
from sagepipe.local.choices import MAX_PARALLEL_STEPS, Choices
from sagepipe.local.events import Event, Listener, Status
from sagepipe.local.job import Runtime
from sagepipe.local.launch import instance
from sagepipe.local.launch.images import Image
from sagepipe.local.record import ExecutionResult, StepResult
from sagepipe.local.retry import Fault
from sagepipe.local.store import Mount, Store

Json = Any
Content = bytes | str | Path


class HasDefinition(Protocol):
    """The SDK's Pipeline, of whatever version."""

    def definition(self) -> str:
        """The definition as JSON."""


Definition = Mapping[str, Json] | str | Path | HasDefinition


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
    """How an execution ended; `reason` says why it failed."""

    execution_id: str
    status: Status
    reason: str
    parameters: Mapping[str, Json]
    steps: Mapping[str, Step]
    seconds: float
    store: Store
    events: Sequence[Event] = field(repr=False, default=())

    @property
    def succeeded(self) -> bool:
        """Whether all went well."""
        return self.status is Status.SUCCEEDED

    def read(self, uri: str) -> bytes:
        """An object of the store. Raises StoreError: there is none."""
        return self.store.read(Location.parse(uri))

    def keys(self, uri: str) -> list[str]:
        """The keys of the objects whose key starts with the URI's."""
        return [item.key for item in self.store.list(Location.parse(uri))]


def run(
    definition: Definition,
    *,
    store: str | Path | None = None,
    parameters: Mapping[str, str | int | float | bool] | None = None,
    buckets: Mapping[str, str | Path] | None = None,
    objects: Mapping[str, Content] | None = None,
    name: str = "pipeline",
    skip: Iterable[str] = (),
    stubs: Mapping[str, str | Path] | None = None,
    only: Iterable[str] = (),
    from_step: str | None = None,
    source: str | None = None,
    images: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    cache: bool = True,
    wait: bool = False,
    faults: Iterable[str] = (),
    max_parallel_steps: int = MAX_PARALLEL_STEPS,
    at_once: int | None = None,
    isolated: bool | None = None,
    on_event: Listener | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """Run a pipeline definition on this machine and wait for its end.

    A step that fails is no exception: look at `Result.status` and `Result.reason`. The definition
    isn't validated as the service would; `sagepipe.language.validate.check` does that.

    Args:
        definition: a definition as JSON values, the path of a file with one (or with an answer of
            DescribePipeline), or an SDK pipeline, whose `definition()` is called.
        store: the folder that stands in for S3 and keeps records and logs; a new temporary folder
            by default, which stays.
        parameters: pipeline parameters; the others have their defaults.
        buckets: for a bucket, the folder that stands in for it, which is only read.
        objects: objects to put into the store first, by URI: bytes, text, or a file's path. A URI
            that ends in a slash takes a folder.
        name: the pipeline's name.
        skip, stubs, only, from_step, source: which steps run, as the options of
            `sagepipe run`.
        images: for an image's URI or a pattern, what stands in for it (see `images`).
        environment: variables for all instances.
        cache: use the step cache where the definition enables it.
        wait: wait between tries as retry policies say; not waiting is for tests.
        faults: `STEP=TYPE*N`, failures for retry policies to deal with.
        at_once: at most this many instances of a job at the same time.
        isolated: give each instance its own /opt/ml through namespaces, or (False) rewrite paths;
            by default as this machine can.
        on_event: called with what happens, from several threads.
        stop: setting it ends the execution.

    Raises:
        SagepipeError: the definition, a parameter or a choice is wrong; nothing has been started.
    """
    document, name = _read(definition, name)
    root = Path(store) if store is not None else Path(tempfile.mkdtemp(prefix="pipeline-"))
    mounts = tuple(Mount(bucket, "", Path(p)) for bucket, p in (buckets or {}).items())
    place = Store(root.resolve(), mounts)
    choices = Choices(
        skip=tuple(skip),
        stubs={step: Path(folder) for step, folder in (stubs or {}).items()},
        only=tuple(only),
        from_step=from_step,
        source=source,
        cache=cache,
        wait=wait,
        max_parallel_steps=max_parallel_steps,
        faults=tuple(map(Fault.parse, faults)),
    )
    given = {key: _text(value) for key, value in (parameters or {}).items()}
    planned = engine.plan(document, given, name, choices, place)
    for uri, content in (objects or {}).items():
        _put(place, uri, content)
    return _execute(planned, place, images, environment, at_once, isolated, on_event, stop)


def resume(
    store: str | Path,
    execution_id: str = "latest",
    *,
    images: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    isolated: bool | None = None,
    on_event: Listener | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """Go on with an execution that failed, was stopped, or whose process was killed.

    Raises:
        LocalError: there is no such execution, or it can't be resumed.
    """
    planned = engine.resume(Store(Path(store).resolve()), execution_id, Choices(wait=False))
    assert planned.past.resumed is not None
    place = Store(Path(store).resolve(), planned.past.resumed.mounts)
    return _execute(planned, place, images, environment, None, isolated, on_event, stop)


def _execute(
    planned: engine.Plan,
    store: Store,
    images: Mapping[str, str] | None,
    environment: Mapping[str, str] | None,
    at_once: int | None,
    isolated: bool | None,
    on_event: Listener | None,
    stop: threading.Event | None,
) -> Result:
    events: list[Event] = []

    def tell(event: Event) -> None:
        events.append(event)
        if on_event is not None:
            on_event(event)

    runtime = Runtime(
        store=store,
        isolated=instance.can_isolate() is None if isolated is None else isolated,
        at_once=at_once,
        cores=os.cpu_count() or 1,
        cache=store.state / "cache",
        images=tuple(Image.parse(f"{uri}={command}") for uri, command in (images or {}).items()),
        environment=environment or {},
    )
    ended = engine.execute(planned, runtime, tell, stop or threading.Event())
    return _result(ended, store, events)


def _result(ended: ExecutionResult, store: Store, events: Sequence[Event]) -> Result:
    return Result(
        execution_id=ended.execution_id,
        status=ended.status,
        reason=ended.reason,
        parameters=ended.parameters,
        steps={name: _step(step, store) for name, step in ended.steps.items()},
        seconds=ended.seconds,
        store=store,
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
        outcome=step.outcome,
        attempts=step.attempts,
        reused=step.reused,
        source=step.source,
        properties=step.properties,
        _logs=step.logs,
    )


def _read(definition: Definition, name: str) -> tuple[Mapping[str, Json], str]:
    document: Json
    if isinstance(definition, Mapping):
        document = definition
    elif isinstance(definition, str | Path):
        path = Path(definition)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LocalError(f"the definition {path} can't be read: {error}") from error
    else:
        document = json.loads(definition.definition())
        name = getattr(definition, "name", name)
    if isinstance(document, Mapping) and isinstance(document.get("PipelineDefinition"), str):
        name = document.get("PipelineName", name)
        document = json.loads(document["PipelineDefinition"])
    if not isinstance(document, Mapping) or "Steps" not in document:
        raise LocalError("that is no pipeline definition: it is an object with Steps")
    return document, name


def _put(store: Store, uri: str, content: Content) -> None:
    location = Location.parse(uri)
    if isinstance(content, str):
        store.put(location, content.encode())
    elif isinstance(content, bytes):
        store.put(location, content)
    elif content.is_dir():
        if not uri.endswith("/"):
            raise StoreError(f"{uri}: a folder goes under a URI that ends in a slash")
        for path in sorted(path for path in content.rglob("*") if path.is_file()):
            relative = path.relative_to(content).as_posix()
            store.put(Location(location.bucket, location.key + relative), path.read_bytes())
    else:
        try:
            store.put(location, content.read_bytes())
        except OSError as error:
            raise StoreError(f"{uri}: {content} can't be read: {error.strerror}") from error


def _text(value: str | int | float | bool) -> str:
    return value if isinstance(value, str) else json.dumps(value)
