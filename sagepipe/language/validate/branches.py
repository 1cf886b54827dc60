"""Rules about condition and fail steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sagepipe.errors import Problem
from sagepipe.language.validate.rules import rule
from sagepipe.language.validate.view import BRANCHES, Unknown, View, is_expression

_COMPARISONS = ("Equals", "GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo")
_CONDITIONS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_COMPARISONS, ("LeftValue", "RightValue")),
    "In": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "Or": ("Conditions",),
}
_MAX_MESSAGE = 3072


@rule
def condition_arguments(view: View) -> Iterator[Problem]:
    """A condition step's arguments are Conditions, IfSteps and ElseSteps, all arrays."""
    for step in view.of_type("Condition"):
        for member in ("Conditions", *BRANCHES):
            if not isinstance(step.arguments.get(member, []), list):
                yield Problem(step.name, f"Arguments.{member}", "is no array; make it one")
        for member in step.arguments:
            if member not in ("Conditions", *BRANCHES):
                yield Problem(
                    step.name,
                    f"Arguments.{member}",
                    "no such member; a condition step has Conditions, IfSteps and ElseSteps",
                )


@rule
def conditions(view: View) -> Iterator[Problem]:
    """Each condition has a known type and that type's members."""
    for step in view.of_type("Condition"):
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


@rule
def nested_conditions(view: View) -> Iterator[Problem]:
    """A branch holds no further condition step."""
    for step in view.of_type("Condition"):
        if step.home:
            yield Problem(
                step.name,
                "Type",
                f"is a condition step inside {step.parent}'s branch, which the service refuses; "
                "move it to the top and let it depend on a step of the branch",
            )


@rule
def fail_messages(view: View) -> Iterator[Problem]:
    """A fail step's arguments are an ErrorMessage of limited length."""
    for step in view.of_type("Fail"):
        for member in step.arguments:
            if member != "ErrorMessage":
                yield Problem(
                    step.name, f"Arguments.{member}", "no such member; a fail step has ErrorMessage"
                )
        message = view.resolve(step.arguments.get("ErrorMessage", ""))
        if isinstance(message, Unknown):
            continue
        if not isinstance(message, str):
            yield Problem(step.name, "Arguments.ErrorMessage", "is no string; make it one")
        elif len(message) > _MAX_MESSAGE:
            yield Problem(
                step.name,
                "Arguments.ErrorMessage",
                f"has {len(message)} characters; at most {_MAX_MESSAGE} are taken",
            )
