"""The one door to the engine: the `run` command, notebooks and tests all come through it.

import sagepipe

result = sagepipe.run("pipeline.json", Rows=100, buckets={"my-bucket": "fixtures:ro"})
assert result.succeeded, result.reason
print((result.steps["Clean"].outputs["train"] / "part-0.csv").read_text())
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from sagepipe.errors import DefinitionError, SagepipeError
from sagepipe.local import advice, changes, engine, given, planning, remembered
from sagepipe.local import result as results
from sagepipe.local import source as sources
from sagepipe.local.choices import MAX_PARALLEL_STEPS, CacheMode, Choices
from sagepipe.local.events import Event, Listener, Remark
from sagepipe.local.given import Content, IsolationChoice, Value
from sagepipe.local.past import LATEST
from sagepipe.local.planning import Plan
from sagepipe.local.result import Result
from sagepipe.local.retry import Fault
from sagepipe.local.runtime import Collision, Runtime
from sagepipe.local.source import HasSource, Runnable, Source
from sagepipe.local.store import Mount, Store


def run(
    what: Runnable,
    *,
    input: str | Path | None = None,
    parameters: Mapping[str, Value] | None = None,
    store: str | Path | None = None,
    buckets: Mapping[str, str | Path] | None = None,
    objects: Mapping[str, Content] | None = None,
    name: str | None = None,
    skip: Iterable[str] = (),
    stubs: Mapping[str, str | Path] | None = None,
    only: Iterable[str] = (),
    from_step: str | None = None,
    source: str | None = None,
    images: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    isolation: IsolationChoice = "auto",
    at_once: int | None = None,
    cache: CacheMode = "contents",
    wait: bool = False,
    faults: Iterable[str] = (),
    logs: Iterable[str] = (),
    max_parallel_steps: int | None = None,
    on_collision: Collision = "fail",
    unchecked: bool = False,
    on_event: Listener | None = None,
    stop: threading.Event | None = None,
    **more: Value,
) -> Result:
    """Run a pipeline on this machine and wait for its end.

    A step that fails is no exception: look at `Result.status` and `Result.reason`.

    Args:
        what: a definition as JSON text or values, the path of a file with one (or with an answer
            of DescribePipeline), a pipeline of the SDK, or one of your project's.
        input: a folder of yours that the pipeline reads, and never writes to; by default its
            sample, if it has one.
        parameters: pipeline parameters, which may be given by their names as well; the others
            have their defaults.
        store: the folder that stands in for S3 and keeps records and logs; `local-store` by
            default.
        buckets: for a bucket, the folder that stands in for it; `DIR:ro` is only read.
        objects: objects to put into the store first, by URI: bytes, text, or a file's path. A URI
            that ends in a slash takes a folder.
        name: another name for the pipeline.
        skip: steps that are left out.
        stubs: for a step, the folder that stands in for it.
        only: the steps to run; what they need comes from an earlier execution.
        from_step: run this step and all that come after it.
        source: where the other results come from, with `only` and `from_step`.
        images: for an image's URI or a pattern, what stands in for it (see `launch.images`).
        environment: variables for all instances.
        isolation: give each instance its own /opt/ml through "namespaces", or rewrite "paths".
        at_once: at most this many instances of a job at the same time.
        cache: take results of earlier executions where the definition enables it and the
            "contents" of inputs are the same; by URIs alone as the "service" does; or "off".
        wait: wait between tries as retry policies say.
        faults: `STEP=TYPE*N`, failures for retry policies to deal with.
        logs: the steps whose output is told line by line.
        max_parallel_steps: at most this many steps at the same time; by default the pipeline's
            own ParallelismConfiguration.
        on_collision: when two instances write one key, "fail" the job or keep the "last".
        unchecked: run a definition even though the service would refuse it.
        on_event: called with what happens, from several threads.
        stop: setting it ends the execution.
        more: pipeline parameters by their names.

    Raises:
        SagepipeError: the definition, a parameter or a choice is wrong; nothing has been started.
        DefinitionError: of them, what the service would refuse; has all problems.
    """
    events, tell = _recorder(on_event)
    if isinstance(what, HasSource):
        tell(Remark("preparing the definition …"))
    found = sources.read(what, name)
    _check(found, unchecked=unchecked, tell=tell)
    choices = Choices(
        skip=given.names(skip, "skip"),
        stubs=given.paths(stubs),
        only=given.names(only, "only"),
        from_step=from_step,
        source=source,
        cache=cache,
        cached=frozenset(found.cached_here),
        wait=wait,
        max_parallel_steps=max_parallel_steps or found.max_parallel_steps or MAX_PARALLEL_STEPS,
        logs=frozenset(given.names(logs, "logs")),
        faults=tuple(map(Fault.parse, faults)),
    )
    values = given.parameters(parameters, more)
    runtime = Runtime(
        store=given.store(store, buckets),
        isolation=given.isolation(isolation, tell),
        at_once=at_once,
        cache=compiled(),
        images=given.images(images),
        environment=environment or {},
        on_collision=on_collision,
    )
    folder = given.input_folder(input, found)
    planned, place = _plan(found, values, choices, runtime.store, folder, tell)
    for location, content in found.objects:
        place.put(location, content)
    given.put_objects(place, objects)
    return _execute(planned, replace(runtime, store=place), events, tell, stop)


def resume(
    execution: str = LATEST,
    *,
    what: Runnable | None = None,
    store: str | Path | None = None,
    buckets: Mapping[str, str | Path] | None = None,
    images: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    isolation: IsolationChoice | None = None,
    at_once: int | None = None,
    cache: CacheMode | None = None,
    wait: bool = False,
    faults: Iterable[str] = (),
    logs: Iterable[str] = (),
    max_parallel_steps: int | None = None,
    on_collision: Collision | None = None,
    on_event: Listener | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """Go on with an execution that failed, was stopped, or whose process was killed.

    It runs the definition that it began with, on the same parameters, inputs and selection of
    steps, and with the same images, environment, isolation and buckets, unless others are given
    (one variable, image or bucket at a time). `what`, if given, is what a new run would run:
    where that differs, it is told. The other arguments are those of `run`.

    Raises:
        LocalError: there is no such execution, or it can't be resumed.
    """
    events, tell = _recorder(on_event)
    given_store = given.store(store, buckets)
    planned = planning.resume(given_store, execution)
    found = planned.past.resumed
    assert found is not None
    kept, unclear = remembered.recall(given_store, found.execution_id)
    if unclear:
        tell(Remark(unclear))
    planned = replace(
        planned,
        origin=kept.definition,
        choices=replace(
            planned.choices,
            cache=cache or kept.cache,
            cached=frozenset(kept.cached),
            wait=wait,
            max_parallel_steps=max_parallel_steps or kept.max_parallel_steps,
            logs=frozenset(given.names(logs, "logs")),
            faults=tuple(map(Fault.parse, faults)),
        ),
    )
    planning.check_names(planned.definition, planned.choices)
    named = {mount.bucket for mount in given_store.mounts}
    old = tuple(mount for mount in found.mounts if mount.bucket not in named)
    place = Store(given_store.root, (*old, *given_store.mounts))
    for text in _changes(planned, what, place):
        tell(Remark(text))
    runtime = Runtime(
        store=place,
        isolation=given.isolation(isolation or kept.isolation or "auto", tell),
        at_once=at_once or kept.at_once,
        cache=compiled(),
        images=(*kept.images, *given.images(images)),
        environment={**kept.environment, **(environment or {})},
        on_collision=on_collision or kept.on_collision,
    )
    return _execute(planned, runtime, events, tell, stop)


def compiled() -> Path:
    """The folder for what is compiled or generated once, for every caller and store."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sagepipe"


