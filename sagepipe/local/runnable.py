"""Whether this engine can run a definition, and what is left out of it at the user's wish."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from sagepipe.errors import UnsupportedError
from sagepipe.language.definition import Definition
from sagepipe.language.step import Step

RUNNABLE = ("Processing", "Condition", "Fail")
_FOREIGN = (
    "PipelineExperimentConfig.",
    "ForEach.",
    "IterationOutput.",
)  # what a Get can begin with


def skipped(
    definition: Definition, skip: Collection[str], stubs: Collection[str]
) -> frozenset[str]:
    """The steps that `--skip` leaves out: those named, and every step in a branch of a Condition
    step that is left out. What waits for them doesn't wait.

    Raises:
        UnsupportedError: an unknown step, a step that needs a property of a skipped one, or
            something in a step that this engine cannot run.
    """
    for option, names in (("--skip", skip), ("--stub", stubs)):
        for name in names:
            known(name, definition.steps, option)
    left_out: set[str] = set()
    for step in definition.steps.values():  # a Condition comes before the steps of its branches
        if step.name in skip or (step.branch and step.branch.condition in left_out):
            left_out.add(step.name)
    running = [step for step in definition.steps.values() if step.name not in left_out]
    _check_types([step for step in running if step.name not in stubs])
    for step in running:
        _check_members(step, left_out)
    return frozenset(left_out)


def known(name: str, steps: Collection[str], option: str) -> None:
    """Raises UnsupportedError unless `name`, given with `option`, is one of the steps."""
    if name not in steps:
        close = difflib.get_close_matches(name, steps, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(steps)}"
        raise UnsupportedError(f"{option} {name}: the definition has no such step; {hint}")


def _check_types(steps: Collection[Step]) -> None:
    if foreign := [step for step in steps if step.type not in RUNNABLE]:
        named = ", ".join(f"{step.name} ({step.type})" for step in foreign)
        first = foreign[0].name
        raise UnsupportedError(
            f"cannot run {named}: the local engine runs {', '.join(RUNNABLE)} steps; "
            f"--skip {first} goes on without it, --stub {first}=DIR with files in its place"
        )


def _check_members(step: Step, left_out: Collection[str]) -> None:
    for reference in step.references:
        if reference.path and reference.target in left_out:
            name, target = reference.target, f"Steps.{reference.target}{reference.path}"
            raise UnsupportedError(
                f"{step.name} needs {target}, and --skip leaves {name} out; skip {step.name} "
                f"as well, or give --stub {name}=DIR"
            )
    for dependency in step.depends_on:
        if dependency.trigger and dependency.step not in left_out:
            raise UnsupportedError(
                f"{step.name} depends on {dependency.step} with Trigger {dependency.trigger!r}, "
                f"which the local engine doesn't have; --skip {step.name} goes on without it"
            )
    for expression in step.expressions:
        if step.type in RUNNABLE and expression.get.startswith(_FOREIGN):
            raise UnsupportedError(
                f"{step.name}, {expression.field}: the local engine has no {expression.get}; "
                f"--skip {step.name} goes on without it"
            )
