"""The semantic diff of two definitions."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from definitions import VALID

from sagepipe.errors import DefinitionError
from sagepipe.language import diff
from sagepipe.language.definition import MAX_DEPTH
from sagepipe.language.diff import Change

Members = dict[str, Any]


@pytest.fixture
def before() -> Members:
    return copy.deepcopy(VALID)


@pytest.fixture
def after(before: Members) -> Members:
    return copy.deepcopy(before)


def step(members: Members, name: str) -> Members:
    found: Members = next(one for one in members["Steps"] if one["Name"] == name)
    return found


def test_nothing(before: Members, after: Members) -> None:
    assert diff.diff(before, after) == ()
    # However the service writes it down.
    shuffled = json.loads(json.dumps(after, sort_keys=False, indent=3))
    assert diff.diff(before, dict(reversed(shuffled.items()))) == ()


def arguments(members: Members) -> Members:
    found: Members = step(members, "Read")["Arguments"]
    return found


def set_argument(members: Members, option: str, value: Any) -> None:
    command = arguments(members)["AppSpecification"]["ContainerArguments"]
    command[command.index(option) + 1] = value


def policies(members: Members) -> list[Members]:
    found: list[Members] = step(members, "Read")["RetryPolicies"]
    return found


def branch(members: Members, name: str) -> list[Members]:
    found: list[Members] = step(members, "Gate")["Arguments"][name]
    return found


CHANGES: list[tuple[Callable[[Members], Any], Change]] = [
    (
        lambda m: m["Parameters"][0].update(DefaultValue="other"),
        Change("parameter Bucket", "default", "data", "other"),
    ),
    (
        lambda m: m["Parameters"].append({"Name": "New", "Type": "Integer", "DefaultValue": 1}),
        Change("parameter New", "", None, "Integer, default 1"),
    ),
    (
        lambda m: m["Parameters"].pop(),
        Change("parameter Least", "", "Float", None),
    ),
    (
        lambda m: set_argument(m, "--mode", "b"),
        Change("step Read", "argument --mode", "${Mode}", "b"),
    ),
    (
        lambda m: arguments(m)["AppSpecification"]["ContainerArguments"].append("--verbose"),
        Change("step Read", "argument --verbose", None, ""),
    ),
    (
        lambda m: arguments(m)["ProcessingResources"]["ClusterConfig"].update(InstanceCount=4),
        Change("step Read", "instance count", "${Count}", "4"),
    ),
    (
        lambda m: arguments(m)["ProcessingInputs"].pop(),
        Change("step Read", "input code", "", None),
    ),
    (
        lambda m: arguments(m)["Environment"].update(DEBUG="1"),
        Change("step Read", "environment DEBUG", None, "1"),
    ),
    (
        lambda m: step(m, "Read")["CacheConfig"].update(Enabled=False),
        Change("step Read", "CacheConfig.Enabled", "true", "false"),
    ),
    (
        lambda m: policies(m)[0].update(MaxAttempts=3),
        Change("step Read", "RetryPolicies[Step.THROTTLING].MaxAttempts", "5", "3"),
    ),
    (
        lambda m: branch(m, "IfSteps")[0]["Arguments"]["ProcessingResources"][
            "ClusterConfig"
        ].update(InstanceType="ml.c5.xlarge"),
        Change("step Write", "instance type", "ml.m5.large", "ml.c5.xlarge"),
    ),
]


@pytest.mark.parametrize(
    ("change", "wanted"), CHANGES, ids=[str(c.field or c.subject) for _, c in CHANGES]
)
def test_one_change(
    before: Members, after: Members, change: Callable[[Members], Any], wanted: Change
) -> None:
    change(after)
    found = diff.diff(before, after)
    if wanted.field == "input code":
        assert {one.field for one in found} >= {"input code"}
        assert all(one.sign == "-" and one.field.startswith("input code") for one in found)
    else:
        assert found == (wanted,)
        assert diff.diff(after, before) == (
            Change(wanted.subject, wanted.field, wanted.after, wanted.before),
        )


def test_a_step_that_moves_into_a_branch(before: Members, after: Members) -> None:
    moved = step(after, "Read")
    after["Steps"].remove(moved)
    branch(after, "IfSteps").append(moved)
    assert diff.diff(before, after) == (Change("step Read", "branch", None, "Gate.IfSteps"),)


def test_only_the_order(before: Members, after: Members) -> None:
    arguments(after)["ProcessingInputs"].reverse()
    (change,) = diff.diff(before, after)
    assert (change.subject, change.after) == ("pipeline", "only the order differs")


def test_numbers_are_not_booleans(before: Members, after: Members) -> None:
    before["Parameters"][0]["DefaultValue"] = 1
    after["Parameters"][0]["DefaultValue"] = True
    assert diff.diff(before, after) == (Change("parameter Bucket", "default", "1", "true"),)


def test_two_retry_policies_of_one_exception_type(before: Members, after: Members) -> None:
    policies(before).append({"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 1})
    policies(after).append({"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 2})
    field = "RetryPolicies[Step.THROTTLING again].MaxAttempts"
    assert diff.diff(before, after) == (Change("step Read", field, "1", "2"),)
    policies(before)[0]["MaxAttempts"] = 4
    first = Change("step Read", "RetryPolicies[Step.THROTTLING].MaxAttempts", "4", "5")
    assert diff.diff(before, after) == (first, Change("step Read", field, "1", "2"))


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        (1, "1", ("1", '"1"')),
        (True, "true", ("true", '"true"')),
        ({"Get": "Parameters.X"}, "${X}", ('{"Get":"Parameters.X"}', '"${X}"')),
        (["a", "b"], ["a, b"], ('["a","b"]', '["a, b"]')),
    ],
)
def test_values_that_read_the_same_are_shown_as_json(
    before: Members, after: Members, old: Any, new: Any, shown: tuple[str, str]
) -> None:
    before["Metadata"]["x"], after["Metadata"]["x"] = old, new
    assert diff.diff(before, after) == (Change("pipeline", "Metadata.x", *shown),)


def test_an_empty_object_is_something(before: Members, after: Members) -> None:
    arguments(before)["Environment"] = {}
    del arguments(after)["Environment"]
    assert diff.diff(before, after) == (Change("step Read", "Environment", "", None),)


def test_what_is_nested_too_deeply_is_not_compared(before: Members) -> None:
    nested: Any = "x"
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(DefinitionError, match=f"is nested deeper than {MAX_DEPTH} levels"):
        diff.diff(before, {**before, "Metadata": {"x": nested}})


def test_an_option_given_twice() -> None:
    command = {"AppSpecification": {"ContainerArguments": ["x", "--a", "1", "--a", "2", "--b"]}}
    one: Members = {"Steps": [{"Name": "S", "Type": "Processing", "Arguments": command}]}
    two = copy.deepcopy(one)
    two["Steps"][0]["Arguments"]["AppSpecification"]["ContainerArguments"][4] = "3"
    assert diff.diff(one, two) == (Change("step S", "argument --a again", "2", "3"),)


def test_lines(before: Members, after: Members) -> None:
    after["Parameters"].pop()
    set_argument(after, "--mode", "b")
    arguments(after)["Environment"]["DEBUG"] = "1"
    assert list(diff.lines(diff.diff(before, after))) == [
        "~ step Read",
        "    ~ argument --mode: ${Mode} → b",
        "    + environment DEBUG: 1",
        "- parameter Least: Float",
    ]


def test_expressions_are_readable() -> None:
    join = {"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Parameters.Bucket"}, "x"]}}
    assert diff.text(join) == "s3://${Bucket}/x"
    file = {"Get": "Steps.Pca.PropertyFiles.Metrics"}
    get = {"Std:JsonGet": {"PropertyFile": file, "Path": "share"}}
    assert diff.text(get) == "${Steps.Pca.PropertyFiles.Metrics} at share"
    assert diff.shorten(f"s3://b/code/{'ab' * 32}/x.py") == "s3://b/code/abababababab…/x.py"
