"""Rules about condition and fail steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagepipe.errors import Problem
from sagepipe.language.definition import Definition
from sagepipe.language.expressions import COMPARISONS, is_expression
from sagepipe.language.step import BRANCHES
from sagepipe.language.validate.rules import form, rule, warning

_CONDITIONS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(COMPARISONS, ("LeftValue", "RightValue")),
    "In": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "Or": ("Conditions",),
}
_MAX_MESSAGE = 3072


@form
def condition_arguments(definition: Definition) -> Iterator[Problem]:
    """A condition step's arguments are Conditions, IfSteps and ElseSteps, all arrays."""
    for step in definition.of_type("Condition"):
        # a branch may be missing: it is empty
        required = {} if "Conditions" in step.arguments else {"Conditions": None}
        for member, value in {**step.arguments, **required}.items():
            if member in ("Conditions", *BRANCHES) and not isinstance(value, list):
                yield Problem(
                    step.name, f"Arguments.{member}", "is missing or is no array; make it one"
                )
        for member in step.arguments:
            if member not in ("Conditions", *BRANCHES):
                yield Problem(
                    step.name,
                    f"Arguments.{member}",
                    "no such member; a condition step has Conditions, IfSteps and ElseSteps",
                )


@form
def conditions(definition: Definition) -> Iterator[Problem]:
    """Each condition has a known type and that type's members."""
    for step in definition.of_type("Condition"):
        listed = step.arguments.get("Conditions")
        for index, condition in enumerate(listed if isinstance(listed, list) else []):
            yield from _condition(step.name, f"Arguments.Conditions[{index}]", condition)


def _condition(step: str, field: str, condition: Any) -> Iterator[Problem]:
    type_ = condition.get("Type") if isinstance(condition, Mapping) else None
    members = _CONDITIONS.get(type_) if isinstance(type_, str) else None
    if members is None:
        known = ", ".join(_CONDITIONS)
        yield Problem(step, f"{field}.Type", f"is {type_!r}; use one of {known}")
        return
    for member in condition:
        if member not in ("Type", *members):
            yield Problem(step, f"{field}.{member}", f"no such member; {type_} has {members}")
    for member in members:
        value, where = condition.get(member), f"{field}.{member}"
        if member == "Condition":
            yield from _condition(step, where, value)
        elif member in ("Conditions", "Values"):
            if not isinstance(value, list):
                yield Problem(step, where, "is missing or no array; make it one")
                continue
            for index, item in enumerate(value):
                one = f"{where}[{index}]"
                yield from (_condition if member == "Conditions" else _operand)(step, one, item)
        else:
            yield from _operand(step, where, value)


def _operand(step: str, field: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str | int | float) and not is_expression(value):
        yield Problem(step, field, "is missing or can't be compared; give a value or an expression")


@warning
def nested_conditions(definition: Definition) -> Iterator[Problem]:
    """A branch holds no further condition step."""
    for step in definition.of_type("Condition"):
        if step.branch:
            yield Problem(
                step.name,
                "Type",
                f"is a condition step inside {step.branch.condition}'s branch, which the service's "
                "guide excludes, though it has been seen to run; to be safe, move it to the top "
                "and let it depend on a step of the branch",
            )


@form
def fail_arguments(definition: Definition) -> Iterator[Problem]:
    """A fail step's arguments are an ErrorMessage, a string or an expression."""
    for step in definition.of_type("Fail"):
        for member in step.arguments:
            if member != "ErrorMessage":
                yield Problem(
                    step.name, f"Arguments.{member}", "no such member; a fail step has ErrorMessage"
                )
        if not isinstance(step.message, str) and not is_expression(step.message):
            yield Problem(step.name, "Arguments.ErrorMessage", "is no string; make it one")


@rule
def fail_messages(definition: Definition) -> Iterator[Problem]:
    """An ErrorMessage is a string of limited length, with parameters at their defaults, too."""
    for step in definition.of_type("Fail"):
        message = definition.known(step.message)
        if isinstance(message, str) and len(message) > _MAX_MESSAGE:
            yield Problem(
                step.name,
                "Arguments.ErrorMessage",
                f"has {len(message)} characters; at most {_MAX_MESSAGE} are taken",
            )
        elif isinstance(message, int | float):
            yield Problem(step.name, "Arguments.ErrorMessage", "is no string; make it one")