def _recorder(on_event: Listener | None) -> tuple[list[Event], Listener]:
    events: list[Event] = []

    def tell(event: Event) -> None:
        events.append(event)
        if on_event is not None:
            on_event(event)

    return events, tell


def _check(source: Source, *, unchecked: bool, tell: Listener) -> None:
    """Raises DefinitionError with what the service would refuse, or tells it."""
    from sagepipe.language import validate  # only who runs something pays for it

    problems = validate.validate(source.document)
    if problems and not unchecked:
        raise DefinitionError(problems)
    for problem in problems:
        tell(Remark(f"the service would refuse this: {problem}"))
    for warning in validate.warnings(source.document, source.immutable):
        tell(Remark(f"on the service: {warning}"))


def _plan(
    source: Source,
    values: Mapping[str, str],
    choices: Choices,
    store: Store,
    folder: Path | None,
    tell: Listener,
) -> tuple[Plan, Store]:
    """The checked execution, and the store with its input: the user's folder, or the sample."""
    planned = planning.plan(source.document, values, source.name, choices, store)
    planned = replace(planned, origin=source.file)
    if source.input is None:
        return planned, store
    at = given.location(source.input, planned.values)
    if folder is not None:
        return planned, Store(store.root, (*store.mounts, Mount(at.bucket, at.key, folder)))
    sample = source.input.sample
    if sample is None or any(mount.covers(at) for mount in store.mounts):
        return planned, store  # what a bucket of the user's lacks is not for us to put there
    planned = planning.plan(source.document, values, source.name, choices, store, sample.parameters)
    at = given.location(source.input, planned.values)
    place = store.folder(at)
    if sample.make(place, lambda done, of: tell(Remark(f"generating input: {done} of {of}"))):
        tell(Remark(f"the sample lies in {place}"))
    return planned, store


def _changes(planned: Plan, what: Runnable | None, store: Store) -> list[str]:
    """What of a resumed execution is no longer as it would be run anew."""
    assert planned.past.resumed is not None
    found = changes.of_scripts(planned.past.resumed, planned.definition, store)
    present = planned.origin or what
    if present is not None:
        try:
            now = sources.read(present).document
        except SagepipeError as error:
            return [*found, f"whether the definition has changed can't be told: {error}"]
        if changed := changes.of_definition(planned.document, now):
            found.insert(0, changed)
    return found


def _execute(
    planned: Plan,
    runtime: Runtime,
    events: list[Event],
    tell: Listener,
    stop: threading.Event | None,
) -> Result:
    ended = engine.execute(planned, runtime, tell, stop or threading.Event())
    advised = advice.of(ended, planned.definition, planned.choices)
    return results.of(ended, runtime.store, advised, events)
