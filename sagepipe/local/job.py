"""One processing job: N instances at the same time, from its request to its outputs."""

from __future__ import annotations

import errno
import random
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagepipe.errors import LocalError
from sagepipe.language import retries
from sagepipe.local import description
from sagepipe.local.channels import inputs, journal, outputs, pipes
from sagepipe.local.channels.streams import Streams, pipes_of
from sagepipe.local.events import InstanceChanged, Listener, Note, Status
from sagepipe.local.launch import images
from sagepipe.local.launch.instance import CANNOT_ISOLATE, Instance, ask_to_stop, kill
from sagepipe.local.spark.command import is_spark_submit
from sagepipe.local.store import Store

Json = Any

POLL_SECONDS = 0.02
GRACE_SECONDS = 10.0  # between the stop signal of a time limit and the kill
NOT_ISOLATED = re.compile("cannot isolate the instance: ")  # as confine.py says it

# What this machine, not the script, is to blame for.
_MACHINE_FAULTS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOMEM,
    errno.EAGAIN,
    errno.EMFILE,
    errno.ENFILE,
    errno.EIO,
    errno.EROFS,
)


@dataclass(frozen=True)
class Job:
    """A processing job to run: its evaluated CreateProcessingJob request and its folder."""

    step: str
    name: str
    request: Mapping[str, Json]
    folder: Path


