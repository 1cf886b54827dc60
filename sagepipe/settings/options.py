"""The settings, and their forms: an option, an environment variable, a key in a file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sagepipe.errors import SettingsError

Kind = Literal["text", "list", "flag", "pairs", "count"]


@dataclass(frozen=True)
class Option:
    """A setting that every source can give; `name` is its key in pipeline.toml."""

    name: str
    help: str
    kind: Kind = "text"

    @property
    def flag(self) -> str:
        """Its option on the command line."""
        return "--tag" if self.kind == "pairs" else "--" + self.name.replace("_", "-")

    @property
    def variables(self) -> tuple[str, ...]:
        """Its environment variables, the strongest first."""
        own = f"PIPELINE_{self.name.upper()}"
        return (own, "AWS_REGION", "AWS_DEFAULT_REGION") if self.name == "region" else (own,)


TARGET = (
    Option("region", "region of the pipeline, such as eu-west-1"),
    Option("pipeline_name", "name that the pipeline is deployed under (default: the project's)"),
)
ARTIFACTS = (
    Option("artifact_bucket", "bucket of the scripts, and what builders may default others to"),
    Option("artifact_prefix", "folder of the scripts in it (default: the pipeline's name)"),
)
ALIAS = Option("alias", "alias that follows the latest version, such as live")
DEPLOYMENT = (
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
    Option("network_isolation", "no network for jobs that need none", "flag"),
    Option("inter_container_encryption", "encrypt traffic between a job's instances", "flag"),
    Option("sklearn_image", "image of scikit-learn jobs (default: the builder's choice)"),
    Option("spark_image", "image of Spark jobs (default: the builder's choice)"),
)
SCHEDULING = (
    Option("scheduler_role_arn", "role that EventBridge Scheduler starts executions as"),
    Option("dead_letter_queue_arn", "SQS queue for scheduled runs that could not be started"),
)
ALL = (*TARGET, *DEPLOYMENT, *SCHEDULING)
KNOWN = tuple(option.name for option in ALL)


def add(group: Any, options: Iterable[Option]) -> None:
    """Adds the options to a parser or a group of one; without a default, so that others can."""
    for option in options:
        if option.kind == "flag":
            group.add_argument(
                option.flag,
                dest=option.name,
                action=argparse.BooleanOptionalAction,
                default=None,
                help=option.help,
            )
        elif option.kind == "pairs":
            group.add_argument(
                option.flag,
                dest=option.name,
                action="append",
                metavar="KEY=VALUE",
                help=f"{option.help}; may be repeated",
            )
        else:
            metavar = {"list": "A,B", "count": "N"}.get(
                option.kind, option.name.rpartition("_")[2].upper()
            )
            group.add_argument(option.flag, metavar=metavar, help=option.help)


def parsed(option: Option, given: Any, origin: str) -> Any:
    """A value of the command line or the environment, from text."""
    if option.kind == "flag" and isinstance(given, str):
        if given.lower() not in ("true", "false", "1", "0"):
            raise SettingsError(f"{origin} is {given!r}; it must be true or false", option.name)
        return given.lower() in ("true", "1")
    if option.kind == "list":
        return tuple(part.strip() for part in given.split(",") if part.strip())
    if option.kind == "count":
        if not re.fullmatch(r"\d{1,6}", given):
            raise SettingsError(f"{origin} is {given!r}; it must be a whole number", option.name)
        return int(given)
    if option.kind == "pairs":
        return tuple(_pair(text, origin) for text in _texts(given))
    return given


def _texts(given: str | list[str]) -> list[str]:
    return given.split(",") if isinstance(given, str) else given


def _pair(text: str, origin: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise SettingsError(f"{origin} has {text!r}; write KEY=VALUE")
    return key.strip(), value.strip()


def typed(option: Option, value: Any, path: str) -> Any:
    """A value of the file, checked for its type."""
    wanted = {
        "text": "a string",
        "list": 'an array of strings, such as ["a", "b"]',
        "flag": "true or false",
        "pairs": f'a table of strings: [{option.name}], then key = "value"',
        "count": "a whole number",
    }[option.kind]
    ok, made = False, value
    if option.kind == "text":
        ok = isinstance(value, str)
    elif option.kind == "flag":
        ok = isinstance(value, bool)
    elif option.kind == "count":
        ok = isinstance(value, int) and not isinstance(value, bool)
    elif option.kind == "list" and isinstance(value, list):
        ok, made = all(isinstance(one, str) for one in value), tuple(value)
    elif option.kind == "pairs" and isinstance(value, dict):
        ok, made = all(isinstance(one, str) for one in value.values()), tuple(value.items())
    if not ok:
        raise SettingsError(f"{path}: {option.name} is {value!r}; it must be {wanted}", option.name)
    return made
