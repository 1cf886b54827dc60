"""The executions of a deployed pipeline, as the service tells of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sagepipe.aws import boto
from sagepipe.aws.boto import calls
from sagepipe.errors import AwsError, ExecutionError
from sagepipe.executions import job_logs, jobs, remote
from sagepipe.executions.archive import (
    LATEST,
    Entry,
    Listing,
    Output,
    PastExecution,
    PastStep,
    WantedLog,
    as_text,
    step_of,
)
from sagepipe.executions.remote import Execution, Step
from sagepipe.language.s3 import Location

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

Json = Any

_AT_ONCE = 8  # calls; the service allows more


@dataclass(frozen=True)
class RemoteArchive:
    """The executions of the pipeline called `pipeline`."""

    region: str
    pipeline: str

    def entries(self, limit: int | None) -> Listing:
        """The newest executions. Raises `AwsError`, `ExecutionError`."""
        sagemaker = boto.client("sagemaker", self.region)
        wanted = None if limit is None else limit + 1
        arns = list(itertools.islice(remote.arns_of(sagemaker, self.pipeline), wanted))
        more = None if limit is not None and len(arns) > limit else 0
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(lambda arn: self._entry(sagemaker, arn), arns[:limit])
            return Listing(tuple(found), more)

    def read(self, identity: str) -> PastExecution:
        """One execution, by id or ARN. Raises `AwsError`, `ExecutionError`."""
        sagemaker = boto.client("sagemaker", self.region)
        wanted = None if identity == LATEST else identity
        execution = remote.read(sagemaker, remote.find(sagemaker, self.pipeline, wanted))
        given = remote.parameters(sagemaker, execution.arn)
        definition = remote.definition(sagemaker, execution.arn)
        defaults = {
            name: as_text(one.default)
            for name, one in definition.parameters.items()
            if one.default is not None
        }
        read = [_step(sagemaker, step) for step in execution.steps]
        begun = {step.name: step for step, _ in read}
        others = "Not run" if execution.final else "Waiting"
        steps = {
            name: begun.get(name) or PastStep(name, step.type, others)
            for name, step in definition.steps.items()
        }
        return PastExecution(
            entry=_to_entry(execution, given),
            reason=execution.reason,
            values=defaults | given,
            steps=steps | begun,
            definition=definition,
            notes=tuple(note for _, note in read if note),
        )

    def content(self, execution: PastExecution, uri: str) -> bytes:
        """An object in S3. Raises `AwsError`."""
        location = Location.parse(uri)
        with calls(f"read {uri}"):
            s3 = boto.client("s3", self.region)
            answer = s3.get_object(Bucket=location.bucket, Key=location.key)
            return bytes(answer["Body"].read())

    def log(self, execution: PastExecution, wanted: WantedLog) -> Iterator[tuple[str, str]]:
        """What the instances of a step's job wrote to CloudWatch. Raises `SagepipeError`."""
        job = step_of(execution, wanted.step).job
        if not job:
            raise ExecutionError(
                f"step {wanted.step} of execution {execution.entry.id} has no processing job, so "
                "it has no log"
            )
        logs = boto.client("logs", self.region)
        sagemaker = boto.client("sagemaker", self.region)

        def ended() -> bool:
            return not wanted.follow or jobs.describe(sagemaker, job).status in jobs.ENDED

        lines = job_logs.read(logs, job, host=wanted.host, last=wanted.last, ended=ended)
        return _refusing_none(lines, job, wanted)

    def _entry(self, sagemaker: SageMakerClient, arn: str) -> Entry:
        return _to_entry(remote.describe(sagemaker, arn), remote.parameters(sagemaker, arn))


def _refusing_none(
    lines: Iterator[tuple[str, str]], job: str, wanted: WantedLog
) -> Iterator[tuple[str, str]]:
    told = False
    for line in lines:
        told = True
        yield line
    if not told:
        whose = f"instance {wanted.host} of step {wanted.step}" if wanted.host else wanted.step
        raise ExecutionError(f"{whose} (job {job}) has no log: nothing was written")


def _to_entry(execution: Execution, given: Mapping[str, str]) -> Entry:
    end = execution.modified if execution.final else datetime.now(UTC)
    seconds = (end - execution.created).total_seconds() if end and execution.created else None
    return Entry(
        id=execution.id,
        pipeline=execution.pipeline,
        status=execution.status,
        started=execution.created,
        seconds=seconds,
        parameters=given,
        arn=execution.arn,
        display_name=execution.display_name,
        version=execution.version,
    )


def _step(sagemaker: SageMakerClient, step: Step) -> tuple[PastStep, str]:
    """A step with what its job says, and what couldn't be had of that."""
    job, note = None, ""
    if step.job:
        try:
            job = jobs.describe(sagemaker, step.job)
        except AwsError as error:
            note = str(error)
    past = PastStep(
        name=step.name,
        kind=step.kind,
        status=step.status,
        seconds=step.seconds(datetime.now(UTC)) if step.started else None,
        started=step.started,
        instances=job.instances if job else 0,
        attempts=step.attempts,
        reason=step.reason,
        message=job.exit_message if job else "",
        outcome=step.outcome,
        reused="cached" if step.cached_from else "",
        source=step.cached_from.rpartition("/")[2],
        outputs={name: Output(uri) for name, uri in job.outputs.items()} if job else {},
        job=job.name if job else step.job,
        usage=job.usage if job else None,
    )
    return past, note
