"""Going back: an earlier version's definition, published again as a new version.

The service can't make an old version the latest; and a new one keeps the history true. The
pipeline's role, tags and parallelism stay as they are: they don't belong to a version.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sagepipe.deploy import deployed
from sagepipe.deploy import plan as planning
from sagepipe.deploy.apply import Clients
from sagepipe.deploy.plan import Plan, State, Wanted
from sagepipe.errors import DeploymentError, ParameterError, ScheduleError
from sagepipe.schedule import scheduler, schedules


@dataclass(frozen=True)
class Service:
    """The pipeline that is rolled back, and the alias and the schedule that follow it, if any."""

    clients: Clients
    name: str
    alias: str | None
    schedule: str

    def read(self) -> State:
        """What is deployed now. Raises `AwsError`."""
        return State(deployed.read(self.clients.sagemaker, self.name, self.alias))


def plan(service: Service, version: int | str, *, force: bool) -> Plan:
    """The plan that publishes `version`, a number or an alias, again.

    Raises `DeploymentError` if there is no such version, or if one of its scripts is gone or has
    another content; without `force`, also if a schedule passes a parameter that it doesn't have.
    """
    state = service.read()
    there = state.pipeline
    answer = deployed.describe(service.clients.sagemaker, service.name, version)
    if there is None or answer is None:
        raise DeploymentError(
            f"pipeline {service.name} has no version {version}; see sagepipe versions list"
        )
    definition = answer["PipelineDefinition"]
    missing = deployed.missing(service.clients.s3, deployed.scripts(definition))
    if missing:
        names = ", ".join(script.uri for script in missing)
        raise DeploymentError(
            f"version {version} can't run: {names} is gone; restore it from the bucket's versions, "
            "or check out that version's commit and upsert"
        )
    if not force:
        _check_schedule(service, definition, version)
    wanted = Wanted(
        name=service.name,
        definition=definition,
        role_arn=there.role_arn,
        description=there.description,
        max_parallel_steps=there.max_parallel_steps,
        tags=there.tags,
        alias=service.alias,
        suffix=f"again-{version}" if isinstance(version, int) else "again",
        made_from=f"version {version} again, rolled back from {there.latest.number}",
    )
    return planning.make(wanted, state)


def _check_schedule(service: Service, definition: str, version: int | str) -> None:
    """A schedule that follows the latest version, or the alias, will run this one."""
    schedule = scheduler.read(service.clients.scheduler, service.schedule)
    if schedule is None or schedule.version is not None:
        return
    if schedule.alias not in (None, service.alias):
        return
    try:
        schedules.check_parameters(schedule, json.loads(definition))
    except ParameterError as error:
        raise DeploymentError(
            f"schedule {schedule.name} can't start version {version}: {error}; change the schedule "
            "first, or use --force"
        ) from error
    except ScheduleError:
        pass  # it has run out, and harms nobody
