"""A pipeline's deployment, prepared: built, validated, and compared with what is deployed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sagepipe.deploy import deployed, revision
from sagepipe.deploy.plan import Plan, Wanted, make
from sagepipe.deploy.survey import Survey
from sagepipe.errors import DeploymentError
from sagepipe.language import validate
from sagepipe.schedule import schedules
from sagepipe.schedule.schedules import Schedule

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from sagepipe.building.build import Built
    from sagepipe.project import Pipeline
    from sagepipe.settings.configuration import Deployment


@dataclass(frozen=True)
class Release:
    """One pipeline's plan, and what it takes to carry it out."""

    plan: Plan
    deployment: Deployment
    survey: Survey


def prepare(pipeline: Pipeline, deployment: Deployment) -> Release:
    """Build and plan; reads from AWS and writes nothing.

    Raises `SagepipeError`: what can't be built, would be refused, or doesn't fit what is there.
    """
    survey = Survey(deployment)
    # The SDK's import is seconds of computing, in which the network would sit idle.
    with ThreadPoolExecutor(max_workers=1) as background:
        looking = background.submit(survey.look)
        built = pipeline.built(deployment.settings, deployment.defaults)
        validate.check(built.document)
        found = looking.result()
    schedule = survey.declared(found)
    if schedule is not None:
        _check(schedule, deployment, built, survey.clients.sagemaker)
        there = found.state.schedule
        if schedules.changes(there, schedules.keep_state(schedule, there)):
            # One that has run its course is no reason not to deploy.
            schedules.check_times(schedule, datetime.now(UTC))
    state = survey.with_missing(found.state, built)
    wanted = _wanted(pipeline, deployment, built, schedule)
    notes = (*found.notes, *map(str, validate.warnings(built.document, pipeline.immutable)))
    return Release(make(wanted, state, notes), deployment, survey)


def _wanted(
    pipeline: Pipeline, deployment: Deployment, built: Built, schedule: Schedule | None
) -> Wanted:
    settings, state = deployment.settings, revision.find(Path(pipeline.code))
    return Wanted(
        name=settings.pipeline_name,
        definition=built.definition,
        role_arn=settings.role_arn,
        description=pipeline.description,
        max_parallel_steps=deployment.max_parallel_steps or pipeline.max_parallel_steps,
        tags=settings.tags,
        alias=deployment.alias,
        suffix=str(state or ""),
        made_from=state.describe() if state else "not from a git checkout",
        artifacts=built.artifacts,
        schedule=schedule,
    )


def _check(
    schedule: Schedule, deployment: Deployment, built: Built, sagemaker: SageMakerClient
) -> None:
    """The schedule's parameters against the definition that its runs will have."""
    which = schedule.version if schedule.version is not None else schedule.alias
    document = built.document
    if which is not None and which != deployment.alias:
        there = deployed.describe(sagemaker, deployment.settings.pipeline_name, which)
        if there is None:
            raise DeploymentError(
                f"the schedule runs version {which}, which doesn't exist; see "
                "sagepipe versions list"
            )
        document = json.loads(there["PipelineDefinition"])
    schedules.check_parameters(schedule, document)
