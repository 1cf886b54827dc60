"""Executions that take their time, for moto, which ends each one when it begins.

- Steps run in the definition's order, each `PACE` seconds; what they are is read off `clock`, so
  nothing runs in the background. Tests take a `Looks`, whose time passes when somebody looks.
- What an execution's display name says happens to it: `fails-Fit`, `caches-Clean`,
  `gate-closed`, `ends-CompletedWithFailures`, `waits-Fit` (for a quota, in its retries),
  `retries-Fit` (after a job that failed), `lower-case` (ARNs of jobs); several are joined by `--`.
- StartPipelineExecution with a token that was used before gives the execution of that time.
- StopPipelineExecution, RetryPipelineExecution, ListPipelineExecutionSteps, the steps' jobs and
  the logs of those that failed, from each instance.

Requests are held against the service model by fake_versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import fake_versions
from moto.core.responses import ActionResult
from moto.logs.models import logs_backends
from moto.sagemaker.exceptions import AWSValidationException, ResourceNotFound
from moto.sagemaker.responses import SageMakerResponse

PACE = 2.0


class Clock:
    """The time of day."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def looked(self) -> None:
        """Somebody has asked how an execution is doing."""


class Looks(Clock):
    """A clock that goes on by `seconds` each time somebody asks how an execution is doing."""

    def __init__(self, seconds: float) -> None:
        self._now = datetime.now(UTC)
        self._step = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return self._now

    def looked(self) -> None:
        self._now += self._step


clock = Clock()

BUCKET = "ecg-artifacts"
GROUP = "/aws/sagemaker/ProcessingJobs"

_ENDINGS = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")


@dataclass
class Play:
    """What happens in an execution, and since when."""

    arn: str
    definition: dict[str, Any]
    parameters: dict[str, str]
    wishes: list[str]
    selected: list[str]
    version: int
    begun: datetime
    fresh: datetime
    done: list[dict[str, Any]] = field(default_factory=list)
    stopped: datetime | None = None
    retried: bool = False
    tokens: set[str] = field(default_factory=set)
    logged: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    def steps(self, now: datetime) -> list[dict[str, Any]]:
        """What ListPipelineExecutionSteps answers, first begun first."""
        found = list(self.done)
        begin = self.fresh
        for step in self._path():
            if any(one["StepName"] == step["Name"] for one in found):
                continue
            if now < begin or (self.stopped and self.stopped <= begin):
                return found
            shown, begin = self._shown(step, begin, now)
            found.append(shown)
            if shown["StepStatus"] != "Succeeded":
                return found
        return found

    def status(self, now: datetime) -> tuple[str, datetime]:
        """The execution's status, and when it was last changed."""
        steps = self.steps(now)
        last = steps[-1] if steps else {}
        ended = last.get("EndTime")
        if self.stopped:
            over = now >= self.stopped + timedelta(seconds=PACE / 2)
            return ("Stopped" if over else "Stopping"), self.stopped
        if last.get("StepStatus") == "Failed":
            return "Failed", ended
        if last.get("StepStatus") == "Succeeded" and len(steps) == len(list(self._path())):
            forced = [wish for wish in self.wishes if wish.startswith("ends-")]
            return (forced[0].partition("-")[2] if forced else "Succeeded"), ended
        return "Executing", self.fresh

    def job(self, step: str) -> str:
        """The name of a step's job."""
        return f"pipelines-{self.id}-{step}-x1y2z3"[:63]

    def definition_of(self, name: str) -> dict[str, Any]:
        """A step as the definition has it."""
        return next(one for one in self._path() if one["Name"] == name)

    def _path(self) -> Iterator[dict[str, Any]]:
        """The steps in order, of the branch that is taken."""
        for step in self.definition["Steps"]:
            if not self.selected or step["Name"] in self.selected:
                yield step
            if step["Type"] == "Condition":
                branch = "ElseSteps" if "gate-closed" in self.wishes else "IfSteps"
                for one in step["Arguments"].get(branch, []):
                    if not self.selected or one["Name"] in self.selected:
                        yield one

    def _shown(
        self, step: dict[str, Any], begin: datetime, now: datetime
    ) -> tuple[dict[str, Any], datetime]:
        name, kind = step["Name"], step["Type"]
        cached = f"caches-{name}" in self.wishes
        slow = kind == "Processing" and not cached
        end = begin + timedelta(seconds=PACE if slow else 0)
        shown: dict[str, Any] = {"StepName": name, "StartTime": begin, "AttemptCount": 1}
        if kind == "Processing":
            arn, job = self.arn.partition(":pipeline/")[0], self.job(name)
            if "lower-case" in self.wishes:
                job = job.lower()
            shown["Metadata"] = {"ProcessingJob": {"Arn": f"{arn}:processing-job/{job}"}}
        if kind == "Condition":
            outcome = "False" if "gate-closed" in self.wishes else "True"
            shown["Metadata"] = {"Condition": {"Outcome": outcome}}
        if cached:
            source = self.arn.rpartition("/")[0] + "/sourceexec00"
            shown["CacheHitResult"] = {"SourcePipelineExecutionArn": source}
        if self.stopped and self.stopped < end:
            over = now >= self.stopped + timedelta(seconds=PACE / 2)
            shown["StepStatus"] = "Stopped" if over else "Stopping"
            if over:
                shown["EndTime"] = self.stopped + timedelta(seconds=PACE / 2)
        elif now < end:
            shown["StepStatus"] = "Executing"
            if f"waits-{name}" in self.wishes:
                del shown["Metadata"]
                shown["AttemptCount"] = 2
                shown["FailureReason"] = (
                    "ResourceLimitExceeded: the account-level service limit is 0"
                )
            elif f"retries-{name}" in self.wishes:
                shown["AttemptCount"] = 2
        else:
            shown["EndTime"] = end
            shown["StepStatus"] = "Succeeded"
            if kind == "Fail":
                shown["StepStatus"] = "Failed"
                shown["Metadata"] = {"Fail": {"ErrorMessage": "The quality gate stopped this"}}
            elif f"fails-{name}" in self.wishes and not self.retried:
                shown["StepStatus"] = "Failed"
                shown["FailureReason"] = (
                    f"ClientError: AlgorithmError: {name} met a bad recording, exit code: 1"
                )
        return shown, end


