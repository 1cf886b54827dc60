"""A pipeline's deployment, prepared: built, validated, and compared with what is deployed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagepipe.deploy import deployed, revision
from sagepipe.deploy.plan import Plan, Wanted, make
from sagepipe.deploy.survey import Survey
from sagepipe.errors import DeploymentError
from sagepipe.language import validate
from sagepipe.language.definition import Definition
from sagepipe.schedule import events, rules, schedules, starting
from sagepipe.schedule.rules import Trigger
from sagepipe.schedule.schedules import Schedule

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from sagepipe.building.build import Built
    from sagepipe.project import Pipeline
    from sagepipe.settings.configuration import Deployment


@dataclass(frozen=True)
class Release:
    """One pipeline's plan, and what it takes to carry it out."""

    pipeline: Pipeline
    built: Built
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
        unasked = list(pipeline.checked(Definition.read(built.document), {}))
        found = looking.result()
    notes = list(found.notes)
    schedule, trigger = survey.schedule(found), survey.trigger(found)
    if schedule is not None:
        document = _document(schedule, deployment, built, survey.clients.sagemaker)
        unasked += pipeline.checked(Definition.read(document), dict(schedule.parameters))
        there = found.state.schedule
        if starting.changes(there, starting.keep_state(schedule, there)):
            # One that has run its course is no reason not to deploy.
            schedules.check_times(schedule, datetime.now(UTC))
    if trigger is not None:
        # A rule runs the latest version, which will be this one.
        rules.check_parameters(trigger, built.document)
        if (note := events.check_bucket(survey.clients.s3, trigger)) is not None:
            notes.append(note)
    state = survey.with_missing(found.state, built)
    wanted = _wanted(pipeline, deployment, built, schedule, trigger)
    notes += map(str, validate.warnings(built.document, pipeline.immutable))
    notes += dict.fromkeys(unasked)
    return Release(pipeline, built, make(wanted, state, tuple(notes)), deployment, survey)


def _wanted(
    pipeline: Pipeline,
    deployment: Deployment,
    built: Built,
    schedule: Schedule | None,
    trigger: Trigger | None,
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
        trigger=trigger,
    )


def _document(
    schedule: Schedule, deployment: Deployment, built: Built, sagemaker: SageMakerClient
) -> dict[str, Any]:
    """The definition that the schedule's runs will have."""
    which = schedule.version if schedule.version is not None else schedule.alias
    if which is not None and which != deployment.alias:
        there = deployed.describe(sagemaker, deployment.settings.pipeline_name, which)
        if there is None:
            raise DeploymentError(
                f"the schedule runs version {which}, which doesn't exist; see "
                "sagepipe versions list"
            )
        document: dict[str, Any] = json.loads(there["PipelineDefinition"])
        return document
    return built.document
