"""A pipeline's trigger, as data: the EventBridge rule that starts it when objects are created.

S3 tells EventBridge's default bus of each object ("Object Created"), if the bucket is set to; a
rule picks the objects and has the pipeline as its target. What the target takes is less than what
Scheduler takes: no version, so the latest runs, and parameters whose values are constants or, as a
whole, a path into the event. The calls to the service are in events.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagepipe.errors import ScheduleError
from sagepipe.language import parameters as values
from sagepipe.language.definition import Definition
from sagepipe.schedule import starting
from sagepipe.schedule.starting import MAX_AGE_SECONDS, MAX_RETRIES

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import TargetTypeDef

MARKER = "_READY"
TARGET = "pipeline"  # the target's id within the rule

_URI = re.compile(r"s3://([a-z0-9][a-z0-9.\-]{1,61}[a-z0-9])(?:/(.*))?")
# Of JSONPath EventBridge knows this much.
_PATH = re.compile(r"\$(\.[\w\-]+(\[(\d+|\*)\])?)+")
# Other than Scheduler's, a rule's parameters have no underscore in their names.
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
_MAX_VALUE, _MAX_PARAMETERS, _MAX_PATTERN = 1024, 200, 4096

_KEYS: starting.Keys = {
    "uri": (str, "a string such as s3://bucket/raw"),
    "name": (str, "a string"),
    "marker": (str, f"a string such as {MARKER}"),
    "suffix": (str, "a string such as .csv"),
    "parameters": (Mapping, "a table, [trigger.parameters]"),
    "max_age_seconds": (int, "a whole number of seconds"),
    "max_retries": (int, "a whole number"),
    "description": (str, "a string"),
}


@dataclass(frozen=True)
class Trigger:
    """Which objects start a pipeline, with what; checked when it is made.

    Below `uri`, `s3://bucket/prefix`, an object called `marker` starts one execution, wherever it
    lies; with `suffix` in its place each object whose key ends so starts one. A parameter's value
    that begins with `$.` is a path into the event, such as `$.detail.object.key`. The rest is as
    in a `Schedule`.

    Raises `ScheduleError`, naming the field and what it should look like.
    """

    name: str
    uri: str
    pipeline_arn: str
    role_arn: str
    marker: str | None = MARKER
    suffix: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    dead_letter_queue: str | None = None
    max_age_seconds: int = MAX_AGE_SECONDS
    max_retries: int = MAX_RETRIES
    enabled: bool = True
    description: str = ""

    def __post_init__(self) -> None:
        starting.check("trigger", self)
        if not _URI.fullmatch(self.uri) or self.uri.endswith("/") or "//" in f"/{self.prefix}":
            raise ScheduleError(
                f"the trigger's uri is {self.uri!r}; it must be s3://bucket/prefix, without a "
                "slash at its end"
            )
        if (self.marker is None) == (self.suffix is None):
            raise ScheduleError("a trigger waits for a marker or for a suffix, one of the two")
        if self.marker is not None and (not self.marker or "/" in self.marker):
            raise ScheduleError(
                f"the trigger's marker is {self.marker!r}; it must be an object's name without a "
                f"slash, such as {MARKER}"
            )
        if self.suffix is not None and not self.prefix:
            raise ScheduleError(
                "a trigger with a suffix needs a prefix: what an execution writes into the bucket "
                "would start the next; write s3://bucket/prefix"
            )
        self._check_parameters()
        if len(json.dumps(self.pattern())) > _MAX_PATTERN:
            raise ScheduleError(f"the trigger's event pattern is longer than {_MAX_PATTERN}")

    @property
    def bucket(self) -> str:
        """The bucket whose objects count."""
        return self.uri.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """The folder in it, without a slash at either end; "" is the whole bucket."""
        return self.uri.removeprefix("s3://").partition("/")[2]

    @property
    def objects(self) -> str:
        """The objects that start it, in words."""
        if self.marker is not None:
            return f"each object called {self.marker} below {self.uri}/"
        return f"each object below {self.uri}/ whose key ends in {self.suffix!r}"

    def pattern(self) -> dict[str, Any]:
        """The rule's event pattern."""
        return _made(self.uri, self.marker, self.suffix)

    def rule(self) -> dict[str, Any]:
        """The request of PutRule."""
        return {
            "Name": self.name,
            "EventPattern": json.dumps(self.pattern(), sort_keys=True),
            "State": "ENABLED" if self.enabled else "DISABLED",
            "Description": self.description,
        }

    def target(self) -> TargetTypeDef:
        """The rule's one target, for PutTargets."""
        target: TargetTypeDef = {
            "Id": TARGET,
            "Arn": self.pipeline_arn,
            "RoleArn": self.role_arn,
            "SageMakerPipelineParameters": {
                "PipelineParameterList": [
                    {"Name": name, "Value": value} for name, value in self.parameters
                ]
            },
            "RetryPolicy": {
                "MaximumEventAgeInSeconds": self.max_age_seconds,
                "MaximumRetryAttempts": self.max_retries,
            },
        }
        if self.dead_letter_queue:
            target["DeadLetterConfig"] = {"Arn": self.dead_letter_queue}
        return target

    def _check_parameters(self) -> None:
        if len(self.parameters) > _MAX_PARAMETERS:
            raise ScheduleError(f"a trigger passes at most {_MAX_PARAMETERS} parameters")
        for name, value in self.parameters:
            if not _NAME.fullmatch(name):
                raise ScheduleError(
                    f"a trigger can't pass parameter {name!r}: EventBridge rules take names of "
                    "letters, digits and single hyphens only; rename it, or leave it to its default"
                )
            if "$." in value and not _PATH.fullmatch(value):
                raise ScheduleError(
                    f"parameter {name} is {value!r}: a path into the event is the whole value and "
                    "has names, [0] and [*] only, such as $.detail.object.key"
                )
            if not 1 <= len(value) <= _MAX_VALUE:
                raise ScheduleError(
                    f"parameter {name} has {len(value)} characters; 1 to {_MAX_VALUE} are taken"
                )


