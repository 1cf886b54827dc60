"""What to do after an execution that didn't succeed: the cause decides.

Resuming runs the recorded definition with its scripts and parameters. That is right after an
interruption or a fault of this machine; it is no use when the script or a parameter was wrong,
since it would run the same again. Then a new run is right, and what earlier steps have done is
taken from the step cache, or, where they don't use it, from this execution.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sagepipe.language.definition import Definition
from sagepipe.language.expressions import find
from sagepipe.local.choices import Choices
from sagepipe.local.events import Status
from sagepipe.local.record import ExecutionResult, StepResult
from sagepipe.local.retry import PLAYED

_WORD = re.compile(r"--?[A-Za-z][\w-]*")
MACHINE = "InternalServerError"  # how the reason of a machine's fault begins


@dataclass(frozen=True)
class Advice:
    """What to do next.

    Attributes:
        action: go on with this execution, or run again with what was wrong mended.
        why: what the cause is, in a few words.
        from_step: to run again, the step to begin at; None to run all.
        kept: the steps that then aren't run again.
        parameters: for an option that a failed step speaks of, the pipeline's parameter that it
            gets its value from.
    """

    action: Literal["resume", "run again"]
    why: str
    from_step: str | None = None
    kept: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)


def of(result: ExecutionResult, definition: Definition, choices: Choices) -> Advice | None:
    """What to do after an execution of a definition with these choices; None if it succeeded."""
    if result.status is Status.SUCCEEDED:
        return None
    failed = [step for step in result.steps.values() if step.status is Status.FAILED]
    if not failed:
        return Advice("resume", "it was interrupted")
    if all(step.reason.startswith(MACHINE) for step in failed):
        return Advice("resume", "this machine, not the script, failed it; once that is mended")
    if all(step.reason.endswith(PLAYED) for step in failed):
        return Advice("resume", "the failure was played")
    advice = _again(result, failed, definition, choices)
    return replace(advice, parameters=_options(failed, definition))


def _options(failed: Sequence[StepResult], definition: Definition) -> dict[str, str]:
    """The options that the failed steps' last words name, and their parameters."""
    found = {}
    for step in failed:
        said = set(_WORD.findall(" ".join([step.exit_message, *step.log_tail])))
        specification = definition.steps[step.name].arguments.get("AppSpecification", {})
        words = specification.get("ContainerArguments") or []
        for option, value in itertools.pairwise(words):
            if not isinstance(option, str) or option not in said:
                continue
            gets = [body.get("Get") for _, body in find(value, "") if "Get" in body]
            if len(gets) == 1 and str(gets[0]).startswith("Parameters."):
                found[option] = str(gets[0]).removeprefix("Parameters.")
    return found


def _again(
    result: ExecutionResult, failed: list[StepResult], definition: Definition, choices: Choices
) -> Advice:
    why = "with the code mended or another parameter"
    if any(step.type == "Fail" for step in failed):
        why = "with another parameter, or other data"
    done = [
        step
        for step in result.steps.values()
        if step.status is Status.SUCCEEDED and step.type == "Processing"
    ]
    cached = [step for step in done if choices.caches(definition.steps[step.name])]
    if cached == done:
        return Advice("run again", why, kept=tuple(step.name for step in done))
    first = failed[0].name
    if definition.steps[first].type == "Processing" and len(failed) == 1:
        wanted = {name for name, step in result.steps.items() if step.status is Status.NOT_RUN}
        if wanted <= definition.descendants([first]):
            return Advice("run again", why, first, tuple(step.name for step in done))
    return Advice("run again", why, kept=tuple(step.name for step in cached))
