"""What of a definition this engine can run, and what is left out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from definitions import FOREIGN, VALID

from sagepipe.errors import UnsupportedError
from sagepipe.language.validate import parse
from sagepipe.local.runnable import skipped

Members = dict[str, Any]


def changed(change: Callable[[Members, Members], Any]) -> Members:
    """The small definition with a change to its steps Read and Write."""
    document = copy.deepcopy(VALID)
    read, gate = document["Steps"]
    change(read, gate["Arguments"]["IfSteps"][0])
    return document


def test_a_condition_takes_its_branches_along() -> None:
    assert skipped(parse(VALID), ("Gate",), ()) == {"Gate", "Write", "Stop"}
    assert skipped(parse(VALID), (), ()) == frozenset()


def test_steps_of_other_types_are_skipped_or_stood_in_for() -> None:
    with pytest.raises(UnsupportedError, match=r"cannot run Train \(Training\), Notify \(Lambda"):
        skipped(parse(FOREIGN), (), ())
    left_out = skipped(parse(FOREIGN), ("Train", "Evaluate"), ("Notify",))
    assert left_out == {"Train", "Evaluate", "Deploy"}


def test_a_skipped_step_that_is_needed() -> None:
    with pytest.raises(UnsupportedError, match=r"Gate needs Steps\.Read\.PropertyFiles\.Fig"):
        skipped(parse(VALID), ("Read",), ())


def test_a_trigger_is_not_to_be_had_here() -> None:
    trigger = {"Step": "Read", "Trigger": "Failed"}
    document = changed(lambda read, write: write.update(DependsOn=[trigger]))
    with pytest.raises(UnsupportedError, match="Write depends on Read with Trigger 'Failed'"):
        skipped(parse(document), (), ())
    assert "Write" in skipped(parse(document), ("Write",), ())


def test_what_only_the_service_can_get() -> None:
    variable = {"Get": "PipelineExperimentConfig.ExperimentName"}
    document = changed(lambda read, write: read["Arguments"].update(Environment={"A": variable}))
    with pytest.raises(UnsupportedError, match=r"Read, Arguments\.Environment\.A: the local"):
        skipped(parse(document), (), ())


@pytest.mark.parametrize("option", ["--skip", "--stub"])
def test_a_name_that_is_wrong(option: str) -> None:
    given: tuple[tuple[str, ...], tuple[str, ...]] = (
        (("Raed",), ()) if option == "--skip" else ((), ("Raed",))
    )
    with pytest.raises(UnsupportedError, match=f"{option} Raed: .* did you mean Read?"):
        skipped(parse(VALID), *given)
