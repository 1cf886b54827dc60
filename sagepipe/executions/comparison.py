"""What differs between two executions: parameters, code, what the steps did, and their metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagepipe.executions.archive import Archive, Entry, PastExecution, PastStep, metrics
from sagepipe.language import diff
from sagepipe.language.diff import Change

Json = Any


@dataclass(frozen=True)
class Pair:
    """A value of each execution; None where it has none."""

    name: str
    before: Json
    after: Json


@dataclass(frozen=True)
class StepPair:
    """A step of each execution; None where the execution has no such step."""

    name: str
    before: PastStep | None
    after: PastStep | None


@dataclass(frozen=True)
class Comparison:
    """What differs from `before` to `after`; `steps` and `metrics` have all of them, side by side.

    `code` is the difference of the definitions, in which scripts are named by their content where
    they were deployed so.
    """

    before: Entry
    after: Entry
    parameters: tuple[Pair, ...]
    code: tuple[Change, ...]
    steps: tuple[StepPair, ...]
    metrics: tuple[Pair, ...]


@dataclass(frozen=True)
class Side:
    """One of two executions, and the archive that it is in."""

    execution: PastExecution
    archive: Archive


def compare(before: Side, after: Side) -> Comparison:
    """Compare two executions; they may be of different pipelines. Raises `SagepipeError`."""
    one, two = before.execution, after.execution
    return Comparison(
        before=one.entry,
        after=two.entry,
        parameters=tuple(
            pair for pair in _pairs(one.values, two.values) if pair.before != pair.after
        ),
        code=diff.diff(one.definition.document, two.definition.document),
        steps=tuple(
            StepPair(name, one.steps.get(name), two.steps.get(name))
            for name in dict.fromkeys([*one.steps, *two.steps])
        ),
        metrics=tuple(
            _pairs(
                dict(_leaves(metrics(one, before.archive), "")),
                dict(_leaves(metrics(two, after.archive), "")),
            )
        ),
    )


def _pairs(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Pair]:
    for name in dict.fromkeys([*before, *after]):
        yield Pair(name, before.get(name), after.get(name))


def _leaves(value: Json, path: str) -> Iterator[tuple[str, Json]]:
    """Path -> value of every leaf of a JSON document; a list is a leaf."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _leaves(member, f"{path}.{name}".lstrip("."))
    else:
        yield path, value
