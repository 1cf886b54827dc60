"""Where settings come from. The strongest source that has a setting gives all of it:

    1. the command line       --role-arn, --subnets a,b, --tag KEY=VALUE, --no-network-isolation
    2. the environment        PIPELINE_ROLE_ARN, PIPELINE_SUBNETS=a,b, PIPELINE_TAGS=KEY=VALUE,…
    3. pipeline.toml          see `file`
    4. the surroundings       Studio's role, region and bucket; the AWS profile's region
    5. the project            its pipeline's name

AWS_REGION and AWS_DEFAULT_REGION count as environment. A command reads them once, by `read`, and
passes on what it found.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagepipe.aws import boto, studio
from sagepipe.errors import SettingsError
from sagepipe.settings import file, options
from sagepipe.settings.facts import Settings
from sagepipe.settings.options import Option

_OPTIONS = {option.name: option for option in options.ALL}


@dataclass(frozen=True)
class Target:
    """The deployed pipeline that a command is about."""

    region: str
    pipeline_name: str


@dataclass(frozen=True)
class Deployment:
    """All that a deployment is told: the definition's settings, and what goes beside it.

    `defaults` replace those of the definition's parameters. `schedule` is the schedule's table, or
    None if there is none: then upsert leaves schedules alone. Raises `SettingsError`.
    """

    settings: Settings
    artifact_kms_key: str | None = None
    alias: str | None = None
    max_parallel_steps: int | None = None
    scheduler_role_arn: str | None = None
    dead_letter_queue_arn: str | None = None
    defaults: Mapping[str, str | int | float | bool] = dataclasses.field(default_factory=dict)
    schedule: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        alias = self.alias
        if alias is not None and (
            not re.fullmatch(r"[a-zA-Z0-9._\-]{1,128}", alias) or alias.isdigit()
        ):
            raise SettingsError(
                f"alias is {alias!r}; it must be 1 to 128 letters, digits, dots, hyphens and "
                "underscores, and not digits only",
                "alias",
            )
        if self.max_parallel_steps is not None and self.max_parallel_steps < 1:
            raise SettingsError(
                f"max_parallel_steps is {self.max_parallel_steps}; at least 1", "max_parallel_steps"
            )
        key = self.artifact_kms_key
        if key is not None and not re.fullmatch(r"(?=.{1,2048}\Z)[a-zA-Z0-9:/_\-]+", key):
            raise SettingsError(
                f"artifact_kms_key is {key!r}; it must be a KMS key id, ARN or alias",
                "artifact_kms_key",
            )


@dataclass(frozen=True)
class Sources:
    """What was found: each setting's value and where it comes from.

    `pipeline` is the project's name for the pipeline, None where there is no project.
    """

    values: Mapping[str, Any]
    origins: Mapping[str, str]
    file: file.SettingsFile
    pipeline: str | None = None
    surroundings: studio.Studio | None = None

    def get(self, name: str) -> Any:
        """A setting's value, or None."""
        return self.values.get(name)

    def origin(self, name: str) -> str:
        """Where a setting comes from, in words; "" if nothing gave it."""
        return self.origins.get(name, "")

    def require(self, *names: str) -> None:
        """Raises `SettingsError`, with a line for each setting that is missing."""
        lines = [self._missing(_OPTIONS[name]) for name in names if name not in self.values]
        if lines:
            raise SettingsError("\n".join(lines))

    def target(self) -> Target:
        """Which deployed pipeline. Raises `SettingsError`."""
        self.require("region", "pipeline_name")
        with self._naming_origins():
            # Settings knows the patterns; the other facts don't matter here.
            settings = dataclasses.replace(
                Settings.local("any"),
                region=self.values["region"],
                pipeline_name=self.values["pipeline_name"],
            )
        return Target(settings.region, settings.pipeline_name)

    def deployment(self) -> Deployment:
        """Everything, for a command that deploys. Raises `SettingsError` and `AwsError`."""
        found = _with_role(self)
        needed = ["region", "role_arn", "artifact_bucket", "pipeline_name"]
        if found.file.schedule is not None:
            needed.append("scheduler_role_arn")
        found.require(*needed)
        with found._naming_origins():
            own = {one.name for one in dataclasses.fields(Settings)}
            settings = {name: value for name, value in found.values.items() if name in own}
            settings.setdefault("artifact_prefix", settings["pipeline_name"])
            rest = {name: value for name, value in found.values.items() if name not in own}
            return Deployment(
                Settings(**settings),
                **rest,
                defaults=found.file.parameters,
                schedule=found.file.schedule,
            )

    @contextmanager
    def _naming_origins(self) -> Iterator[None]:
        """Adds to a complaint about a setting where the setting comes from."""
        try:
            yield
        except SettingsError as error:
            origin = self.origin(error.setting)
            text = f"{error} (it comes from {origin})" if origin else str(error)
            raise SettingsError(text, error.setting) from None

    def _missing(self, option: Option) -> str:
        return (
            f"{option.name} is missing ({option.help}): give {option.flag}, "
            f"set {option.variables[0]}, or write {option.name} into {self.file.path}"
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say which pipeline: for every command that is about a deployed one."""
    group = parser.add_argument_group("which pipeline")
    options.add(group, options.TARGET)
    group.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"settings that are not given here (default: {file.FILE} where there is one)",
    )
    group.add_argument(
        "--env",
        metavar="NAME",
        help="take the settings of [env.NAME] in that file, such as prod, before the others",
    )


def add_scheduling_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that a schedule takes, beside those of `add_arguments`."""
    options.add(parser.add_argument_group("scheduling settings"), options.SCHEDULING)


def add_deployment_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a deployment, beside those of `add_arguments`."""
    options.add(parser.add_argument_group("settings"), options.DEPLOYMENT)
    add_scheduling_arguments(parser)


def read(arguments: argparse.Namespace, pipeline: str | None = None) -> Sources:
    """All sources for the project's pipeline of that name, merged.

    Raises `SettingsError`, and `AwsError` if Studio has to be asked.
    """
    found = file.read(getattr(arguments, "config", None), pipeline, getattr(arguments, "env", None))
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for option in options.ALL:
        for origin, value in _candidates(option, arguments, found):
            values[option.name], origins[option.name] = value, origin
            break
    if pipeline is not None and "pipeline_name" not in values:
        values["pipeline_name"] = pipeline
    return _with_surroundings(Sources(values, origins, found, pipeline))


def _candidates(
    option: Option, arguments: argparse.Namespace, found: file.SettingsFile
) -> Iterator[tuple[str, Any]]:
    """The sources that have the setting, the strongest first, as (origin, value)."""
    given = getattr(arguments, option.name, None)
    if given is not None:
        yield option.flag, options.parsed(option, given, option.flag)
    for variable in option.variables:
        # An empty variable is how a shell or CI says that there is none.
        if text := os.environ.get(variable):
            yield variable, options.parsed(option, text, variable)
    if (written := found.find(option)) is not None:
        yield written


def _with_surroundings(found: Sources) -> Sources:
    """Fills in what Studio or the AWS profile tell, where no stronger source has it."""
    here = studio.find()
    values, origins = dict(found.values), dict(found.origins)

    def offer(name: str, value: str | None, origin: str) -> None:
        if value and name not in values:
            values[name], origins[name] = value, origin

    if here:
        offer("region", here.region, "Studio")
        offer("role_arn", here.role_arn, "Studio")
        if "region" in values:
            offer("artifact_bucket", here.bucket(values["region"]), "Studio")
    elif "region" not in values:
        offer("region", boto.profile_region(), "the AWS profile")
    return dataclasses.replace(found, values=values, origins=origins, surroundings=here)


def _with_role(found: Sources) -> Sources:
    """In Studio, a role that the metadata doesn't name is the one whose credentials are used."""
    if "role_arn" in found.values or not found.surroundings or "region" not in found.values:
        return found
    role = studio.assumed_role(found.values["region"])
    if role is None:
        return found
    return dataclasses.replace(
        found,
        values={**found.values, "role_arn": role},
        origins={**found.origins, "role_arn": "Studio"},
    )