def declared(
    table: Mapping[str, Any],
    *,
    pipeline_name: str,
    pipeline_arn: str,
    role_arn: str,
    dead_letter_queue: str | None = None,
) -> Trigger:
    """The trigger that the table [trigger] of pipeline.toml declares.

    Its keys are `Trigger`'s fields; `uri` is the one that must be there, and `name` is the
    pipeline's own unless given. Raises `ScheduleError`.
    """
    starting.check_keys("trigger", table, _KEYS)
    if "uri" not in table:
        raise ScheduleError("the trigger has no uri, such as s3://bucket/raw")
    members = starting.name_and_parameters("trigger", table, pipeline_name)
    if "suffix" in members:
        members.setdefault("marker", None)
    members["uri"] = members["uri"].rstrip("/")
    return Trigger(
        pipeline_arn=pipeline_arn,
        role_arn=role_arn,
        dead_letter_queue=dead_letter_queue,
        **members,
    )


def parse(rule: Mapping[str, Any], targets: Sequence[Mapping[str, Any]]) -> Trigger:
    """What DescribeRule and ListTargetsByRule answer, as a `Trigger`.

    Raises `ScheduleError` if the rule isn't one that `Trigger` could have made.
    """
    name = rule["Name"]
    ours = [one for one in targets if one["Id"] == TARGET and ":pipeline/" in one["Arn"]]
    if len(targets) != 1 or not ours:
        arns = ", ".join(one["Arn"] for one in targets)
        raise ScheduleError(
            f"rule {name!r} starts {arns}, and was not made by sagepipe trigger; give another name "
            "with --name"
        )
    (target,) = ours
    given = target.get("SageMakerPipelineParameters", {}).get("PipelineParameterList", [])
    retry = target.get("RetryPolicy", {})
    return Trigger(
        **_objects(rule),
        name=name,
        pipeline_arn=target["Arn"],
        role_arn=target.get("RoleArn", ""),
        parameters=tuple((one["Name"], one["Value"]) for one in given),
        dead_letter_queue=target.get("DeadLetterConfig", {}).get("Arn"),
        max_age_seconds=retry.get("MaximumEventAgeInSeconds", MAX_AGE_SECONDS),
        max_retries=retry.get("MaximumRetryAttempts", MAX_RETRIES),
        enabled=rule.get("State", "ENABLED") == "ENABLED",
        description=rule.get("Description") or "",
    )


def check_pattern(rule: Mapping[str, Any]) -> None:
    """That a rule waits for what a trigger could wait for. Raises `ScheduleError`."""
    _objects(rule)


def check_parameters(trigger: Trigger, definition: Mapping[str, Any]) -> None:
    """That executions of this definition can start with the trigger's parameters.

    What a path will find in an event isn't known before, so of those only the name is checked.

    Raises `ParameterError` for a parameter that the definition doesn't have, of the wrong type or
    without a value.
    """
    known = Definition.read(definition).parameters
    given = dict(trigger.parameters)
    paths = {name for name, value in given.items() if value.startswith("$.") and name in known}
    values.resolve(
        {name: one for name, one in known.items() if name not in paths},
        {name: value for name, value in given.items() if name not in paths},
    )


def _objects(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the trigger that a rule's event pattern was made from.

    Raises `ScheduleError` if it is none of ours.
    """
    pattern = json.loads(rule.get("EventPattern") or "{}")
    try:
        found = _unmade(pattern)
        ours = _made(**found) == pattern
    except (KeyError, ValueError, TypeError, AttributeError):
        ours = False
    if not ours:
        raise ScheduleError(
            f"rule {rule['Name']!r} waits for other events than a trigger's: "
            f"{json.dumps(pattern, sort_keys=True)}; give another name with --name"
        )
    return found


def _made(uri: str, marker: str | None, suffix: str | None) -> dict[str, Any]:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    folder = f"{prefix}/" if prefix else ""
    keys: list[Any]
    if marker is not None:
        # The name as a whole: a mere suffix would take NOT_READY for _READY.
        keys = [{"wildcard": f"{_literal(folder)}*/{_literal(marker)}"}, folder + marker]
    else:
        keys = [{"wildcard": f"{_literal(folder)}*{_literal(suffix or '')}"}]
    return {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": keys}},
    }


def _unmade(pattern: Mapping[str, Any]) -> dict[str, Any]:
    """What `_made` made the pattern from, if it did."""
    (bucket,) = pattern["detail"]["bucket"]["name"]
    first, *more = pattern["detail"]["object"]["key"]
    if more:
        folder, _, marker = more[0].rpartition("/")
        return {"uri": f"s3://{bucket}/{folder}".rstrip("/"), "marker": marker, "suffix": None}
    folder, _, suffix = re.sub(r"\\(.)", r"\1", first["wildcard"]).partition("/*")
    return {"uri": f"s3://{bucket}/{folder}", "marker": None, "suffix": suffix}


def _literal(text: str) -> str:
    """The text as a part of a wildcard pattern, where only `*` and `\\` mean more."""
    return re.sub(r"([*\\])", r"\\\1", text)
