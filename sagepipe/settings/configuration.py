"""Where settings come from. The strongest source that has a setting gives all of it:

    1. the command line       --role-arn, --subnets a,b, --tag KEY=VALUE, --no-network-isolation
    2. the environment        PIPELINE_ROLE_ARN, PIPELINE_SUBNETS=a,b, PIPELINE_TAGS=KEY=VALUE,…
    3. pipeline.toml          role_arn = "…", subnets = ["a", "b"], a table [tags]
    4. the surroundings       Studio's role, region and bucket; the AWS profile's region

AWS_REGION and AWS_DEFAULT_REGION count as environment. `pipeline.toml` is looked for in the
current folder; --config or PIPELINE_CONFIG name another file.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipelines.ecg_pca import PARALLELISM
from sagepipe.aws import boto, studio
from sagepipe.errors import SettingsError
from sagepipe.settings import options
from sagepipe.settings.facts import Settings
from sagepipe.settings.options import Option

FILE = "pipeline.toml"

_TARGET = (
    Option("region", "region of the pipeline, such as eu-west-1"),
    Option("pipeline_name", "name of the pipeline (default: ecg-pca)"),
)
ARTIFACTS = (
    Option("artifact_bucket", "bucket of the scripts, and default of both data buckets"),
    Option("artifact_prefix", "folder of the scripts in it (default: ecg-pca)"),
)
ALIAS = Option("alias", "alias that follows the latest version, such as live")
_DEPLOYMENT = (
    Option("role_arn", "role that the pipeline and its jobs run as"),
    *ARTIFACTS,
    Option("artifact_kms_key", "key that encrypts the scripts (default: the bucket's own)"),
    ALIAS,
    Option("max_parallel_steps", "steps that may run at the same time", "count"),
    Option("tags", "tags of the pipeline and its jobs", "pairs"),
    Option("subnets", "subnets of the jobs, for a VPC", "list"),
    Option("security_group_ids", "security groups of the jobs, for a VPC", "list"),
    Option("volume_kms_key", "key that encrypts the jobs' volumes"),
    Option("output_kms_key", "key that encrypts the jobs' outputs"),
    Option("network_isolation", "no network for Preprocess and Pca", "flag"),
    Option("inter_container_encryption", "encrypt traffic between a job's instances", "flag"),
    Option("sklearn_image", "image of Preprocess and Pca (default: the managed one)"),
    Option("spark_image", "image of SparkTransform (default: the managed one)"),
)
_SCHEDULING = (
    Option("scheduler_role_arn", "role that EventBridge Scheduler starts executions as"),
    Option("dead_letter_queue_arn", "SQS queue for scheduled runs that could not be started"),
)
OPTIONS = {option.name: option for option in (*_TARGET, *_DEPLOYMENT, *_SCHEDULING)}

# A table in pipeline.toml only: what runs by itself belongs into a file that is reviewed.
SCHEDULE = "schedule"


@dataclass(frozen=True)
class Target:
    """The pipeline that a command is about."""

    region: str
    pipeline_name: str


@dataclass(frozen=True)
class Deployment:
    """All that a deployment is told: the definition's settings, and what goes beside it.

    `schedule` is the table [schedule] of pipeline.toml, or None if it has none: then upsert
    leaves schedules alone. Raises `SettingsError`.
    """

    settings: Settings
    artifact_kms_key: str | None = None
    alias: str | None = None
    max_parallel_steps: int = PARALLELISM["MaxParallelExecutionSteps"]
    scheduler_role_arn: str | None = None
    dead_letter_queue_arn: str | None = None
    schedule: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        alias = self.alias
        if alias is not None and (
            not re.fullmatch(r"[a-zA-Z0-9._\-]{1,128}", alias) or alias.isdigit()
        ):
            raise SettingsError(
                f"alias is {alias!r}; it must be 1 to 128 letters, digits, dots, hyphens and "
                "underscores, and not digits only"
            )
        if self.max_parallel_steps < 1:
            raise SettingsError(f"max_parallel_steps is {self.max_parallel_steps}; at least 1")
        key = self.artifact_kms_key
        if key is not None and not re.fullmatch(r"(?=.{1,2048}\Z)[a-zA-Z0-9:/_\-]+", key):
            raise SettingsError(
                f"artifact_kms_key is {key!r}; it must be a KMS key id, ARN or alias"
            )


@dataclass(frozen=True)
class Sources:
    """What was found: each setting's value and where it comes from."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]
    schedule: Mapping[str, Any] | None
    file: str = FILE
    surroundings: studio.Studio | None = field(default=None)

    def get(self, name: str) -> Any:
        """A setting's value, or None."""
        return self.values.get(name)

    def origin(self, name: str) -> str:
        """Where a setting comes from, in words; "" if nothing gave it."""
        return self.origins.get(name, "")

    def require(self, *names: str) -> None:
        """Raises `SettingsError`, with a line for each setting that is missing."""
        lines = [self._missing(OPTIONS[name]) for name in names if name not in self.values]
        if lines:
            raise SettingsError("\n".join(lines))

    def _missing(self, option: Option) -> str:
        return (
            f"{option.name} is missing ({option.help}): give {option.flag}, "
            f"set {option.variables[0]}, or write {option.name} into {self.file}"
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say which pipeline: for every command."""
    group = parser.add_argument_group("which pipeline")
    options.add(group, _TARGET)
    group.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"settings that are not given here (default: {FILE} where there is one)",
    )


def add_scheduling_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that a schedule takes, beside those of `add_arguments`."""
    options.add(parser.add_argument_group("scheduling settings"), _SCHEDULING)


def add_deployment_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a deployment, beside those of `add_arguments`."""
    options.add(parser.add_argument_group("settings"), _DEPLOYMENT)
    add_scheduling_arguments(parser)


def read(arguments: argparse.Namespace) -> Sources:
    """All sources, merged. Raises `SettingsError`, and `AwsError` if Studio has to be asked."""
    path, table = _file(arguments)
    schedule = table.pop(SCHEDULE, None)
    if schedule is not None and not isinstance(schedule, dict):
        raise SettingsError(f"{path}: schedule must be a table, [schedule]")
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for option in OPTIONS.values():
        for origin, value in _candidates(option, arguments, path, table):
            values[option.name], origins[option.name] = value, origin
            break
    found = Sources(values, origins, MappingProxyType(schedule) if schedule else None, path)
    return _with_surroundings(found)


def target(arguments: argparse.Namespace) -> Target:
    """Which pipeline. Raises `SettingsError`."""
    sources = read(arguments)
    sources.require("region")
    with _naming_origins(sources):
        return _target(sources)


def deployment(arguments: argparse.Namespace) -> Deployment:
    """Everything, for a command that deploys. Raises `SettingsError` and `AwsError`."""
    sources = _with_role(read(arguments))
    needed = ["region", "role_arn", "artifact_bucket"]
    if sources.schedule is not None:
        needed.append("scheduler_role_arn")
    sources.require(*needed)
    with _naming_origins(sources):
        return _deployment(sources)


def _target(sources: Sources) -> Target:
    # Settings knows the patterns; the other facts don't matter here.
    known = {name: sources.values[name] for name in Target.__annotations__ if sources.get(name)}
    settings = dataclasses.replace(Settings.local(), **known)
    return Target(settings.region, settings.pipeline_name)


def _deployment(sources: Sources) -> Deployment:
    own = {one.name for one in dataclasses.fields(Settings)}
    settings = {name: value for name, value in sources.values.items() if name in own}
    rest = {name: value for name, value in sources.values.items() if name not in own}
    return Deployment(Settings(**settings), **rest, schedule=sources.schedule)


@contextmanager
def _naming_origins(sources: Sources) -> Iterator[None]:
    """Adds to a complaint about a setting where the setting comes from."""
    try:
        yield
    except SettingsError as error:
        name = str(error).split(maxsplit=1)[0].rstrip(":")
        origin = sources.origin(name)
        raise SettingsError(f"{error} (it comes from {origin})" if origin else str(error)) from None


def _candidates(
    option: Option, arguments: argparse.Namespace, path: str, table: Mapping[str, Any]
) -> Iterable[tuple[str, Any]]:
    """The sources that have the setting, the strongest first, as (origin, value)."""
    given = getattr(arguments, option.name, None)
    if given is not None:
        yield option.flag, options.parsed(option, given, option.flag)
    for variable in option.variables:
        # An empty variable is how a shell or CI says that there is none.
        if text := os.environ.get(variable):
            yield variable, options.parsed(option, text, variable)
    if option.name in table:
        yield path, options.typed(option, table[option.name], path)


def _file(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The file's name, as messages show it, and its content; empty if there is no such file."""
    named = getattr(arguments, "config", None) or os.environ.get("PIPELINE_CONFIG")
    path = Path(named or FILE)
    if not named and not path.is_file():
        return FILE, {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}; check --config") from error
    except ValueError as error:
        raise SettingsError(f"{path} isn't TOML: {error}") from error
    for key in table:
        if key not in OPTIONS and key != SCHEDULE:
            close = difflib.get_close_matches(key, [*OPTIONS, SCHEDULE], n=1)
            hint = f"do you mean {close[0]}?" if close else f"there are {', '.join(OPTIONS)}"
            raise SettingsError(f"{path}: no setting is called {key}; {hint}")
    return str(path), table


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
