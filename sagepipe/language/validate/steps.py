"""Rules about any step: members, name, dependencies, caching, retries, property files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sagepipe.errors import Problem
from sagepipe.language import durations
from sagepipe.language.definition import Definition
from sagepipe.language.expressions import is_expression
from sagepipe.language.retries import RANGES, TYPES, exception_types, in_range, is_number
from sagepipe.language.step import BRANCHES
from sagepipe.language.validate.rules import form, rule

_COMMON = ("Name", "Type", "Arguments", "DisplayName", "Description", "DependsOn")
# Other types of step are let through: their members aren't ours to know.
_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "Processing": (*_COMMON, "CacheConfig", "RetryPolicies", "PropertyFiles"),
    "Condition": _COMMON,
    "Fail": _COMMON,
}
_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_TEXTS = {"DisplayName": 256, "Description": 3072}


@form
def step_forms(definition: Definition) -> Iterator[Problem]:
    """Each step is an object with a name, a type and arguments."""
    yield from _forms(definition.document.get("Steps"), "", "Steps")
    for step in definition.of_type("Condition"):
        for branch in BRANCHES:
            yield from _forms(step.arguments.get(branch), step.name, f"Arguments.{branch}")


def _forms(value: object, owner: str, field: str) -> Iterator[Problem]:
    for index, body in enumerate(value if isinstance(value, list) else []):
        where = f"{field}[{index}]"
        if not isinstance(body, Mapping):
            yield Problem(owner, where, "is no object; a step has Name, Type and Arguments")
            continue
        for member, kind in (("Name", str), ("Type", str), ("Arguments", Mapping)):
            there = body.get(member)
            # another type's arguments may have members of any name
            evaluated = is_expression(there) and body.get("Type") in (*_MEMBERS,)
            if not isinstance(there, kind) or evaluated:
                name = body.get("Name")
                known = isinstance(name, str)
                word = "an object" if kind is Mapping else "a string"
                yield Problem(
                    str(name) if known else owner,
                    member if known else f"{where}.{member}",
                    f"is missing or of the wrong type; make it {word}",
                )


@rule
def step_members(definition: Definition) -> Iterator[Problem]:
    """A processing, condition or fail step has no members but its own."""
    for step in definition.written:
        known = _MEMBERS.get(step.type)
        for member in step.body if known else ():
            if member not in (known or ()):
                yield Problem(
                    step.name,
                    str(member),
                    f"no such member; a {step.type} step has {', '.join(known or ())}",
                )


@form
def step_names(definition: Definition) -> Iterator[Problem]:
    """A step's name fits the pattern and is used once."""
    homes: dict[str, str] = {}
    for step in definition.written:
        if not _NAME.fullmatch(step.name):
            yield Problem(
                step.name, "Name", "use 1 to 64 letters, digits, hyphens and underscores, no others"
            )
        if homes.get(step.name) == step.home:
            yield Problem(step.name, "Name", "two steps have this name; rename one")
        homes.setdefault(step.name, step.home)


@form
def step_places(definition: Definition) -> Iterator[Problem]:
    """A step stands in one branch, or at the top, and nowhere else."""
    homes: dict[str, str] = {}
    for step in definition.written:
        home = homes.setdefault(step.name, step.home)
        if home != step.home:
            yield Problem(
                step.name,
                "Name",
                f"stands in {home or 'the pipeline'} and in {step.home or 'the pipeline'}; "
                "leave it in one, or make two steps with two names",
            )


@rule
def step_texts(definition: Definition) -> Iterator[Problem]:
    """DisplayName and Description are strings of limited length."""
    for step in definition.written:
        for member, limit in _TEXTS.items():
            text = step.body.get(member, "")
            if not isinstance(text, str) or len(text) > limit:
                yield Problem(step.name, member, f"make it a string of at most {limit} characters")


@form
def depends_on_forms(definition: Definition) -> Iterator[Problem]:
    """DependsOn is an array of names, or of objects with Step and Trigger."""
    for step in definition.written:
        entries = step.body.get("DependsOn", [])
        if not isinstance(entries, list):
            yield Problem(step.name, "DependsOn", "is no array; make it an array of step names")
            continue
        for index, entry in enumerate(entries):
            name = entry.get("Step") if isinstance(entry, Mapping) else entry
            if not isinstance(name, str):
                yield Problem(step.name, f"DependsOn[{index}]", "is no step's name; make it one")


@form
def array_members(definition: Definition) -> Iterator[Problem]:
    """RetryPolicies and PropertyFiles are arrays of objects."""
    for step in definition.written:
        for member in ("RetryPolicies", "PropertyFiles"):
            value = step.body.get(member, [])
            if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
                yield Problem(step.name, member, "is no array of objects; make it one")


@form
def cache_configs(definition: Definition) -> Iterator[Problem]:
    """CacheConfig has Enabled, a boolean, and if it is true ExpireAfter, an ISO 8601 duration."""
    for step in definition.written:
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
        good = isinstance(expire, str) and durations.seconds(expire) is not None
        if not good and (config["Enabled"] or expire is not None):
            yield Problem(
                step.name,
                "CacheConfig.ExpireAfter",
                f"is {expire!r}; make it an ISO 8601 duration such as P30D, PT12H or P4DT12H",
            )


@form
def retry_forms(definition: Definition) -> Iterator[Problem]:
    """A policy has a list of types of exception, and numbers."""
    for step in definition.written:
        for field, policy in step.listed("RetryPolicies"):
            if not exception_types(policy):
                yield Problem(step.name, f"{field}.ExceptionType", "is no array of exception types")
            for member in RANGES:
                if member in policy and not is_number(policy[member]):
                    yield Problem(step.name, f"{field}.{member}", _range(policy[member], member))


@rule
def retry_exceptions(definition: Definition) -> Iterator[Problem]:
    """ExceptionType lists what SageMaker retries; a script's failure isn't among it."""
    for step in definition.written:
        for field, policy in step.listed("RetryPolicies"):
            for type_ in exception_types(policy):
                if type_ not in TYPES:
                    yield Problem(
                        step.name,
                        f"{field}.ExceptionType",
                        f"{type_!r} can't be retried; use some of {', '.join(TYPES)}",
                    )


@rule
def retry_numbers(definition: Definition) -> Iterator[Problem]:
    """A policy's numbers are in range, and it has one end, not two."""
    for step in definition.written:
        for field, policy in step.listed("RetryPolicies"):
            for member, value in policy.items():
                if member not in ("ExceptionType", *RANGES):
                    known = ", ".join(("ExceptionType", *RANGES))
                    yield Problem(step.name, f"{field}.{member}", f"no such member; use {known}")
                elif member in RANGES and not in_range(member, value):
                    yield Problem(step.name, f"{field}.{member}", _range(value, member))
            if "MaxAttempts" in policy and "ExpireAfterMin" in policy:
                yield Problem(
                    step.name, field, "has MaxAttempts and ExpireAfterMin; the service takes one"
                )


def _range(value: object, member: str) -> str:
    low, high = RANGES[member]
    whole = "" if member == "BackoffRate" else "whole "
    return f"is {value!r}; make it a {whole}number from {low:g} to {high:g}"


@form
def property_files(definition: Definition) -> Iterator[Problem]:
    """A property file has its three members, a name of its own and an output that exists."""
    for step in definition.of_type("Processing"):
        outputs = step.outputs
        seen: set[str] = set()
        for field, file in step.listed("PropertyFiles"):
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