_PLAYS: dict[str, Play] = {}


def install() -> None:
    """Teaches moto's SageMaker to take its time. Harmless when done twice."""
    fake_versions.install()
    if getattr(SageMakerResponse, "takes_its_time", False):
        return
    original = {
        name: getattr(SageMakerResponse, name)
        for name in ("start_pipeline_execution", "describe_pipeline_execution",
                     "list_pipeline_executions", "describe_processing_job")
    }  # fmt: skip

    def start_pipeline_execution(self: Any) -> ActionResult:
        token = self._get_param("ClientRequestToken")
        pipeline = fake_versions._pipeline(self)
        for arn in pipeline.pipeline_executions:
            if arn in _PLAYS and token in _PLAYS[arn].tokens:
                return ActionResult({"PipelineExecutionArn": arn})
        version = fake_versions._chosen(self)
        given = {one["Name"]: one["Value"] for one in self._get_param("PipelineParameters") or []}
        declared = {one["Name"] for one in json.loads(version.definition).get("Parameters", [])}
        if unknown := sorted(given.keys() - declared):
            raise AWSValidationException(message=f"Unknown parameters: {unknown}")
        result: ActionResult = original["start_pipeline_execution"](self)
        arn = result.result["PipelineExecutionArn"]
        selection = self._get_param("SelectiveExecutionConfig") or {}
        clock.looked()  # no two start at once
        now = clock.now()
        _PLAYS[arn] = Play(
            arn=arn,
            definition=json.loads(version.definition),
            parameters=given,
            wishes=(self._get_param("PipelineExecutionDisplayName") or "").split("--"),
            selected=[one["StepName"] for one in selection.get("SelectedSteps", [])],
            version=version.number,
            begun=now,
            fresh=now,
            tokens={token},
        )
        return result

    def describe_pipeline_execution(self: Any) -> ActionResult:
        play = _play(self)
        clock.looked()
        answer = dict(original["describe_pipeline_execution"](self).result)
        status, changed = play.status(clock.now())
        answer |= {"PipelineExecutionStatus": status, "LastModifiedTime": changed}
        answer |= {"CreationTime": play.begun, "PipelineVersionId": play.version}
        if status == "Failed":
            answer["FailureReason"] = "Step failure: One or multiple steps failed."
        return ActionResult(answer)

    def list_pipeline_executions(self: Any) -> ActionResult:
        fake_versions._pipeline(self)
        answer = original["list_pipeline_executions"](self).result
        now = clock.now()
        for one in answer["PipelineExecutionSummaries"]:
            play = _PLAYS[one["PipelineExecutionArn"]]
            one["PipelineExecutionStatus"] = play.status(now)[0]
            one["StartTime"] = play.begun
        answer["PipelineExecutionSummaries"].sort(key=lambda one: one["StartTime"], reverse=True)
        return ActionResult(answer)

    def list_pipeline_execution_steps(self: Any) -> ActionResult:
        play = _play(self)
        steps = play.steps(clock.now())
        if self._get_param("SortOrder") != "Ascending":
            steps.reverse()
        for step in steps:
            if step["StepStatus"] == "Failed" and step["StepName"] not in play.logged:
                play.logged.add(step["StepName"])
                _log(self, play, step)
        first = int(self._get_param("NextToken") or 0)
        last = first + 2  # small pages, so that somebody has to turn them
        answer: dict[str, Any] = {"PipelineExecutionSteps": steps[first:last]}
        if last < len(steps):
            answer["NextToken"] = str(last)
        return ActionResult(answer)

    def stop_pipeline_execution(self: Any) -> ActionResult:
        play = _play(self)
        token = self._get_param("ClientRequestToken")
        now = clock.now()
        if token not in play.tokens:
            if play.status(now)[0] in _ENDINGS:
                raise AWSValidationException(message="The execution is not in a stoppable state")
            play.tokens.add(token)
            play.stopped = now
        return ActionResult({"PipelineExecutionArn": play.arn})

    def retry_pipeline_execution(self: Any) -> ActionResult:
        play = _play(self)
        token = self._get_param("ClientRequestToken")
        now = clock.now()
        if token not in play.tokens:
            if play.status(now)[0] not in ("Failed", "Stopped"):
                raise AWSValidationException(message="The execution is not in a retryable state")
            play.tokens.add(token)
            play.done = [one for one in play.steps(now) if one["StepStatus"] == "Succeeded"]
            play.stopped, play.retried, play.fresh = None, True, now
        return ActionResult({"PipelineExecutionArn": play.arn})

    def describe_processing_job(self: Any) -> ActionResult:
        name = self._get_param("ProcessingJobName")
        for play in _PLAYS.values():
            for step in play.steps(clock.now()):
                job = step.get("Metadata", {}).get("ProcessingJob", {}).get("Arn", "")
                if job.rpartition("/")[2].lower() == name.lower():
                    return ActionResult(_job(play, step, play.job(step["StepName"]), job))
        return original["describe_processing_job"](self)  # type: ignore[no-any-return]

    for method in (start_pipeline_execution, describe_pipeline_execution, list_pipeline_executions,
                   list_pipeline_execution_steps, stop_pipeline_execution,
                   retry_pipeline_execution, describe_processing_job):  # fmt: skip
        setattr(SageMakerResponse, method.__name__, method)
    SageMakerResponse.takes_its_time = True  # type: ignore[attr-defined]


