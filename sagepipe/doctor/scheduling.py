"""The schedule that the settings declare: its role, its queue, its times."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime

from sagepipe.aws import boto
from sagepipe.doctor.access import Need, missing, permissions
from sagepipe.doctor.account import role_findings
from sagepipe.doctor.case import Case
from sagepipe.doctor.findings import Finding, check
from sagepipe.errors import AwsError, ScheduleError
from sagepipe.language import foreseen, parameters
from sagepipe.schedule import declared, schedules
from sagepipe.schedule.schedules import Schedule

_NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


@check()
def schedule(case: Case) -> Iterator[Finding]:
    """Scheduler may assume its role and start the pipeline, and the schedule has a next run."""
    given = case.deployment
    if given is None or given.schedule is None:
        return
    name = given.settings.pipeline_name
    pipeline = case.account.pipeline_arn(case.region, name)
    role = given.scheduler_role_arn or ""
    try:
        wanted = declared.declared(
            given.schedule, pipeline_name=name, pipeline_arn=pipeline, role_arn=role
        )
        schedules.check_times(wanted, datetime.now(UTC))
    except ScheduleError as error:
        yield Finding(
            "stops", "the schedule", str(error), f"sagepipe schedule set EXPRESSION --name {name}"
        )
    else:
        yield from _of_its_parameters(case, wanted)
    found = list(role_findings(case, role, "scheduler", "--scheduler-role-arn"))
    yield from found
    if not any(one.severity == "stops" for one in found):
        start = Need("start-the-pipeline", ("sagemaker:StartPipelineExecution",), (pipeline,))
        yield from missing(case, role, start)


def _of_its_parameters(case: Case, wanted: Schedule) -> Iterator[Finding]:
    """What its runs may not do although others may: they read and write where it says.

    A version that it pins may ask for something else, and isn't looked at.
    """
    if not wanted.parameters or wanted.version is not None or wanted.alias is not None:
        return
    values = parameters.resolve(case.definition.parameters, dict(wanted.parameters))
    runs = dataclasses.replace(case, jobs=foreseen.jobs(case.definition, values))
    told = set(permissions(case))
    for finding in permissions(runs):
        if finding not in told:
            yield dataclasses.replace(finding, where=f"the schedule's runs, {finding.where}")


@check()
def dead_letter_queue(case: Case) -> Iterator[Finding]:
    """The queue for scheduled runs that couldn't be started is there."""
    arn = case.deployment.dead_letter_queue_arn if case.deployment else None
    if not arn:
        return
    _, _, _, region, account, name = arn.split(":", 5)
    where = f"queue {name}"
    if region != case.region:
        mend = f"aws sqs create-queue --queue-name {name} --region {case.region}"
        yield Finding("stops", where, f"is in {region}, the schedule in {case.region}", mend)
        return
    try:
        with boto.calls(f"look for {where}"):
            case.client("sqs").get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
    except AwsError as error:
        if error.code not in _NO_QUEUE:
            raise
        mend = f"aws sqs create-queue --queue-name {name} --region {region}"
        yield Finding("warns", where, "there is no such queue; failed starts would be lost", mend)
