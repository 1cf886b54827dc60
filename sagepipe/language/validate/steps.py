"""Rules about any step: members, name, dependencies, caching, retries, property files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sagepipe.errors import Problem
from sagepipe.language.validate.rules import rule
from sagepipe.language.validate.view import BRANCHES, View, items

_COMMON = ("Name", "Type", "Arguments", "DisplayName", "Description", "DependsOn")
# Other types of step are let through: their members aren't ours to know.
_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "Processing": (*_COMMON, "CacheConfig", "RetryPolicies", "PropertyFiles"),
    "Condition": _COMMON,
    "Fail": _COMMON,
}
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_TEXTS = {"DisplayName": 256, "Description": 3072}
_DURATION = re.compile(
    r"P?(?=[\dT])(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?", re.IGNORECASE
)
_EXCEPTIONS = (
    "Step.SERVICE_FAULT",
    "Step.THROTTLING",
    "SageMaker.JOB_INTERNAL_ERROR",
    "SageMaker.CAPACITY_ERROR",
    "SageMaker.RESOURCE_LIMIT",
)
_RETRY_RANGES: Mapping[str, tuple[float, float]] = {
    "IntervalSeconds": (0, 43_200),
    "BackoffRate": (0, float("inf")),
    "MaxAttempts": (0, 20),
    "ExpireAfterMin": (0, 14_400),
}


@rule
def step_forms(view: View) -> Iterator[Problem]:
    """Each step is an object with a name, a type and arguments."""
    yield from _forms(view.definition.get("Steps"), "", "Steps")
    for step in view.of_type("Condition"):
        for branch in BRANCHES:
            yield from _forms(step.arguments.get(branch), step.name, f"Arguments.{branch}")


def _forms(value: object, owner: str, field: str) -> Iterator[Problem]:
    for index, body in enumerate(value if isinstance(value, list) else []):
        where = f"{field}[{index}]"
        if not isinstance(body, Mapping):
            yield Problem(owner, where, "is no object; a step has Name, Type and Arguments")
            continue
        for member, kind in (("Name", str), ("Type", str), ("Arguments", Mapping)):
            if not isinstance(body.get(member), kind):
                name = body.get("Name")
                known = isinstance(name, str)
                word = "an object" if kind is Mapping else "a string"
                yield Problem(
                    str(name) if known else owner,
                    member if known else f"{where}.{member}",
                    f"is missing or of the wrong type; make it {word}",
                )


@rule
def step_members(view: View) -> Iterator[Problem]:
    """A processing, condition or fail step has no members but its own."""
    for step in view.steps:
        known = _MEMBERS.get(step.type)
        for member in step.body if known else ():
            if member not in (known or ()):
                yield Problem(
                    step.name,
                    str(member),
                    f"no such member; a {step.type} step has {', '.join(known or ())}",
                )


@rule
def step_names(view: View) -> Iterator[Problem]:
    """A step's name fits the pattern and is used once."""
    homes: dict[str, str] = {}
    for step in view.steps:
        if not _NAME.fullmatch(step.name):
            yield Problem(
                step.name, "Name", "use 1 to 64 letters, digits, hyphens and underscores, no others"
            )
        if homes.get(step.name) == step.home:
            yield Problem(step.name, "Name", "two steps have this name; rename one")
        homes.setdefault(step.name, step.home)


@rule
def step_places(view: View) -> Iterator[Problem]:
    """A step stands in one branch, or at the top, and nowhere else."""
    homes: dict[str, str] = {}
    for step in view.steps:
        home = homes.setdefault(step.name, step.home)
        if home != step.home:
            yield Problem(
                step.name,
                "Name",
                f"stands in {home or 'the pipeline'} and in {step.home or 'the pipeline'}; "
                "leave it in one, or make two steps with two names",
            )


@rule
def step_texts(view: View) -> Iterator[Problem]:
    """DisplayName and Description are strings of limited length."""
    for step in view.steps:
        for member, limit in _TEXTS.items():
            text = step.body.get(member, "")
            if not isinstance(text, str) or len(text) > limit:
                yield Problem(step.name, member, f"make it a string of at most {limit} characters")


@rule
def depends_on_forms(view: View) -> Iterator[Problem]:
    """DependsOn is an array of names, or of objects with Step and Trigger."""
    for step in view.steps:
        entries = step.body.get("DependsOn", [])
        if not isinstance(entries, list):
            yield Problem(step.name, "DependsOn", "is no array; make it an array of step names")
            continue
        for index, entry in enumerate(entries):
            name = entry.get("Step") if isinstance(entry, Mapping) else entry
            if not isinstance(name, str):
                yield Problem(step.name, f"DependsOn[{index}]", "is no step's name; make it one")