def _play(response: Any) -> Play:
    arn = response._get_param("PipelineExecutionArn")
    pipelines = response.sagemaker_backend.pipelines.values()
    if not any(arn in pipeline.pipeline_executions for pipeline in pipelines):
        raise ResourceNotFound(message=f"Pipeline execution with ARN {arn} does not exist.")
    return _PLAYS[arn]


def _instances(play: Play, name: str) -> int:
    step = play.definition_of(name)
    count = step["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"]
    if isinstance(count, dict):
        parameter = count["Get"].partition(".")[2]
        defaults = {one["Name"]: one["DefaultValue"] for one in play.definition["Parameters"]}
        count = play.parameters.get(parameter, defaults[parameter])
    return int(count)


def _job(play: Play, step: dict[str, Any], name: str, arn: str) -> dict[str, Any]:
    failed = step["StepStatus"] == "Failed"
    running = step["StepStatus"] == "Executing"
    # The job of the attempt before, while the next one's isn't there yet.
    retried = running and step["AttemptCount"] > 1
    written = play.definition_of(step["StepName"])["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    status = "Failed" if failed or retried else "InProgress" if running else "Completed"
    told: dict[str, Any] = {"ExitMessage": "recording a/1.csv has no lead ii"} if failed else {}
    told |= {"FailureReason": "InternalServerError: host lost"} if retried else {}
    if "EndTime" in step:
        # An instance is looked for and prepared first: half of a step's time isn't the job's own.
        begun, ended = step["StartTime"], step["EndTime"]
        told |= {"ProcessingStartTime": begun + (ended - begun) / 2, "ProcessingEndTime": ended}
    return told | {
        "ProcessingJobName": name,
        "ProcessingJobArn": arn,
        "ProcessingJobStatus": status,
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": one["OutputName"],
                    "S3Output": {
                        "S3Uri": f"s3://{BUCKET}/runs/{play.id}/{step['StepName']}/{one['OutputName']}",
                        "LocalPath": one["S3Output"]["LocalPath"],
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for one in written
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": _instances(play, step["StepName"]),
                "InstanceType": "ml.m5.xlarge",
                "VolumeSizeInGB": 30,
            }
        },
        "AppSpecification": {"ImageUri": "image"},
        "CreationTime": step["StartTime"],
    }


def _log(response: Any, play: Play, step: dict[str, Any]) -> None:
    if "ProcessingJob" not in step.get("Metadata", {}):
        return
    job = play.job(step["StepName"])
    backend = logs_backends[response.current_account][response.region]
    if GROUP not in backend.groups:
        backend.create_log_group(GROUP, {})
    for number in range(_instances(play, step["StepName"]), 0, -1):
        stream = f"{job}/algo-{number}-1700000000"
        backend.create_log_stream(GROUP, stream)
        now = int(datetime.now(UTC).timestamp() * 1000)
        lines = [f"algo-{number} line {line}" for line in range(1, 41)]
        events = [{"timestamp": now + at, "message": line} for at, line in enumerate(lines)]
        backend.put_log_events(GROUP, stream, events)
