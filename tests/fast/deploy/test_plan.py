"""Plans as data: which actions make the wanted of the deployed, and in which order."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from sagepipe.building.bundle import Artifact
from sagepipe.deploy import plan_report
from sagepipe.deploy.apply import CHANGES, NOTHING_TO_DO, preview
from sagepipe.deploy.deployed import Deployed, Script, Version
from sagepipe.deploy.plan import (
    NameVersion,
    Publish,
    PutSchedule,
    RemoveAlias,
    SetTags,
    State,
    Upload,
    Wanted,
    make,
)
from sagepipe.schedule.schedules import Schedule

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p"
ROLE = "arn:aws:iam::123456789012:role/r"


def definition(seed: int = 0, tags: tuple[str, ...] = ()) -> str:
    arguments = {"Seed": seed, "Tags": [{"Key": key, "Value": "x"} for key in tags]}
    step = {"Name": "S", "Type": "Processing", "Arguments": arguments}
    return json.dumps({"Version": "2020-12-01", "Steps": [step]})


WANTED = Wanted("p", definition(), ROLE, "what it is", 4, suffix="abc", made_from="commit abc")
CONTENT = WANTED.content[:12]
THERE = Deployed(
    ARN, definition(), ROLE, "what it is", 4, (), "2026", Version(3, f"{CONTENT}-old", "as it was")
)
SCHEDULE = Schedule("p", "rate(1 day)", ARN, ROLE)


def actions(wanted: Wanted = WANTED, there: Deployed | None = THERE, **state: Any) -> list[Any]:
    return list(make(wanted, State(there, **state)).actions)


def test_nothing_to_do() -> None:
    plan = make(WANTED, State(THERE))
    assert plan.actions == ()
    assert preview(plan) == NOTHING_TO_DO
    assert list(plan_report.lines(plan)) == [f"p: nothing to change (version 3, {CONTENT}-old)"]


def test_how_the_definition_is_written_down_does_not_matter() -> None:
    indented = json.dumps(json.loads(definition()), indent=2, sort_keys=True)
    assert actions(there=dataclasses.replace(THERE, definition=indented)) == []


def test_plans_are_frozen() -> None:
    plan = make(WANTED, State(None))
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.actions = ()  # type: ignore[misc]
    assert isinstance(plan.actions, tuple)
    assert preview(plan) == CHANGES


def test_order() -> None:
    script = Script("b", "p/code/00/x.py", "00")
    wanted = dataclasses.replace(
        WANTED,
        definition=definition(1),
        artifacts=(Artifact("x.py", script.key, script.sha256, b"x"),),
        alias="live",
        tags=(("a", "b"),),
        schedule=SCHEDULE,
    )
    there = dataclasses.replace(
        THERE,
        alias_of=3,
        tags=(("gone", "x"), ("theirs", "x")),
        definition=definition(tags=("gone",)),
    )
    found = actions(wanted, there, missing=(script,))
    kinds = [Upload, SetTags, Publish, RemoveAlias, NameVersion, PutSchedule]
    assert [type(action) for action in found] == kinds
    assert found[0] == Upload(script, b"x")
    assert found[1] == SetTags((("a", "b"),), ("gone",))
    assert found[3] == RemoveAlias("live", 3)
    assert (found[4].version, found[4].alias) == (None, "live")
    assert found[4].name == f"{wanted.content[:12]}-abc"
    assert found[5] == PutSchedule(SCHEDULE, None)


def test_create_has_the_tags_in_its_one_call() -> None:
    publish, name = actions(dataclasses.replace(WANTED, tags=(("a", "b"),)), None)
    assert publish.create
    assert ("pipeline", "tag a") in [(one.subject, one.field) for one in publish.changes]
    assert name.version is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"role_arn": ROLE + "2"}, "role"),
        ({"max_parallel_steps": 5}, "steps at the same time"),
        ({"description": "other"}, "description"),
    ],
)
def test_facts_that_make_no_version_rename_none(change: dict[str, Any], field: str) -> None:
    (publish,) = actions(dataclasses.replace(WANTED, **change))
    assert [one.field for one in publish.changes] == [field]


def test_an_interruption_before_the_name_is_made_good() -> None:
    nameless = dataclasses.replace(THERE, latest=Version(4))
    (name,) = actions(there=nameless)
    assert name == NameVersion(
        4, f"{CONTENT}-abc", f"definition {WANTED.content}; commit abc", None
    )


def test_an_interruption_between_the_alias_s_two_calls_is_made_good() -> None:
    wanted = dataclasses.replace(WANTED, alias="live")
    (name,) = actions(wanted, dataclasses.replace(THERE, latest=Version(4), alias_of=None))
    assert (name.version, name.alias) == (4, "live")


def test_an_alias_moves_without_renaming() -> None:
    wanted = dataclasses.replace(WANTED, alias="live")
    remove, name = actions(wanted, dataclasses.replace(THERE, alias_of=2))
    assert remove == RemoveAlias("live", 2)
    assert name == NameVersion(3, f"{CONTENT}-old", "as it was", "live")
    assert actions(wanted, dataclasses.replace(THERE, alias_of=3)) == []


def test_schedule() -> None:
    wanted = dataclasses.replace(WANTED, schedule=SCHEDULE)
    assert actions(wanted, schedule=SCHEDULE) == []
    # Pausing is the operator's business.
    assert actions(wanted, schedule=dataclasses.replace(SCHEDULE, enabled=False)) == []
    other = dataclasses.replace(SCHEDULE, expression="rate(2 days)", enabled=False)
    (put,) = actions(wanted, schedule=other)
    assert put.schedule == dataclasses.replace(SCHEDULE, enabled=False)
    assert [(one.field, one.before, one.after) for one in put.changes] == [
        ("expression", "rate(2 days)", "rate(1 day)")
    ]
    # Not declared: left alone.
    assert actions(schedule=SCHEDULE) == []


def test_the_basis_is_what_others_may_change() -> None:
    state = State(THERE, schedule=SCHEDULE)
    same = State(THERE, (Script("b", "k", "0"),), SCHEDULE)
    assert state.basis == same.basis
    for other in (
        State(None),
        State(dataclasses.replace(THERE, definition=definition(1)), schedule=SCHEDULE),
        State(dataclasses.replace(THERE, modified="2027"), schedule=SCHEDULE),
        State(dataclasses.replace(THERE, latest=Version(4)), schedule=SCHEDULE),
        State(THERE, schedule=dataclasses.replace(SCHEDULE, enabled=False)),
    ):
        assert other.basis != state.basis


def test_the_id_is_of_what_is_done_to_what() -> None:
    plan = make(WANTED, State(None))
    assert plan.id == make(WANTED, State(None)).id
    assert plan.id != make(dataclasses.replace(WANTED, definition=definition(1)), State(None)).id
    assert plan.id != make(WANTED, State(dataclasses.replace(THERE, role_arn=ROLE + "2"))).id


def test_a_version_name_fits_the_service_s_pattern() -> None:
    name = dataclasses.replace(WANTED, suffix="0123456789ab-dirty").version_name
    assert len(name) <= 82
    assert name.replace("-", "").isalnum()


def test_json_has_every_action() -> None:
    wanted = dataclasses.replace(
        WANTED, definition=definition(1), alias="live", tags=(("a", "b"),), schedule=SCHEDULE
    )
    plan = make(wanted, State(dataclasses.replace(THERE, alias_of=3)), ("a note",))
    found = json.loads(json.dumps(plan_report.as_json([plan])))
    kinds = ["tag", "update", "remove_alias", "name", "schedule"]
    assert [action["action"] for action in found["actions"]] == kinds
    assert found["notes"] == ["a note"]
    assert found["deployed"]["number"] == 3
    lines = list(plan_report.lines(plan))
    assert lines[0] == "note: a note"
    assert "    ~ step S" in lines
    assert "        ~ Seed: 0 → 1" in lines
    assert "~ alias live: leaves version 3" in lines
    assert lines[-1] == f"plan {plan.id}: 5 actions"