@rule
def array_members(view: View) -> Iterator[Problem]:
    """RetryPolicies and PropertyFiles are arrays of objects."""
    for step in view.steps:
        for member in ("RetryPolicies", "PropertyFiles"):
            value = step.body.get(member, [])
            if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
                yield Problem(step.name, member, "is no array of objects; make it one")


@rule
def cache_configs(view: View) -> Iterator[Problem]:
    """CacheConfig has Enabled, a boolean, and if it is true ExpireAfter, an ISO 8601 duration."""
    for step in view.steps:
        config = step.body.get("CacheConfig", {"Enabled": False})
        if not isinstance(config, Mapping) or not isinstance(config.get("Enabled"), bool):
            yield Problem(
                step.name, "CacheConfig.Enabled", "is missing or no boolean; make it true or false"
            )
            continue
        for member in config:
            if member not in ("Enabled", "ExpireAfter"):
                yield Problem(
                    step.name, f"CacheConfig.{member}", "no such member; use Enabled, ExpireAfter"
                )
        expire = config.get("ExpireAfter")
        good = isinstance(expire, str) and _DURATION.fullmatch(expire)
        if not good and (config["Enabled"] or expire is not None):
            yield Problem(
                step.name,
                "CacheConfig.ExpireAfter",
                f"is {expire!r}; make it an ISO 8601 duration such as P30D, PT12H or P4DT12H",
            )


@rule
def retry_exceptions(view: View) -> Iterator[Problem]:
    """ExceptionType lists what SageMaker retries; a script's failure isn't among it."""
    for step in view.steps:
        for field, policy in items(step, "RetryPolicies"):
            listed = policy.get("ExceptionType")
            types = [listed] if isinstance(listed, str) else listed
            if not isinstance(types, list) or not types:
                yield Problem(step.name, f"{field}.ExceptionType", "is no array of exception types")
                continue
            for type_ in types:
                if type_ not in _EXCEPTIONS:
                    yield Problem(
                        step.name,
                        f"{field}.ExceptionType",
                        f"{type_!r} can't be retried; use some of {', '.join(_EXCEPTIONS)}",
                    )


@rule
def retry_numbers(view: View) -> Iterator[Problem]:
    """A policy's numbers are in range, and it has one end, not two."""
    for step in view.steps:
        for field, policy in items(step, "RetryPolicies"):
            for member, value in policy.items():
                if member == "ExceptionType":
                    continue
                if member not in _RETRY_RANGES:
                    known = ", ".join(("ExceptionType", *_RETRY_RANGES))
                    yield Problem(step.name, f"{field}.{member}", f"no such member; use {known}")
                elif not _in_range(value, member):
                    low, high = _RETRY_RANGES[member]
                    yield Problem(
                        step.name,
                        f"{field}.{member}",
                        f"is {value!r}; make it a {'' if member == 'BackoffRate' else 'whole '}"
                        f"number from {low:g} to {high:g}",
                    )
            if "MaxAttempts" in policy and "ExpireAfterMin" in policy:
                yield Problem(
                    step.name, field, "has MaxAttempts and ExpireAfterMin; the service takes one"
                )


def _in_range(value: object, member: str) -> bool:
    low, high = _RETRY_RANGES[member]
    whole = (int,) if member != "BackoffRate" else (int, float)
    return isinstance(value, whole) and not isinstance(value, bool) and low <= value <= high


@rule
def property_files(view: View) -> Iterator[Problem]:
    """A property file has its three members, a name of its own and an output that exists."""
    for step in view.of_type("Processing"):
        outputs = [
            output.get("OutputName")
            for _, output in items(step, "Arguments", "ProcessingOutputConfig", "Outputs")
        ]
        seen: set[str] = set()
        for field, file in items(step, "PropertyFiles"):
            for member in ("PropertyFileName", "OutputName", "FilePath"):
                if not isinstance(file.get(member), str) or not file[member]:
                    yield Problem(step.name, f"{field}.{member}", "is missing or no string")
            name, output = file.get("PropertyFileName"), file.get("OutputName")
            if isinstance(name, str) and name in seen:
                yield Problem(step.name, f"{field}.PropertyFileName", f"{name!r} is used twice")
            if isinstance(output, str) and output not in outputs:
                yield Problem(
                    step.name, f"{field}.OutputName", f"{output!r} is no output of this step"
                )
            if isinstance(name, str):
                seen.add(name)
