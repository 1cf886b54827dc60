"""Which steps a selective execution runs, by the service's rules; for SageMaker and local alike.

The selected steps must include every step on a path between two of them, and be at most 50. What
they need of others is taken from an earlier execution; what comes after them isn't run.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass

from sagepipe.errors import ExecutionError
from sagepipe.language.definition import Definition

MAX_SELECTED = 50


@dataclass(frozen=True)
class Selection:
    """The `steps` that run, in the definition's order, and those whose results they `need`."""

    steps: tuple[str, ...]
    needs: frozenset[str]


def select(
    definition: Definition,
    only: Sequence[str] = (),
    from_step: str | None = None,
    *,
    skipped: Set[str] = frozenset(),
    stubs: Collection[str] = (),
) -> Selection:
    """The steps named in `only`, or `from_step` and all that come after it.

    A step that is `skipped` needn't run, nor is anything needed of it; of one for which a folder
    stands in (`stubs`) nothing is needed either.

    Raises:
        ExecutionError: an unknown step, one that is selected and skipped, more than 50, or a gap
            between two of them.
    """
    _check_known("--only", only, definition)
    _check_known("--from-step", [from_step] if from_step else [], definition)
    wanted = set(only)
    if from_step:
        wanted |= {from_step, *(definition.descendants([from_step]) - skipped)}
    if both := [name for name in definition.steps if name in wanted & skipped]:
        raise ExecutionError(f"{both[0]} is both selected and skipped")
    if len(wanted) > MAX_SELECTED:
        raise ExecutionError(f"{len(wanted)} steps are selected; at most {MAX_SELECTED} can be")
    between = definition.ancestors(wanted) & definition.descendants(wanted) - wanted
    if missing := [name for name in definition.steps if name in between - skipped]:
        raise ExecutionError(
            f"--only {' '.join(only)}: the steps between them must run too; add {' '.join(missing)}"
        )
    above = {name for step in wanted for name in definition.steps[step].waits_for}
    return Selection(
        steps=tuple(name for name in definition.steps if name in wanted),
        needs=frozenset(above - wanted - skipped - set(stubs)),
    )


def _check_known(option: str, names: Sequence[str], definition: Definition) -> None:
    for name in names:
        if name not in definition.steps:
            close = difflib.get_close_matches(name, definition.steps, n=1)
            there = f"there are {', '.join(definition.steps)}"
            hint = f"did you mean {close[0]}?" if close else there
            raise ExecutionError(f"{option} {name}: the pipeline has no such step; {hint}")
