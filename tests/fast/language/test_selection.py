"""Which steps a selective execution runs, and what it needs of others."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagepipe.errors import ExecutionError
from sagepipe.language import selection
from sagepipe.language.definition import Definition
from sagepipe.language.selection import Selection, select

Json = Any


def step(name: str, *after: str) -> Json:
    return {"Name": name, "Type": "Processing", "Arguments": {}, "DependsOn": list(after)}


def definition(*steps: Json) -> Definition:
    return Definition.read({"Steps": list(steps)})


def chain() -> Definition:
    return definition(step("A"), step("B", "A"), step("C", "B"))


def branches() -> Definition:
    gate = {
        "Name": "Gate",
        "Type": "Condition",
        "DependsOn": ["A"],
        "Arguments": {"Conditions": [], "IfSteps": [step("Yes")], "ElseSteps": [step("No")]},
    }
    return definition(step("A"), gate)


def test_steps_come_in_the_definitions_order_each_once() -> None:
    assert select(chain(), ["B", "A", "B"]) == Selection(("A", "B"), frozenset())


def test_what_the_steps_wait_for_is_needed() -> None:
    assert select(chain(), ["C"]) == Selection(("C",), frozenset({"B"}))
    assert select(branches(), ["Yes"]) == Selection(("Yes",), frozenset({"Gate"}))


def test_from_a_step_on() -> None:
    assert select(chain(), from_step="B") == Selection(("B", "C"), frozenset({"A"}))
    assert select(branches(), from_step="Gate").steps == ("Gate", "Yes", "No")


def test_from_a_step_on_but_for_what_is_skipped() -> None:
    assert select(chain(), from_step="B", skipped={"C"}) == Selection(("B",), frozenset({"A"}))


def test_nothing_is_needed_of_a_step_that_is_skipped_or_that_a_folder_stands_in_for() -> None:
    assert select(chain(), ["B"], skipped={"A"}).needs == frozenset()
    assert select(chain(), ["B"], stubs=["A"]).needs == frozenset()


def test_a_skipped_step_leaves_no_gap() -> None:
    assert select(chain(), ["A", "C"], skipped={"B"}).steps == ("A", "C")


@pytest.mark.parametrize(
    ("only", "from_step", "words"),
    [
        (["A", "C"], None, r"--only A C: the steps between them must run too; add B$"),
        (["Zz"], None, "--only Zz: the pipeline has no such step; there are A, B, C"),
        ([], "Zz", "--from-step Zz: the pipeline has no such step"),
    ],
)
def test_mistakes(only: list[str], from_step: str | None, words: str) -> None:
    with pytest.raises(ExecutionError, match=words):
        select(chain(), only, from_step)


def test_a_mistyped_step_is_answered_with_the_close_one() -> None:
    with pytest.raises(
        ExecutionError, match=r"--only clean: .* no such step; did you mean Clean\?"
    ):
        select(definition(step("Clean"), step("Fit")), ["clean"])


def test_a_step_cannot_be_selected_and_skipped() -> None:
    with pytest.raises(ExecutionError, match="C is both selected and skipped"):
        select(chain(), ["C"], skipped={"C"})


def test_at_most_fifty() -> None:
    many = definition(*(step(f"S{n}") for n in range(selection.MAX_SELECTED + 1)))
    select(many, [f"S{n}" for n in range(selection.MAX_SELECTED)])
    with pytest.raises(ExecutionError, match="51 steps are selected; at most 50 can be"):
        select(many, list(many.steps))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Definition, list[str]]:
    """A graph of up to seven steps, and some of them."""
    names = [f"S{n}" for n in range(draw(st.integers(1, 7)))]
    after: dict[str, list[str]] = {name: [] for name in names}
    for earlier, later in combinations(names, 2):
        if draw(st.booleans()):
            after[later].append(earlier)
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    return definition(*(step(name, *after[name]) for name in names)), chosen


@given(graphs())
def test_a_selection_has_no_gap_and_knows_what_it_needs(
    drawn: tuple[Definition, list[str]],
) -> None:
    graph, chosen = drawn
    selected, gap = set(chosen), set()
    for name in graph.steps.keys() - selected:
        above, below = graph.ancestors([name]), graph.descendants([name])
        if above & selected and below & selected:
            gap.add(name)
    if gap:
        with pytest.raises(ExecutionError, match="must run too; add"):
            select(graph, chosen)
        return
    found = select(graph, chosen)
    assert set(found.steps) == selected
    assert (
        found.needs
        == {above for name in selected for above in graph.steps[name].waits_for} - selected
    )
    # from a step on there is never a gap
    assert chosen[0] in select(graph, from_step=chosen[0]).steps
