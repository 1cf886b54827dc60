"""A small judge of IAM policies: enough of IAM's language for the template's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A call that a role makes: on which resource, with which condition keys."""

    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


def allowed(statements: Sequence[Statement], call: Call) -> bool:
    return any(_applies(statement, call) for statement in statements)


def actions(statements: Sequence[Statement]) -> set[str]:
    return {action for statement in statements for action in _list(statement["Action"])}


def without_one_action(
    statements: Sequence[Statement],
) -> Iterator[tuple[str, str, list[Statement]]]:
    """Statement id, action and what is left, for each action of each statement."""
    for index, statement in enumerate(statements):
        for action in _list(statement["Action"]):
            kept = [one for one in _list(statement["Action"]) if one != action]
            rest = [*statements[:index], *statements[index + 1 :]]
            if kept:
                rest.append({**statement, "Action": kept})
            yield statement["Sid"], action, rest


def without_one_resource(
    statements: Sequence[Statement],
) -> Iterator[tuple[str, str, list[Statement]]]:
    """The same for each resource of each statement."""
    for index, statement in enumerate(statements):
        for resource in dict.fromkeys(_list(statement["Resource"])):
            kept = [one for one in _list(statement["Resource"]) if one != resource]
            rest = [*statements[:index], *statements[index + 1 :]]
            if kept:
                rest.append({**statement, "Resource": kept})
            yield statement["Sid"], resource, rest


def _applies(statement: Statement, call: Call) -> bool:
    assert statement["Effect"] == "Allow"
    context = dict(call.context)
    for operator, keys in statement.get("Condition", {}).items():
        assert operator in ("StringEquals", "Bool", "ArnEquals"), operator
        for key, wanted in keys.items():
            if context.get(key) not in _list(wanted):
                return False
    return any(_like(one, call.action) for one in _list(statement["Action"])) and any(
        _like(one, call.resource) for one in _list(statement["Resource"])
    )


def _like(pattern: str, text: str) -> bool:
    wild = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(wild, text) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def without_nothing(statement: Mapping[str, Any]) -> dict[str, Any]:
    """moto leaves AWS::NoValue in lists, as None; CloudFormation leaves it out."""
    return {
        key: [one for one in value if one is not None] if isinstance(value, list) else value
        for key, value in statement.items()
    }