@dataclass(frozen=True)
class Runtime:
    """Where and how jobs run.

    Attributes:
        isolated: each instance gets namespaces of its own; else paths are rewritten.
        at_once: at most this many instances of a job at the same time; None for all of them.
        cores: what Spark may use.
        cache: a folder that outlives executions, for what is compiled or generated once.
        images: what stands in for container images.
        environment: variables for every instance, beside those of its job, which win.
        grace: seconds between the stop signal of a time limit and the kill.
        last_wins: of files that several instances write to one key the last is kept, as on the
            service, in place of failing the job.
    """

    store: Store
    isolated: bool
    at_once: int | None
    cores: int
    cache: Path
    images: tuple[images.Image, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    grace: float = GRACE_SECONDS
    last_wins: bool = False


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


@dataclass(frozen=True)
class _Failure:
    host: str
    reason: str
    exception_type: str = ""
    timed_out: bool = False


def run(job: Job, runtime: Runtime, stop: threading.Event, tell: Listener) -> JobResult:
    """Run a job to its end. What a user can cause becomes a Failed result, not an exception."""
    instances = _instances(job, runtime)
    try:
        channels = inputs.list_channels(job.request.get("ProcessingInputs", []), runtime.store)
        declared = job.request.get("ProcessingOutputConfig", {}).get("Outputs", [])
        taken = {channel.local_path for channel in channels}
        folders = outputs.folders(declared, instances, taken)
        for index, instance in enumerate(instances):
            _lay_out(instance, index, instances, job, channels)
        for folder in folders:
            folder.folder.mkdir(parents=True, exist_ok=True)
        claims = outputs.Claims(last_wins=runtime.last_wins)
        streams = Streams(channels, instances, folders, runtime.store, claims)
        failure = _run_instances(job, instances, channels, streams, runtime, stop, tell)
        stopped = failure is None and stop.is_set()
        if failure is None and not stopped:
            _collect(job, folders, channels, streams, claims, runtime.store, stop, tell)
        return _result(job, instances, failure, stopped=stopped)
    except outputs.Interrupted:
        return _result(job, instances, None, stopped=True)
    except LocalError as error:
        failure = _machine_failure(error.__cause__) or _Failure("", f"ClientError: {error}")
        return _result(job, instances, failure, stopped=False)
    except OSError as error:
        machine = _machine_failure(error)
        if machine is None:
            raise
        return _result(job, instances, machine, stopped=False)
    finally:
        for instance in instances:  # logs lie beside these folders and stay
            shutil.rmtree(instance.folder, ignore_errors=True)


def _instances(job: Job, runtime: Runtime) -> list[Instance]:
    count = int(job.request["ProcessingResources"]["ClusterConfig"]["InstanceCount"])
    image = images.find(runtime.images, job.request["AppSpecification"]["ImageUri"])
    contained = image is not None and image.contains
    return [
        Instance(f"algo-{n}", job.folder, runtime.isolated, contained) for n in range(1, count + 1)
    ]


def _lay_out(
    instance: Instance,
    index: int,
    instances: Sequence[Instance],
    job: Job,
    channels: Sequence[inputs.Channel],
) -> None:
    for pipe in pipes_of(channels, instance, index, len(instances)):
        pipes.lay_out(pipe)
    for channel in channels:
        if channel.piped:
            continue
        shard = channel.shard(index, len(instances))
        link = instance.isolated and not instance.contained
        inputs.stage(shard, instance.real(channel.local_path), link=link)
    instance.write_config(
        description.config(job.name, job.request), [other.host for other in instances]
    )


def _run_instances(
    job: Job,
    instances: Sequence[Instance],
    channels: Sequence[inputs.Channel],
    streams: Streams,
    runtime: Runtime,
    stop: threading.Event,
    tell: Listener,
) -> _Failure | None:
    """Run all processes; the first that fails, the time limit or `stop` ends the others."""
    limits = job.request.get("StoppingCondition", {})
    limit = limits.get("MaxRuntimeInSeconds", description.DEFAULT_MAX_RUNTIME)
    deadline = time.monotonic() + float(limit)
    read_only = inputs.source_folders(channels, runtime.store)
    hosts_file = _hosts_file(job, instances)
    waiting = list(reversed(instances))
    running: dict[str, subprocess.Popen[bytes]] = {}
    failure: _Failure | None = None
    try:
        while (waiting or running) and failure is None and not stop.is_set():
            while waiting and len(running) < (runtime.at_once or len(instances)):
                instance = waiting.pop()
                process = _start(job, instance, instances, runtime, read_only, hosts_file, tell)
                if process is not None:
                    running[instance.host] = process
                    streams.started(instance.host, process)
                    tell(InstanceChanged(job.step, instance.host, Status.EXECUTING, instance.log))
            for host, process in list(running.items()):
                code = process.poll()
                if code is None:
                    continue
                del running[host]
                streams.ended(host)
                ended = Status.SUCCEEDED if code == 0 else Status.FAILED
                tell(InstanceChanged(job.step, host, ended))
                if code != 0 and failure is None:
                    failure = _failed_with(code, host, instances)
            if failure is None and (broken := streams.failure()):
                failure = _Failure(broken[0], f"ClientError: {broken[1]}")
            if running and failure is None and time.monotonic() > deadline:
                _stop_gently(running.values(), runtime.grace)
                failure = _Failure(
                    next(iter(running), ""),
                    f"ClientError: the job was stopped after MaxRuntimeInSeconds ({limit} s)",
                    timed_out=True,
                )
            time.sleep(POLL_SECONDS)
    finally:
        if instances[0].contained:  # a container ends by its own client's doing
            _stop_gently(running.values(), runtime.grace)
        for host, process in running.items():
            kill(process)
            tell(InstanceChanged(job.step, host, Status.STOPPED))
        streams.close()
    if failure is None and (broken := streams.failure()):
        failure = _Failure(broken[0], f"ClientError: {broken[1]}")
    return failure


def _start(
    job: Job,
    instance: Instance,
    instances: Sequence[Instance],
    runtime: Runtime,
    read_only: Sequence[Path],
    hosts_file: Path | None,
    tell: Listener,
) -> subprocess.Popen[bytes] | None:
    environment = {**runtime.environment, **job.request.get("Environment", {})}
    command = _command(job, instance, runtime, environment)
    if is_spark_submit(command):
        from sagepipe.local.spark import submit  # a tenth of a second that only Spark's jobs pay

        if not submit.is_primary(instance.host, [other.host for other in instances]):
            return None  # the image's workers only wait for the primary
        launch = submit.prepare(
            command,
            opt_ml=instance.opt_ml,
            store=runtime.store,
            work=instance.folder / "spark",
            cache=runtime.cache,
            cores=runtime.cores,
            job=job.name,
        )
        for text in launch.ignored:
            tell(Note(job.step, text))
        command, environment = list(launch.argv), {**environment, **launch.env}
        read_only = submit.only_read(runtime.store)
    return instance.start(command, environment, hosts_file=hosts_file, read_only=read_only)


def _command(
    job: Job, instance: Instance, runtime: Runtime, environment: Mapping[str, str]
) -> list[str]:
    """What to run: the definition's entrypoint and arguments, and what stands in for the image."""
    specification = job.request["AppSpecification"]
    uri = specification["ImageUri"]
    variables = instance.folder / "environment"
    if instance.contained:
        variables.write_text("".join(f"{key}={value}\n" for key, value in environment.items()))
    command = images.command(
        images.find(runtime.images, uri),
        uri,
        specification.get("ContainerEntrypoint") or [],
        specification.get("ContainerArguments") or [],
        {
            "host": instance.host,
            "opt_ml": str(instance.opt_ml),
            "environment": str(variables),
        },
    )
    return [instance.seen(part) for part in command]


def _collect(
    job: Job,
    folders: Sequence[outputs.OutputFolder],
    channels: Sequence[inputs.Channel],
    streams: Streams,
    claims: outputs.Claims,
    store: Store,
    stop: threading.Event,
    tell: Listener,
) -> None:
    produced = outputs.find(folders, inputs.staged_files(channels), claims, streams.uploaded)
    if note := claims.note():
        tell(Note(job.step, note))
    with journal.publishing(job.folder, [item.location for item in produced], store):
        counts = outputs.publish(produced, store, stop)
    for name in dict.fromkeys(folder.name for folder in folders):
        if not counts.get(name) and name not in streams.uploaded_from:
            tell(Note(job.step, f"output {name!r} is empty: nothing was uploaded"))


def _result(
    job: Job, instances: Sequence[Instance], failure: _Failure | None, *, stopped: bool
) -> JobResult:
    status = Status.STOPPED if stopped else Status.FAILED if failure else Status.SUCCEEDED
    reason = failure.reason if failure else ""
    messages = []
    for instance in instances:
        try:
            messages.append(instance.exit_message())
        except LocalError as error:
            status, reason = Status.FAILED, f"ClientError: {error}"
    failed = next((i for i in instances if failure and i.host == failure.host), None)
    message = "".join(messages).encode()[:1024].decode(errors="ignore")
    described = {"Succeeded": "Completed"}.get(status, str(status))
    if failure and failure.timed_out:
        described = "Stopped"
    return JobResult(
        status=status,
        failure_reason=reason,
        exit_message=message,
        log_tail=tuple(failed.log_tail()) if failed else (),
        log=failed.log if failed else None,
        description=description.answer(job.name, job.request, described, message, reason),
        exception_type=failure.exception_type if failure else "",
    )


def _hosts_file(job: Job, instances: Sequence[Instance]) -> Path | None:
    """An /etc/hosts in which each instance has a loopback address of its own."""
    if not instances[0].isolated:
        return None
    network = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}"
    path = job.folder / "hosts"
    lines = ["127.0.0.1 localhost", "::1 localhost"]
    lines += [f"{network}.{n} {i.host}" for n, i in enumerate(instances, start=1)]
    path.write_text("\n".join(lines) + "\n")
    return path


def _machine_failure(error: BaseException | None) -> _Failure | None:
    if not isinstance(error, OSError) or error.errno not in _MACHINE_FAULTS:
        return None
    reason = f"InternalServerError: this machine failed the job: {error}"
    return _Failure("", reason, retries.INTERNAL)


def _failed_with(code: int, host: str, instances: Sequence[Instance]) -> _Failure:
    instance = next(instance for instance in instances if instance.host == host)
    if code == CANNOT_ISOLATE and any(map(NOT_ISOLATED.match, instance.log_tail())):
        reason = "InternalServerError: this machine could not isolate the instance"
        return _Failure(host, reason, retries.INTERNAL)
    return _Failure(host, f"AlgorithmError: , exit code: {_exit_code(code)}")


def _stop_gently(processes: Collection[subprocess.Popen[bytes]], grace: float) -> None:
    for process in processes:
        ask_to_stop(process)
    deadline = time.monotonic() + grace
    while any(p.poll() is None for p in processes) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _exit_code(code: int) -> int:
    """A shell's view of an exit code: 128 + n for death by signal n."""
    return code if code >= 0 else 128 - code
