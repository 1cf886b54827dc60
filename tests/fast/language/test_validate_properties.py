"""What holds for definitions in general, and definitions by other hands."""

from __future__ import annotations

import copy
import graphlib
import itertools
from typing import Any

import pytest
from definitions import FOREIGN
from hypothesis import given, settings
from hypothesis import strategies as st

from sagepipe.errors import Problem
from sagepipe.language.definition import Definition
from sagepipe.language.validate import validate
from sagepipe.language.validate.rules import RULES

RULE = {rule.__name__: rule for rule in RULES}


def test_a_definition_of_another_sdk_with_other_steps_is_valid() -> None:
    assert validate(FOREIGN) == []


# --- nothing raises ----------------------------------------------------------------------------

_NAMES = st.sampled_from(
    ["Name", "Type", "Get", "Std:Join", "Std:JsonGet", "On", "Values", "Steps", "S3Input", "Path"]
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(
        ["Processing", "Condition", "Fail", "Parameters.", "Steps.A.B", "Steps.Prepare"]
    ),
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(p for key, item in inner for p in _paths(item, (*path, key)))]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(_paths(FOREIGN)[1:]), _JSON)
def test_whatever_stands_somewhere_is_reported_or_right_and_never_a_crash(
    path: tuple[str | int, ...], value: Any
) -> None:
    definition = copy.deepcopy(FOREIGN)
    target = definition
    for part in path[:-1]:
        target = target[part]  # type: ignore[index]
    target[path[-1]] = value  # type: ignore[index]
    for problem in validate(definition):
        assert isinstance(problem, Problem)
        assert problem.message


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=8) | _NAMES, _JSON, max_size=4))
def test_what_is_no_definition_is_refused(members: dict[str, Any]) -> None:
    assert validate(members)


# --- durations ---------------------------------------------------------------------------------


def _with_duration(text: str) -> dict[str, Any]:
    definition = copy.deepcopy(FOREIGN)
    definition["Steps"][0]["CacheConfig"]["ExpireAfter"] = text
    return definition


_COUNT = st.integers(0, 999).map(str)


@st.composite
def _durations(draw: st.DrawFn) -> str:
    def part(unit: str) -> str:
        return draw(st.just("") | _COUNT.map(lambda count: count + unit))

    date = "".join(part(unit) for unit in "YMWD")
    time = "".join(part(unit) for unit in "HMS")
    text = draw(st.sampled_from(["P", ""])) + date + (f"T{time}" if time else "")
    if not date and not time:
        text += "1D"
    return draw(st.sampled_from([str.upper, str.lower, str]))(text)


@settings(max_examples=60, deadline=None)
@given(_durations())
def test_every_iso_8601_duration_with_or_without_p_is_taken(text: str) -> None:
    assert list(RULE["cache_configs"](Definition.read(_with_duration(text)))) == []


@pytest.mark.parametrize("text", ["30d", "5y", "T16m", "30dT5h", "p30d", "P4DT12H", "T12H", "PT1H"])
def test_the_guide_s_own_examples_are_taken(text: str) -> None:
    assert validate(_with_duration(text)) == []


@pytest.mark.parametrize(
    "text",
    ["", "P", "T", "PT", "30", "P30", "30 d", "P1D T1H", "1h", "P1DT", "PT1D", "-P1D", "P1D1Y"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    (problem,) = validate(_with_duration(text))
    assert (problem.step, problem.field) == ("Prepare", "CacheConfig.ExpireAfter")


# --- order -------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=10))
def test_a_cycle_is_found_exactly_where_there_is_one(edges: list[tuple[int, int]]) -> None:
    graph: dict[str, set[str]] = {f"S{i}": set() for i in range(6)}
    for source, target in edges:
        graph[f"S{source}"].add(f"S{target}")
    steps = [
        {"Name": name, "Type": "Lambda", "Arguments": {}, "DependsOn": sorted(targets)}
        for name, targets in graph.items()
    ]
    found = list(RULE["no_cycles"](Definition.read({"Version": "2020-12-01", "Steps": steps})))
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError:
        assert found
    else:
        assert not found
    for problem in found:
        way = (
            problem.message.removeprefix("closes a cycle: ").partition(";")[0].split(" waits for ")
        )
        assert way[0] == way[-1] == problem.step
        assert all(target in graph[source] for source, target in itertools.pairwise(way))
