"""Carries a plan out. The other thing that can be done with a plan is to print it: `preview`.

Both take a plan and return an exit code, so that whoever makes plans need not know which it is.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagepipe.aws import boto
from sagepipe.deploy import deployed
from sagepipe.deploy.deployed import Script
from sagepipe.deploy.plan import (
    NameVersion,
    Plan,
    Publish,
    PutSchedule,
    RemoveAlias,
    SetTags,
    State,
    Upload,
    Wanted,
    make,
)
from sagepipe.errors import AwsError, ChangedError
from sagepipe.schedule import scheduler

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import TagTypeDef
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

NOTHING_TO_DO = 0
CHANGES = 2

Executor = Callable[[Plan], int]


@dataclass(frozen=True)
class Clients:
    """The services that a deployment writes to."""

    sagemaker: SageMakerClient
    s3: S3Client
    scheduler: EventBridgeSchedulerClient


def preview(plan: Plan) -> int:
    """Does nothing; says by its exit code whether there is something to do."""
    return CHANGES if plan.actions else NOTHING_TO_DO


@dataclass(frozen=True)
class Apply:
    """Carries plans out, telling `tell` what it does.

    `read` tells what others may have changed since the plan was made: if they have, Apply
    raises `ChangedError` before it writes, or with `force` plans anew. The service has no
    compare-and-swap, so a change within the milliseconds between looking and writing is not seen.
    """

    clients: Clients
    read: Callable[[], State]
    tell: Callable[[str], None]
    force: bool = False
    kms_key: str | None = None

    def __call__(self, plan: Plan) -> int:
        """Returns 0. Raises `ChangedError`, `AwsError`; running it again finishes the job."""
        if not plan.actions:
            return NOTHING_TO_DO
        plan = self._current(plan, plan.state.missing)
        uploads = [action for action in plan.actions if isinstance(action, Upload)]
        for upload in uploads:
            self._upload(upload)
        if uploads:
            # That took a while. Scripts may lie there unused; a pipeline may not be undone.
            plan = self._current(plan, ())
        done = _Progress(plan)
        for action in plan.actions:
            match action:
                case Upload():
                    pass
                case SetTags():
                    self._set_tags(action, done)
                case Publish():
                    self._publish(action, done)
                case RemoveAlias():
                    self._remove_alias(action, done)
                case NameVersion():
                    self._name(action, done)
                case PutSchedule():
                    self._put_schedule(action, done)
        return NOTHING_TO_DO

    def _current(self, plan: Plan, missing: tuple[Script, ...]) -> Plan:
        """The plan, if it still holds for what is deployed."""
        state = dataclasses.replace(self.read(), missing=missing)
        if state.basis == plan.state.basis:
            return plan
        if not self.force:
            raise ChangedError(
                f"pipeline {plan.wanted.name} was changed by someone since the plan was made; "
                "look at the new plan with --dry-run, or go ahead over their change with --force"
            )
        self.tell("someone changed what is deployed since the plan was made; planning anew")
        return make(plan.wanted, state, plan.notes)

    def _upload(self, action: Upload) -> None:
        script = action.script
        self.tell(f"uploading {script.uri}")
        encryption: dict[str, Any] = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key} if self.kms_key else {}
        )
        try:
            with boto.calls(f"upload {script.uri}"):
                self.clients.s3.put_object(
                    Bucket=script.bucket,
                    Key=script.key,
                    Body=action.data,
                    # The service refuses bytes that got damaged, and never replaces an object.
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(script.sha256)).decode(),
                    IfNoneMatch="*",
                    **encryption,
                )
        except AwsError as error:
            # Somebody uploaded the same file at the same moment, or our own answer got lost.
            if error.code not in ("PreconditionFailed", "412") or not deployed.is_there(
                self.clients.s3, script
            ):
                raise

    def _set_tags(self, action: SetTags, done: _Progress) -> None:
        name, sagemaker = done.wanted.name, self.clients.sagemaker
        self.tell(f"tagging pipeline {name}")
        with boto.calls(f"tag pipeline {name}"):
            if action.remove:
                sagemaker.delete_tags(ResourceArn=done.arn, TagKeys=list(action.remove))
            if action.set:
                sagemaker.add_tags(ResourceArn=done.arn, Tags=_tags(action.set))

    def _publish(self, action: Publish, done: _Progress) -> None:
        wanted, sagemaker = action.wanted, self.clients.sagemaker
        request = _request(wanted)
        if action.create:
            self.tell(f"creating pipeline {wanted.name}")
            if wanted.tags:
                request["Tags"] = _tags(wanted.tags)
            with boto.calls(f"create pipeline {wanted.name}"):
                done.arn = sagemaker.create_pipeline(**request)["PipelineArn"]
        else:
            self.tell(f"updating pipeline {wanted.name}")
            with boto.calls(f"update pipeline {wanted.name}"):
                done.version = sagemaker.update_pipeline(**request).get("PipelineVersionId")

    def _remove_alias(self, action: RemoveAlias, done: _Progress) -> None:
        self.tell(f"taking alias {action.alias} from version {action.version}")
        with boto.calls(f"take alias {action.alias} from version {action.version}"):
            # The stubs don't know aliases yet.
            alias: dict[str, Any] = {"PipelineVersionAliasOperations": {"Remove": [action.alias]}}
            self.clients.sagemaker.update_pipeline_version(
                PipelineArn=done.arn, PipelineVersionId=action.version, **alias
            )

    def _name(self, action: NameVersion, done: _Progress) -> None:
        sagemaker = self.clients.sagemaker
        version = action.version or done.version or self._latest(done.wanted.name)
        alias: dict[str, Any] = (
            {"PipelineVersionAliasOperations": {"Add": [action.alias]}} if action.alias else {}
        )
        self.tell(
            f"naming version {version} {action.name}"
            + (f", alias {action.alias}" if action.alias else "")
        )
        with boto.calls(f"name version {version} of pipeline {done.wanted.name}"):
            sagemaker.update_pipeline_version(
                PipelineArn=done.arn,
                PipelineVersionId=version,
                PipelineVersionDisplayName=action.name,
                PipelineVersionDescription=action.description,
                **alias,
            )

    def _put_schedule(self, action: PutSchedule, done: _Progress) -> None:
        # A new pipeline's ARN is only known now.
        schedule = dataclasses.replace(action.schedule, pipeline_arn=done.arn)
        self.tell(f"{'updating' if action.deployed else 'creating'} schedule {schedule.name}")
        scheduler.write(self.clients.scheduler, schedule, action.deployed)

    def _latest(self, name: str) -> int:
        """CreatePipeline doesn't say which version it made."""
        with boto.calls(f"list the versions of pipeline {name}"):
            return next(deployed.versions(self.clients.sagemaker, name)).number


class _Progress:
    """What only becomes known while a plan is carried out."""

    def __init__(self, plan: Plan) -> None:
        self.wanted = plan.wanted
        self.arn = plan.state.pipeline.arn if plan.state.pipeline else ""
        self.version: int | None = None


def _request(wanted: Wanted) -> dict[str, Any]:
    request: dict[str, Any] = {
        "PipelineName": wanted.name,
        "PipelineDefinition": wanted.definition,
        "PipelineDescription": wanted.description,
        "RoleArn": wanted.role_arn,
    }
    if wanted.max_parallel_steps is not None:
        request["ParallelismConfiguration"] = {
            "MaxParallelExecutionSteps": wanted.max_parallel_steps
        }
    return request


def _tags(pairs: tuple[tuple[str, str], ...]) -> list[TagTypeDef]:
    return [{"Key": key, "Value": value} for key, value in pairs]
