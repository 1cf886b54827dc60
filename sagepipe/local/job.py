"""One processing job: N instances at the same time, from its request to its outputs."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.errors import LocalError
from sagepipe.local import description, failure
from sagepipe.local import instances as processes
from sagepipe.local.channels import inputs, journal, outputs, pipes
from sagepipe.local.channels.streams import Streams, pipes_of
from sagepipe.local.events import InstanceChanged, Listener, Note, Status
from sagepipe.local.failure import Failure
from sagepipe.local.launch.choose import choose
from sagepipe.local.launch.instance import Instance
from sagepipe.local.launch.launcher import Launcher, Program
from sagepipe.local.runtime import Runtime

Json = Any


@dataclass(frozen=True)
class Job:
    """A processing job to run: its evaluated CreateProcessingJob request and its folder."""

    step: str
    name: str
    request: Mapping[str, Json]
    folder: Path

    @property
    def limit(self) -> float:
        """Seconds until it is stopped."""
        limits = self.request.get("StoppingCondition", {})
        return float(limits.get("MaxRuntimeInSeconds", description.DEFAULT_MAX_RUNTIME))

    @property
    def outputs(self) -> Sequence[Mapping[str, Json]]:
        """Its outputs as they are declared."""
        declared: Sequence[Mapping[str, Json]] = self.request.get("ProcessingOutputConfig", {}).get(
            "Outputs", []
        )
        return declared


@dataclass(frozen=True)
class JobResult:
    """How a job ended. `description` is what DescribeProcessingJob would answer;
    `exception_type` is set when this machine failed the job, in the words of retry policies."""

    status: Status
    failure_reason: str
    exit_message: str
    log_tail: tuple[str, ...]
    log: Path | None
    description: Mapping[str, Json]
    exception_type: str = ""


def run(job: Job, runtime: Runtime, stop: threading.Event, tell: Listener) -> JobResult:
    """Run a job to its end. What a user can cause becomes a Failed result, not an exception."""
    count = int(job.request["ProcessingResources"]["ClusterConfig"]["InstanceCount"])
    instances = [Instance(f"algo-{n}", job.folder) for n in range(1, count + 1)]
    try:
        failed = _run(job, instances, runtime, stop, tell)
        return _result(job, instances, failed, stopped=failed is None and stop.is_set())
    except outputs.Interrupted:
        return _result(job, instances, None, stopped=True)
    except LocalError as error:
        failed = failure.of_system(error.__cause__) or failure.of_client(error)
        return _result(job, instances, failed, stopped=False)
    except OSError as error:
        machine = failure.of_system(error)
        if machine is None:
            raise
        return _result(job, instances, machine, stopped=False)
    finally:
        for instance in instances:  # logs lie beside these folders and stay
            shutil.rmtree(instance.folder, ignore_errors=True)


def _run(
    job: Job,
    instances: Sequence[Instance],
    runtime: Runtime,
    stop: threading.Event,
    tell: Listener,
) -> Failure | None:
    store = runtime.store
    channels = inputs.list_channels(job.request.get("ProcessingInputs", []), store)
    folders = outputs.folders(job.outputs, instances)
    launcher = choose(
        Program.of(job.request, runtime.images, runtime.environment),
        instances,
        runtime,
        job=job.name,
        folder=job.folder,
        note=lambda text: tell(Note(job.step, text)),
    )
    for index, instance in enumerate(instances):
        _lay_out(instance, index, instances, job, channels, launcher)
    for folder in folders:
        folder.folder.mkdir(parents=True, exist_ok=True)
    claims = outputs.Claims(last_wins=runtime.on_collision == "last")
    streams = Streams(channels, instances, folders, store, claims)
    failed = processes.run(
        instances,
        launcher,
        streams,
        processes.Limits(job.limit, runtime.grace, runtime.at_once),
        inputs.source_folders(channels, store),
        stop,
        lambda instance, status: tell(
            InstanceChanged(job.step, instance.host, status, instance.log)
        ),
    )
    if failed is not None or stop.is_set():
        return failed
    produced = outputs.find(folders, inputs.staged_files(channels), claims, streams.uploaded)
    if note := claims.note():
        tell(Note(job.step, note))
    counts = journal.publish(job.folder, produced, store, stop)
    for name in dict.fromkeys(folder.name for folder in folders):
        if not counts.get(name) and name not in streams.uploaded_from:
            tell(Note(job.step, f"output {name!r} is empty: nothing was uploaded"))
    return None


def _lay_out(
    instance: Instance,
    index: int,
    instances: Sequence[Instance],
    job: Job,
    channels: Sequence[inputs.Channel],
    launcher: Launcher,
) -> None:
    """Bring an instance its inputs and its configuration."""
    for pipe in pipes_of(channels, instance, index, len(instances)):
        pipes.lay_out(pipe)
    for channel in channels:
        if not channel.piped:
            shard = channel.shard(index, len(instances))
            inputs.stage(shard, instance.real(channel.local_path), link=launcher.links_inputs)
    instance.write_config(
        description.config(job.name, job.request),
        [other.host for other in instances],
        lambda text: launcher.seen(instance, text),
    )


def _result(
    job: Job, instances: Sequence[Instance], failed: Failure | None, *, stopped: bool
) -> JobResult:
    status = Status.STOPPED if stopped else Status.FAILED if failed else Status.SUCCEEDED
    reason = failed.reason if failed else ""
    messages = []
    for instance in instances:
        try:
            messages.append(instance.exit_message())
        except LocalError as error:
            status, reason = Status.FAILED, f"ClientError: {error}"
    blamed = next((i for i in instances if failed and i.host == failed.host), None)
    message = description.exit_message(messages)
    described = {"Succeeded": "Completed"}.get(status, str(status))
    if failed and failed.timed_out:
        described = "Stopped"
    return JobResult(
        status=status,
        failure_reason=reason,
        exit_message=message,
        log_tail=tuple(blamed.log_tail()) if blamed else (),
        log=blamed.log if blamed else None,
        description=description.answer(job.name, job.request, described, message, reason),
        exception_type=failed.exception_type if failed else "",
    )
