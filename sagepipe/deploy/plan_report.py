"""A plan as text for people and as JSON for machines."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from sagepipe.deploy import plan as planning
from sagepipe.deploy.plan import (
    Action,
    NameVersion,
    Plan,
    Publish,
    PutSchedule,
    RemoveAlias,
    SetTags,
    Upload,
)
from sagepipe.language import diff
from sagepipe.language.diff import Change


def lines(plan: Plan) -> Iterator[str]:
    """The plan as a readable diff. A plan without actions says so in one line."""
    for note in plan.notes:
        yield f"note: {note}"
    latest = plan.state.pipeline.latest if plan.state.pipeline else None
    if not plan.actions:
        which = f"version {latest.number}, {latest.name}" if latest else "nothing"
        yield f"{plan.wanted.name}: nothing to change ({which})"
        return
    for action in plan.actions:
        yield from _action(action, plan)
    yield f"plan {plan.id}: {len(plan.actions)} {_plural(len(plan.actions), 'action')}"


def as_json(plans: Sequence[Plan]) -> dict[str, Any]:
    """The plan, or several as one, as JSON; `id` is the same for the same actions on the same
    state."""
    if len(plans) == 1:
        return {"schema": 1, **_one(plans[0])}
    return {
        "schema": 1,
        "id": planning.identity(plans),
        "changes": any(plan.actions for plan in plans),
        "plans": [_one(plan) for plan in plans],
    }


def _one(plan: Plan) -> dict[str, Any]:
    latest = plan.state.pipeline.latest if plan.state.pipeline else None
    return {
        "id": plan.id,
        "pipeline": plan.wanted.name,
        "changes": bool(plan.actions),
        "deployed": dataclasses.asdict(latest) if latest else None,
        "actions": [_members(action) for action in plan.actions],
        "notes": list(plan.notes),
    }


def _action(action: Action, plan: Plan) -> Iterator[str]:
    match action:
        case Upload(script, data):
            yield f"+ script {script.name} ({len(data)} bytes): {diff.shorten(script.uri)}"
        case SetTags(put, remove):
            before = dict(plan.state.pipeline.tags) if plan.state.pipeline else {}
            yield "~ tags"
            yield from _fields(
                [Change("", key, before.get(key), value) for key, value in put]
                + [Change("", key, before.get(key, ""), None) for key in remove]
            )
        case Publish(wanted, create, changes):
            yield f"{'+' if create else '~'} pipeline {wanted.name}"
            yield from (f"    {line}" for line in diff.lines(_without_own_line(changes)))
        case RemoveAlias(alias, version):
            yield f"~ alias {alias}: leaves version {version}"
        case NameVersion(version, name, _, alias):
            which = f"version {version}" if version else "the new version"
            yield f"~ {which} is called {name}" + (f", alias {alias}" if alias else "")
        case PutSchedule(schedule, there):
            yield f"{'~' if there else '+'} schedule {schedule.name}"
            yield from _fields(action.changes)


def _without_own_line(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """A new pipeline's own facts go below it, so they need no subject of their own."""
    return tuple(change for change in changes if change.field or change.subject != "pipeline")


def _fields(changes: list[Change] | tuple[Change, ...]) -> Iterator[str]:
    for change in changes:
        yield from list(diff.lines([change]))[1:]


def _members(action: Action) -> dict[str, Any]:
    match action:
        case Upload(script, data):
            return {"action": "upload", "uri": script.uri, "bytes": len(data)}
        case SetTags(put, remove):
            return {"action": "tag", "set": dict(put), "remove": list(remove)}
        case Publish(wanted, create, changes):
            return {
                "action": "create" if create else "update",
                "content": wanted.content,
                "changes": [dataclasses.asdict(change) for change in changes],
            }
        case RemoveAlias(alias, version):
            return {"action": "remove_alias", "alias": alias, "version": version}
        case NameVersion(version, name, description, alias):
            return {
                "action": "name",
                "version": version,
                "name": name,
                "description": description,
                "alias": alias,
            }
        case PutSchedule(schedule, _):
            return {
                "action": "schedule",
                "name": schedule.name,
                "changes": [dataclasses.asdict(change) for change in action.changes],
            }


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"
