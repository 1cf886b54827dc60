"""Looks at all that a deployment touches, and changes nothing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagepipe.aws import boto
from sagepipe.deploy import deployed, preflight
from sagepipe.deploy.apply import Clients
from sagepipe.deploy.deployed import Script
from sagepipe.deploy.plan import State
from sagepipe.deploy.preflight import Account
from sagepipe.schedule import declared, scheduler
from sagepipe.schedule.schedules import Schedule
from sagepipe.settings.configuration import Deployment

if TYPE_CHECKING:
    from sagepipe.building.build import Built


@dataclass(frozen=True)
class Found:
    """The account, what is deployed in it, and what there is to say about it."""

    account: Account
    state: State
    notes: tuple[str, ...]


class Survey:
    """What a deployment meets in AWS."""

    def __init__(self, deployment: Deployment) -> None:
        """Makes all clients, with their credentials: building puts others into the environment."""
        region = deployment.settings.region
        self._deployment = deployment
        self.clients = Clients(*(boto.client(name, region) for name in Clients.__annotations__))
        self._sts, self._iam = boto.client("sts", region), boto.client("iam", region)
        boto.find_credentials()

    def look(self) -> Found:
        """Checks what reading can check, then reads. Raises `SettingsError`, `AwsError`."""
        settings, notes = self._deployment.settings, []
        here = preflight.account(self._sts)
        notes.append(
            preflight.check_role(self._iam, here, settings.role_arn, "sagemaker", "--role-arn")
        )
        if self._deployment.schedule is not None:
            role, option = self._deployment.scheduler_role_arn or "", "--scheduler-role-arn"
            notes.append(preflight.check_role(self._iam, here, role, "scheduler", option))
        preflight.check_bucket(self.clients.s3, settings.artifact_bucket, settings.region)
        return Found(here, self.read(), tuple(note for note in notes if note))

    def with_missing(self, state: State, built: Built) -> State:
        """The state, and which of the scripts that the definition refers to aren't there yet."""
        scripts = tuple(Script(built.bucket, one.key, one.sha256) for one in built.artifacts)
        return dataclasses.replace(state, missing=deployed.missing(self.clients.s3, scripts))

    def read(self) -> State:
        """What others may change: pipeline and schedule. Raises `AwsError`, `DeploymentError`."""
        name, table = self._deployment.settings.pipeline_name, self._deployment.schedule
        schedule = None
        if table is not None:
            schedule = scheduler.read(self.clients.scheduler, str(table.get("name", name)))
        pipeline = deployed.read(self.clients.sagemaker, name, self._deployment.alias)
        return State(pipeline, schedule=schedule)

    def declared(self, found: Found) -> Schedule | None:
        """The schedule that the settings declare, if they do. Raises `ScheduleError`."""
        table, settings = self._deployment.schedule, self._deployment.settings
        if table is None:
            return None
        there = found.state.pipeline
        return declared.declared(
            table,
            pipeline_name=settings.pipeline_name,
            pipeline_arn=there.arn
            if there
            else found.account.pipeline_arn(settings.region, settings.pipeline_name),
            role_arn=self._deployment.scheduler_role_arn or "",
            dead_letter_queue=self._deployment.dead_letter_queue_arn,
        )
