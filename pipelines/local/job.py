"""One processing job: N instances at the same time, from its request to its outputs."""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import LocalError, UnsupportedError
from pipelines.local import inputs, outputs, spark
from pipelines.local.events import InstanceChanged, Listener, Note, Status
from pipelines.local.instance import Instance, ask_to_stop, kill
from pipelines.local.store import Location, Store

Json = Any

POLL_SECONDS = 0.02
GRACE_SECONDS = 10.0  # between the stop signal of a time limit and the kill


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
    """

    store: Store
    isolated: bool
    at_once: int | None
    cores: int
    cache: Path


@dataclass(frozen=True)
class JobResult:
    """How a job ended. `description` is what DescribeProcessingJob would answer."""

    status: Status
    failure_reason: str
    exit_message: str
    log_tail: tuple[str, ...]
    log: Path | None
    description: Mapping[str, Json]


@dataclass(frozen=True)
class _Failure:
    host: str
    reason: str


def run(job: Job, runtime: Runtime, stop: threading.Event, tell: Listener) -> JobResult:
    """Run a job to its end. What a user can cause becomes a Failed result, not an exception."""
    instances = _instances(job, runtime)
    try:
        channels = inputs.list_channels(job.request.get("ProcessingInputs", []), runtime.store)
        for index, instance in enumerate(instances):
            _lay_out(instance, index, instances, job, channels)
        failure = _run_instances(job, instances, channels, runtime, stop, tell)
        if failure is None and not stop.is_set():
            _collect(job, instances, channels, runtime.store, tell)
        return _result(job, instances, failure, stopped=stop.is_set() and failure is None)
    except LocalError as error:
        return _result(job, instances, _Failure("", f"ClientError: {error}"), stopped=False)
    finally:
        for instance in instances:  # logs lie beside these folders and stay
            shutil.rmtree(instance.folder, ignore_errors=True)


def _instances(job: Job, runtime: Runtime) -> list[Instance]:
    count = int(job.request["ProcessingResources"]["ClusterConfig"]["InstanceCount"])
    return [Instance(f"algo-{n}", job.folder, runtime.isolated) for n in range(1, count + 1)]


def _lay_out(
    instance: Instance,
    index: int,
    instances: Sequence[Instance],
    job: Job,
    channels: Sequence[inputs.Channel],
) -> None:
    for channel in channels:
        shard = channel.shard(index, len(instances))
        inputs.stage(shard, instance.real(channel.local_path), link=instance.isolated)
    for item in _managed_outputs(job):
        instance.real(item["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
    instance.write_config(_job_config(job), [other.host for other in instances])


def _run_instances(
    job: Job,
    instances: Sequence[Instance],
    channels: Sequence[inputs.Channel],
    runtime: Runtime,
    stop: threading.Event,
    tell: Listener,
) -> _Failure | None:
    """Run all processes; the first that fails, the time limit or `stop` ends the others."""
    limit = job.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
    deadline = time.monotonic() + float(limit) if limit else None
    read_only = _linked_folders(channels, runtime)
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
                    tell(InstanceChanged(job.step, instance.host, Status.EXECUTING))
            for host, process in list(running.items()):
                code = process.poll()
                if code is None:
                    continue
                del running[host]
                ended = Status.SUCCEEDED if code == 0 else Status.FAILED
                tell(InstanceChanged(job.step, host, ended))
                if code != 0 and failure is None:
                    failure = _Failure(host, f"AlgorithmError: , exit code: {_exit_code(code)}")
            if deadline is not None and time.monotonic() > deadline:
                _stop_gently(running.values())
                failure = _Failure(
                    next(iter(running), ""),
                    f"ClientError: the job was stopped after MaxRuntimeInSeconds ({limit} s)",
                )
            time.sleep(POLL_SECONDS)
    finally:
        for host, process in running.items():
            kill(process)
            tell(InstanceChanged(job.step, host, Status.STOPPED))
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
    specification = job.request["AppSpecification"]
    entrypoint = specification.get("ContainerEntrypoint")
    if not entrypoint:
        raise UnsupportedError(
            f"{job.step} has no ContainerEntrypoint, and what {specification['ImageUri']} runs by "
            "itself is not known here; give the processor an entrypoint or a command"
        )
    command = [
        instance.seen(part) for part in [*entrypoint, *specification.get("ContainerArguments", [])]
    ]
    environment = dict(job.request.get("Environment", {}))
    if spark.is_spark_submit(command):
        if not spark.is_primary(instance.host, [other.host for other in instances]):
            return None  # the image's workers only wait for the primary
        launch = spark.prepare(
            command,
            opt_ml=instance.opt_ml,
            store=runtime.store.root,
            work=instance.folder / "spark",
            cache=runtime.cache,
            cores=runtime.cores,
        )
        for text in launch.ignored:
            tell(Note(job.step, text))
        command, environment = list(launch.argv), {**environment, **launch.env}
        read_only = ()  # Spark writes s3:// itself
    return instance.start(command, environment, hosts_file=hosts_file, read_only=read_only)


def _collect(
    job: Job,
    instances: Sequence[Instance],
    channels: Sequence[inputs.Channel],
    store: Store,
    tell: Listener,
) -> None:
    folders = [
        outputs.OutputFolder(
            name=item["OutputName"],
            host=instance.host,
            folder=instance.real(item["S3Output"]["LocalPath"]),
            location=Location.parse(item["S3Output"]["S3Uri"]),
        )
        for item in _managed_outputs(job)
        for instance in instances
    ]
    staged = {path.resolve() for channel in channels for _, path in channel.objects}
    produced = outputs.find(folders, staged)
    counts = outputs.publish(produced, store)
    for item in _managed_outputs(job):
        if not counts.get(item["OutputName"]):
            tell(Note(job.step, f"output {item['OutputName']!r} is empty: nothing was uploaded"))


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
    return JobResult(
        status=status,
        failure_reason=reason,
        exit_message=message,
        log_tail=tuple(failed.log_tail()) if failed else (),
        log=failed.log if failed else None,
        description={
            **job.request,
            "ProcessingJobName": job.name,
            "ProcessingJobArn": _arn(job.name),
            "ProcessingJobStatus": described,
            "ExitMessage": message,
            "FailureReason": reason,
        },
    )


def _job_config(job: Job) -> dict[str, Json]:
    """processingjobconfig.json, as documented: members that are not set are null."""
    request = job.request
    specification = request["AppSpecification"]
    cluster = request["ProcessingResources"]["ClusterConfig"]
    output_config = request.get("ProcessingOutputConfig", {})
    return {
        "ProcessingJobArn": _arn(job.name),
        "ProcessingJobName": job.name,
        "AppSpecification": {
            "ImageUri": specification["ImageUri"],
            "ContainerEntrypoint": specification.get("ContainerEntrypoint"),
            "ContainerArguments": specification.get("ContainerArguments"),
        },
        "Environment": dict(request.get("Environment", {})),
        "ProcessingInputs": [
            {**item, "S3Input": {**item["S3Input"], "S3DownloadMode": "StartOfJob"}}
            if "S3Input" in item
            else item
            for item in request.get("ProcessingInputs", [])
        ],
        "ProcessingOutputConfig": {
            "Outputs": output_config.get("Outputs", []),
            "KmsKeyId": output_config.get("KmsKeyId"),
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": int(cluster["InstanceCount"]),
                "InstanceType": cluster["InstanceType"],
                "VolumeSizeInGB": int(cluster["VolumeSizeInGB"]),
                "VolumeKmsKeyId": cluster.get("VolumeKmsKeyId"),
            }
        },
        "RoleArn": request.get("RoleArn"),
        "StoppingCondition": request.get("StoppingCondition", {"MaxRuntimeInSeconds": 86400}),
    }


def _managed_outputs(job: Job) -> list[Mapping[str, Json]]:
    declared = job.request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return [item for item in declared if not item.get("AppManaged")]


def _linked_folders(channels: Sequence[inputs.Channel], runtime: Runtime) -> list[Path]:
    """The folders that inputs are linked from."""
    store = runtime.store
    folders = {store.bucket(channel.location.bucket) for channel in channels}
    folders.update(mount.directory for mount in store.mounts)
    return sorted(folder.resolve() for folder in folders if folder.is_dir())


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


def _stop_gently(processes: Sequence[subprocess.Popen[bytes]] | Any) -> None:
    processes = list(processes)
    for process in processes:
        ask_to_stop(process)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(p.poll() is None for p in processes) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _exit_code(code: int) -> int:
    """A shell's view of an exit code: 128 + n for death by signal n."""
    return code if code >= 0 else 128 - code


def _arn(name: str) -> str:
    return f"arn:aws:sagemaker:local:000000000000:processing-job/{name}"
