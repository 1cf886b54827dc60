"""What the project's own scripts say of the arguments that their steps will give them.

A script that wants to be asked has a function

    def refusal(argv: Sequence[str]) -> str
        \"\"\"Why `main` would refuse these arguments; "" if it wouldn't.\"\"\"

which may also exit as argparse does. It is called in a process of its own, so that what scripts
import stays out of the toolkit's.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagepipe.errors import ParameterError
from sagepipe.language import foreseen
from sagepipe.language.definition import Definition
from sagepipe.language.foreseen import Foreseen
from sagepipe.language.parameters import Value

UNKNOWN = "s3://known-when-it-runs/"
"""Stands for what only the execution will know, which is mostly where another step's output is."""

_SECONDS = 60
_ASKING = Path(__file__).with_name("asking.py")


@dataclass(frozen=True)
class Invocation:
    """A script of the project's as a step will run it."""

    step: str
    script: Path
    arguments: tuple[str, ...]


Ask = Callable[[Sequence[Invocation]], Sequence[str]]
"""Returns what couldn't be asked, a line each. Raises `ParameterError`: arguments are refused."""


def check(
    ask: Ask, code: Path, definition: Definition, values: Mapping[str, Value]
) -> tuple[str, ...]:
    """Ask the scripts in `code` about the arguments that the definition's steps will give them.

    A definition that is deployed may run another version of a script: then that isn't asked, and
    a line of what is returned says so. Raises `ParameterError`.
    """
    notes, invocations = [], []
    for job in foreseen.jobs(definition, values):
        script = code / (job.entrypoint or ("",))[-1].rpartition("/")[2]
        if not script.is_file():
            continue
        if _runs(job, script):
            invocations.append(Invocation(job.step, script, job.arguments(UNKNOWN)))
        else:
            notes.append(
                f"step {job.step!r} is deployed with another {script.name} than {script}, so its "
                "arguments are not checked"
            )
    return (*notes, *(ask(invocations) if invocations else ()))


def by_scripts(invocations: Sequence[Invocation]) -> Sequence[str]:
    """Calls each script's `refusal`, if it has one: an `Ask`."""
    asked = [(str(one.script), one.arguments) for one in invocations]
    try:
        run = subprocess.run(
            [sys.executable, "-B", "-P", str(_ASKING)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [f"arguments are not checked: the scripts didn't answer within {_SECONDS} s"]
    if run.returncode:
        raise RuntimeError(f"a script's refusal() failed:\n{run.stderr}")
    notes, refused = [], []
    for one, answer in zip(invocations, json.loads(run.stdout), strict=True):
        if "missing" in answer:
            notes.append(
                f"the arguments of step {one.step!r} are not checked: {one.script.name} can't be "
                f"asked here ({answer['missing']})"
            )
        elif answer["refusal"]:
            refused.append(
                f"step {one.step!r}: {one.script.name} refuses its arguments: {answer['refusal']}"
            )
    if refused:
        raise ParameterError("\n".join(refused))
    return notes


def _runs(job: Foreseen, script: Path) -> bool:
    """Whether the job is given this very script, which is known by the hash in its key."""
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    ending = f"/{digest}/{script.name}"
    return any(one.whole and f"/{one.where.key}".endswith(ending) for one in job.inputs)
