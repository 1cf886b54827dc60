"""This program's own files are read strictly: any shape but the right one is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagepipe.errors import LocalError
from sagepipe.local import record, shape
from sagepipe.local.choices import ChosenSteps
from sagepipe.local.events import Status
from sagepipe.local.record import ExecutionResult, StepResult
from sagepipe.local.shape import ShapeError
from sagepipe.local.store import Mount

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    number: float
    path: Path | None = None


@dataclass(frozen=True)
class Outer:
    name: str
    colour: Colour
    many: tuple[Inner, ...] = ()
    named: Mapping[str, int] = field(default_factory=dict)
    any: Any = None


RIGHT = {"name": "a", "colour": "red", "many": [{"number": 1}], "named": {"b": 2}}


def test_what_is_written_is_read() -> None:
    value = Outer("a", Colour.RED, (Inner(1.5, Path("/x")), Inner(2.0)), {"n": 1}, [1, {"a": None}])
    assert shape.read(Outer, json.loads(json.dumps(shape.write(value)))) == value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 1}, "name should be text, not '1'"),
        ({"colour": "blue"}, "colour should be one of its words, not 'blue'"),
        ({"colour": ["red"]}, "colour should be one of its words"),
        ({"many": {}}, "many should be a list"),
        ({"many": [{"number": True}]}, r"many\[0\].number should be a number"),
        ({"many": [{"number": 1, "path": 5}]}, r"many\[0\].path should be a path"),
        ({"many": [{"number": 1, "path": "a\0b"}]}, r"many\[0\].path should be a path"),
        ({"many": [{}]}, r"many\[0\].number is missing"),
        ({"named": {"b": 1.5}}, "named.b should be a whole number"),
        ({"named": [1]}, "named should be an object"),
        ({"more": 1}, "more is not known"),
    ],
)
def test_another_shape_is_named(change: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        shape.read(Outer, {**RIGHT, **change})


def test_members_with_a_default_may_be_missing() -> None:
    assert shape.read(Outer, {"name": "a", "colour": "red"}) == Outer("a", Colour.RED)


EXECUTION = ExecutionResult(
    execution_id="abc",
    status=Status.FAILED,
    reason="because",
    parameters={"N": 1, "X": "y"},
    steps={
        "A": StepResult("A", "Processing", Status.SUCCEEDED, 2, log=Path("/l"), outputs={"o": "u"}),
        "G": StepResult("G", "Condition", Status.NOT_RUN, outcome=True),
    },
    folder=Path("/store/abc"),
    seconds=3.0,
    pipeline="p",
    choices=ChosenSteps(skip=("A",), stubs={"B": Path("/b")}),
    mounts=(Mount("b", "p", Path("/gone"), writable=True),),
)  # fmt: skip


def test_a_record_is_read_as_it_was_written() -> None:
    document = json.loads(json.dumps(record.to_json(EXECUTION)))
    assert record.from_json(document, EXECUTION.folder) == EXECUTION


@given(member=st.sampled_from(sorted(record.to_json(EXECUTION))), value=JSON)
def test_a_record_with_anything_in_it_is_read_or_named(member: str, value: Any) -> None:
    document = {**record.to_json(EXECUTION), member: value}
    try:
        found = record.from_json(document, EXECUTION.folder)
    except (ShapeError, LocalError):
        return
    record.from_json(record.to_json(found), EXECUTION.folder)


@given(value=JSON)
def test_a_record_of_anything_is_named(value: Any) -> None:
    with pytest.raises(ShapeError):
        record.from_json(value, Path("/x"))
