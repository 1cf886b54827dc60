"""The semantic diff of two definitions."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from sagepipe.language import diff
from sagepipe.language.diff import Change

Members = dict[str, Any]


@pytest.fixture
def before(definition: str) -> Members:
    members: Members = json.loads(definition)
    return members


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
    found: Members = step(members, "Pca")["Arguments"]
    return found


def set_argument(members: Members, option: str, value: Any) -> None:
    command = arguments(members)["AppSpecification"]["ContainerArguments"]
    command[command.index(option) + 1] = value


CHANGES: list[tuple[Callable[[Members], Any], Change]] = [
    (
        lambda m: m["Parameters"][0].update(DefaultValue="other"),
        Change("parameter InputBucket", "default", "ecg-artifacts", "other"),
    ),
    (
        lambda m: m["Parameters"].append({"Name": "New", "Type": "Integer", "DefaultValue": 1}),
        Change("parameter New", "", None, "Integer, default 1"),
    ),
    (
        lambda m: m["Parameters"].pop(),
        Change("parameter MaxRejectedShare", "", "Float, default 0.05", None),
    ),
    (
        lambda m: set_argument(m, "--whiten", "true"),
        Change("step Pca", "argument --whiten", "${Whiten}", "true"),
    ),
    (
        lambda m: arguments(m)["AppSpecification"]["ContainerArguments"].append("--verbose"),
        Change("step Pca", "argument --verbose", None, ""),
    ),
    (
        lambda m: arguments(m)["ProcessingResources"]["ClusterConfig"].update(InstanceCount=4),
        Change("step Pca", "instance count", "${PcaInstanceCount}", "4"),
    ),
    (
        lambda m: arguments(m)["ProcessingInputs"].pop(),
        Change("step Pca", "input lib", "", None),
    ),
    (
        lambda m: arguments(m)["Environment"].update(DEBUG="1"),
        Change("step Pca", "environment DEBUG", None, "1"),
    ),
    (
        lambda m: step(m, "Pca")["CacheConfig"].update(Enabled=False),
        Change("step Pca", "CacheConfig.Enabled", "true", "false"),
    ),
    (
        lambda m: step(m, "QualityGate")["Arguments"]["IfSteps"][0]["Arguments"][
            "ProcessingResources"
        ]["ClusterConfig"].update(InstanceType="ml.c5.xlarge"),
        Change("step SparkTransform", "instance type", "${SparkInstanceType}", "ml.c5.xlarge"),
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
    if wanted.field == "input lib":
        assert {one.field for one in found} >= {"input lib"}
        assert all(one.sign == "-" and one.field.startswith("input lib") for one in found)
    else:
        assert found == (wanted,)
        assert diff.diff(after, before) == (
            Change(wanted.subject, wanted.field, wanted.after, wanted.before),
        )


def test_a_step_that_moves_into_a_branch(before: Members, after: Members) -> None:
    moved = step(after, "Preprocess")
    after["Steps"].remove(moved)
    step(after, "QualityGate")["Arguments"]["IfSteps"].append(moved)
    assert diff.diff(before, after) == (
        Change("step Preprocess", "branch", None, "QualityGate.IfSteps"),
    )


def test_only_the_order(before: Members, after: Members) -> None:
    arguments(after)["ProcessingInputs"].reverse()
    (change,) = diff.diff(before, after)
    assert (change.subject, change.after) == ("pipeline", "only the order differs")


def test_numbers_are_not_booleans(before: Members, after: Members) -> None:
    before["Parameters"][0]["DefaultValue"] = 1
    after["Parameters"][0]["DefaultValue"] = True
    assert diff.diff(before, after) == (Change("parameter InputBucket", "default", "1", "true"),)


def test_an_option_given_twice() -> None:
    command = {"AppSpecification": {"ContainerArguments": ["x", "--a", "1", "--a", "2", "--b"]}}
    one: Members = {"Steps": [{"Name": "S", "Type": "Processing", "Arguments": command}]}
    two = copy.deepcopy(one)
    two["Steps"][0]["Arguments"]["AppSpecification"]["ContainerArguments"][4] = "3"
    assert diff.diff(one, two) == (Change("step S", "argument --a again", "2", "3"),)


def test_lines(before: Members, after: Members) -> None:
    after["Parameters"].pop()
    set_argument(after, "--whiten", "true")
    arguments(after)["Environment"]["DEBUG"] = "1"
    assert list(diff.lines(diff.diff(before, after))) == [
        "~ step Pca",
        "    ~ argument --whiten: ${Whiten} → true",
        "    + environment DEBUG: 1",
        "- parameter MaxRejectedShare: Float, default 0.05",
    ]


def test_expressions_are_readable() -> None:
    join = {"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Parameters.Bucket"}, "x"]}}
    assert diff.text(join) == "s3://${Bucket}/x"
    file = {"Get": "Steps.Pca.PropertyFiles.Metrics"}
    get = {"Std:JsonGet": {"PropertyFile": file, "Path": "share"}}
    assert diff.text(get) == "${Steps.Pca.PropertyFiles.Metrics} at share"
    assert diff.shorten(f"s3://b/code/{'ab' * 32}/x.py") == "s3://b/code/abababababab…/x.py"
