"""The glance of `doctor` that upsert and start take: a call or two, and warnings of what it finds.

It stops nothing, since data may be on its way, and doesn't tell what it couldn't look at.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

from sagepipe.cli.frame import Call, complain
from sagepipe.deploy.release import Release
from sagepipe.doctor import visit
from sagepipe.doctor.findings import Finding
from sagepipe.errors import NoProjectError
from sagepipe.language import selection
from sagepipe.language.definition import Definition


def at_release(release: Release, call: Call) -> None:
    """Warn of what would stop a start of what is about to be deployed. Raises `AwsError`."""
    _tell(visit.of_release(release), call)


def at_start(
    arguments: argparse.Namespace,
    call: Call,
    region: str,
    definition: Definition,
    given: Mapping[str, str],
) -> None:
    """Warn of what will make an execution of this definition fail, as far as its steps will run.

    Raises `AwsError`, and `ExecutionError` for steps that can't be selected.
    """
    steps = frozenset(definition.steps)
    if arguments.only or arguments.from_step:
        chosen = selection.select(definition, arguments.only, arguments.from_step)
        steps = frozenset(chosen.steps)
    try:
        pipeline = call.pipeline(arguments.pipeline)
    except NoProjectError:
        pipeline = None
    _tell(visit.of_start(pipeline, region, definition, given, steps), call)


def _tell(findings: Iterable[Finding], call: Call) -> None:
    for one in findings:
        if one.severity != "unknown":
            mend = f"; {one.mend}" if one.mend else ""
            complain(call.words(f"{one.where}: {one.what}{mend}"), label="warning: ")
