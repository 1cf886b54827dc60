"""What is examined: the jobs that will be asked for, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sagepipe.aws import boto
from sagepipe.deploy import preflight
from sagepipe.deploy.preflight import Account
from sagepipe.language.definition import Definition
from sagepipe.language.foreseen import Channel, Foreseen
from sagepipe.settings.configuration import Deployment


@dataclass(frozen=True, eq=False)
class Case:
    """A start that is to come.

    Attributes:
        jobs: those of the steps that will run.
        definition: what they are read from.
        scripts: URIs that deploying fills, so that nothing needs to be there yet.
        deployment: the settings; None for what is deployed already.
        looks_like: whether a key is that of something that the pipeline reads.
    """

    region: str
    jobs: tuple[Foreseen, ...]
    definition: Definition
    scripts: frozenset[str] = frozenset()
    deployment: Deployment | None = None
    looks_like: Callable[[str], bool] | None = None
    _clients: dict[tuple[str, bool], Any] = field(default_factory=dict, repr=False)

    def client(self, service: str, *, owned: bool = True) -> Any:
        """A client of the service, made once."""
        key = service, owned
        if key not in self._clients:
            self._clients[key] = boto.client(service, self.region, owned=owned)
        return self._clients[key]

    @cached_property
    def account(self) -> Account:
        """Whose credentials are in use. Raises `AwsError`."""
        return preflight.account(self.region)

    @cached_property
    def job_roles(self) -> Mapping[str, tuple[Foreseen, ...]]:
        """The jobs of each role. A step without one runs with the pipeline's."""
        own = self.deployment.settings.role_arn if self.deployment else ""
        found: dict[str, list[Foreseen]] = {}
        for job in self.jobs:
            if role := job.get("RoleArn") or own:
                found.setdefault(str(role), []).append(job)
        return {role: tuple(jobs) for role, jobs in found.items()}

    @cached_property
    def data(self) -> tuple[Channel, ...]:
        """The inputs that come from outside: neither scripts nor results of the execution."""
        found: dict[str, Channel] = {}
        for channel in (one for job in self.jobs for one in job.inputs):
            if channel.whole and str(channel.where) not in self.scripts:
                found.setdefault(str(channel.where), channel)
        return tuple(found.values())

    @cached_property
    def outputs(self) -> tuple[Channel, ...]:
        """Where the jobs write, each prefix once."""
        found = {str(one.where): one for job in self.jobs for one in job.outputs}
        return tuple(found.values())

    def written_by(self, step: str) -> tuple[Channel, ...]:
        """The outputs of a step; none of one that runs no job."""
        return tuple(one for job in self.jobs if job.step == step for one in job.outputs)

    def parameter(self, step: str, *path: str) -> str | None:
        """The name of the pipeline parameter that a member of a step's request is, if it is one."""
        value: Any = self.definition.steps[step].arguments
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        get = value.get("Get") if isinstance(value, Mapping) else None
        own = isinstance(get, str) and get.startswith("Parameters.")
        return str(get).removeprefix("Parameters.") if own else None

    def members(self, *path: str) -> Iterator[tuple[Foreseen, Any]]:
        """A member of each job's request, where it has one."""
        for job in self.jobs:
            if (value := job.get(*path)) is not None:
                yield job, value
