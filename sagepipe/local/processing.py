"""One Processing step: the step cache, its job, and further tries by its retry policies."""

from __future__ import annotations

import random
import string
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sagepipe.errors import UnsupportedError
from sagepipe.language import request as requests
from sagepipe.language.step import Step
from sagepipe.local import job as jobs
from sagepipe.local import names
from sagepipe.local.cache import step_cache
from sagepipe.local.choices import Choices
from sagepipe.local.events import Listener, Note, Retrying, Reused, Status, StepChanged
from sagepipe.local.record import StepResult
from sagepipe.local.retry import PLAYED, Retries
from sagepipe.local.runtime import Runtime

Json = Any

_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Context:
    """The execution that a step runs in."""

    execution: str
    pipeline: str
    folder: Path
    runtime: Runtime
    choices: Choices
    tell: Listener
    stop: threading.Event


def job_name(execution: str, step: str) -> str:
    """A job's name as the service makes it, `pipelines-<execution>-<step>-<random>`."""
    suffix = "".join(random.choices(_ALPHABET, k=10))
    return f"pipelines-{execution}-{step.replace('_', '-')[:27]}-{suffix}"


def run(step: Step, request: Json, name: str, context: Context) -> StepResult:
    """Run a step whose arguments have been evaluated; `name` is the job's first name.

    Raises:
        LocalError: the service would refuse the job.
    """
    requests.check(request)
    count = _instance_count(step, request)
    cached = _cache(step, request, context)
    if cached is not None and (hit := _look_up(cached, step, request, context)):
        return hit
    context.tell(StepChanged(step.name, step.type, Status.EXECUTING, count))
    began = time.monotonic()
    if cached is not None:
        cached.start_reading()
    result = _with_retries(step, request, name, context)
    if cached is not None and result.status is Status.SUCCEEDED:
        took = time.monotonic() - began
        cached.keep(context.execution, took, replace(result, seconds=took))
    return result


def _instance_count(step: Step, request: Json) -> int:
    cluster = request["ProcessingResources"]["ClusterConfig"]
    if "InstanceCount" not in cluster:
        raise UnsupportedError(
            f"step {step.name} has InstancePreferences, a choice that is the service's; the local "
            "engine needs an InstanceCount and an InstanceType"
        )
    return int(cluster["InstanceCount"])


def outputs(request: Mapping[str, Json]) -> dict[str, str]:
    """The URI of each output of a job."""
    declared = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return {
        item["OutputName"]: item["S3Output"]["S3Uri"] for item in declared if "S3Output" in item
    }


def _with_retries(step: Step, request: Json, name: str, context: Context) -> StepResult:
    retries = Retries.of(step.retry_policies)
    elapsed, attempt = 0.0, 1
    while True:
        folder = _free_folder(context.folder / names.as_step(step.name))
        began = time.monotonic()
        ended = _try(step, request, name, folder, context)
        elapsed += time.monotonic() - began
        result = StepResult(
            name=step.name,
            type=step.type,
            status=ended.status,
            instances=request["ProcessingResources"]["ClusterConfig"]["InstanceCount"],
            reason=ended.failure_reason,
            exit_message=ended.exit_message,
            log_tail=ended.log_tail,
            log=ended.log,
            logs=folder,
            outputs=outputs(request),
            attempts=attempt,
            properties=ended.description,
        )
        if not ended.exception_type or ended.status is not Status.FAILED:
            return result
        pause = retries.wait(ended.exception_type, elapsed)
        if pause is None or context.stop.is_set():
            return result
        attempt += 1
        reason = f"{ended.exception_type}: {ended.failure_reason}"
        context.tell(Retrying(step.name, attempt, pause if context.choices.wait else 0.0, reason))
        elapsed += pause
        if context.choices.wait and context.stop.wait(pause):
            return replace(result, status=Status.STOPPED)
        name = job_name(context.execution, step.name)


def _try(step: Step, request: Json, name: str, folder: Path, context: Context) -> jobs.JobResult:
    for fault in context.choices.faults:
        if fault.strikes(step.name):
            reason = f"{fault.exception_type}, {PLAYED}"
            return jobs.JobResult(
                Status.FAILED, reason, "", (), None, request, fault.exception_type
            )
    job = jobs.Job(step=step.name, name=name, request=request, folder=folder)
    return jobs.run(job, context.runtime, context.stop, context.tell)


def _free_folder(folder: Path) -> Path:
    """The folder of the next try: the step's own, then attempt-2 in it, and so on."""
    attempt = 1
    free = folder
    while free.exists():
        attempt += 1
        free = folder / f"attempt-{attempt}"
    free.mkdir(parents=True)
    return free


def _cache(step: Step, request: Json, context: Context) -> step_cache.StepCache | None:
    if not context.choices.caches(step):
        return None
    return step_cache.StepCache(
        context.runtime.store,
        context.pipeline,
        step,
        request,
        context.choices.cache == "service",
        lambda text: context.tell(Note(step.name, text)),
    )


def _look_up(
    cached: step_cache.StepCache, step: Step, request: Json, context: Context
) -> StepResult | None:
    found = cached.look_up()
    if found.refused:
        context.tell(Note(step.name, f"not taken from the step cache: {found.refused}"))
    if found.entry is None:
        return None
    entry = found.entry
    wanted = step_cache.cluster(request)
    changed = [
        f"{name} was {entry.cluster.get(name)} then and is {value} now"
        for name, value in wanted.items()
        if entry.cluster.get(name) != value
    ]
    detail = f"{', '.join(changed)}, which the service's key leaves out" if changed else ""
    context.tell(Reused(step.name, entry.execution, entry.seconds, "cached", detail))
    return replace(
        entry.result,
        seconds=0.0,
        attempts=0,
        reused="cached",
        source=entry.execution,
        saved_seconds=entry.seconds,
    )
