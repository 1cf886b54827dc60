"""Looks at all that a deployment touches, and changes nothing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagepipe.aws import boto
from sagepipe.deploy import deployed, preflight
from sagepipe.deploy.apply import Clients
from sagepipe.deploy.deployed import Script
from sagepipe.deploy.plan import State
from sagepipe.deploy.preflight import Account
from sagepipe.schedule import declared, events, rules, scheduler
from sagepipe.schedule.rules import Trigger
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
        """Makes all clients, with their credentials: building puts others into the environment.

        Raises `AwsError` for credentials that are missing, wrong or expired.
        """
        region = deployment.settings.region
        self._deployment = deployment
        self.clients = Clients(*(boto.client(name, region) for name in Clients.__annotations__))
        self._iam = boto.client("iam", region)
        boto.find_credentials()
        self._account = preflight.account(region)

    def look(self) -> Found:
        """Checks what reading can check, then reads. Raises `SettingsError`, `AwsError`."""
        settings, notes = self._deployment.settings, []
        here = self._account
        notes.append(
            preflight.check_role(self._iam, here, settings.role_arn, "sagemaker", "--role-arn")
        )
        role, option = self._deployment.scheduler_role_arn or "", "--scheduler-role-arn"
        for service, table in (
            ("scheduler", self._deployment.schedule),
            ("events", self._deployment.trigger),
        ):
            if table is not None:
                notes.append(preflight.check_role(self._iam, here, role, service, option))
        preflight.check_bucket(self.clients.s3, settings.artifact_bucket, settings.region)
        return Found(here, self.read(), tuple(dict.fromkeys(filter(None, notes))))

    def with_missing(self, state: State, built: Built) -> State:
        """The state, and which of the scripts that the definition refers to aren't there yet."""
        scripts = tuple(Script(built.bucket, one.key, one.sha256) for one in built.artifacts)
        return dataclasses.replace(state, missing=deployed.missing(self.clients.s3, scripts))

    def read(self) -> State:
        """What others may change: pipeline, schedule, trigger.

        Raises `AwsError`, `DeploymentError`.
        """
        name = self._deployment.settings.pipeline_name
        schedule = trigger = None
        if (table := self._deployment.schedule) is not None:
            schedule = scheduler.read(self.clients.scheduler, str(table.get("name", name)))
        if (table := self._deployment.trigger) is not None:
            trigger = events.read(self.clients.events, str(table.get("name", name)))
        pipeline = deployed.read(self.clients.sagemaker, name, self._deployment.alias)
        return State(pipeline, schedule=schedule, trigger=trigger)

    def schedule(self, found: Found) -> Schedule | None:
        """The schedule that the settings declare, if they do. Raises `ScheduleError`."""
        table = self._deployment.schedule
        return None if table is None else declared.declared(table, **self._facts(found))

    def trigger(self, found: Found) -> Trigger | None:
        """The trigger that the settings declare, if they do. Raises `ScheduleError`."""
        table = self._deployment.trigger
        return None if table is None else rules.declared(table, **self._facts(found))

    def _facts(self, found: Found) -> dict[str, Any]:
        """What a schedule or trigger has from the deployment that it belongs to."""
        settings, there = self._deployment.settings, found.state.pipeline
        name = settings.pipeline_name
        return {
            "pipeline_name": name,
            "pipeline_arn": there.arn
            if there
            else found.account.pipeline_arn(settings.region, name),
            "role_arn": self._deployment.scheduler_role_arn or "",
            "dead_letter_queue": self._deployment.dead_letter_queue_arn,
        }
