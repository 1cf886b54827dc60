"""What an execution on SageMaker came to, for the verbs that watch one: the table that `run` shows,
the pipeline's figures, where the outputs are, and what the jobs cost.

None of it decides how the execution ended: what can't be had is said in a line.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from sagepipe.aws import boto
from sagepipe.cli import run_source
from sagepipe.cli.frame import Call
from sagepipe.errors import SagepipeError
from sagepipe.executions import remote_figures, reused, tables
from sagepipe.executions.archive import PastExecution
from sagepipe.executions.remote import Execution
from sagepipe.executions.remote_archive import RemoteArchive
from sagepipe.report import bills, prices, summary
from sagepipe.report.bills import Bill
from sagepipe.report.figures import NONE, Figures, FindFigures

Json = Any


@dataclass(frozen=True)
class Outcome:
    """What was to be had of an execution; `notes` says of the rest why it wasn't."""

    past: PastExecution | None = None
    figures: Figures = NONE
    bill: Bill | None = None
    notes: tuple[str, ...] = ()


def find(execution: Execution, call: Call, arguments: argparse.Namespace) -> Outcome:
    """Ask the service, S3 and the project. Raises nothing that they may say."""
    try:
        past = RemoteArchive(execution.region, execution.pipeline).read(execution.arn)
    except SagepipeError as error:
        return Outcome(notes=(str(error),))
    finder = _finder(execution, call, arguments)
    figures, no_figures = _figures(past, execution.region, finder) if finder else (NONE, "")
    bill, no_bill = _bill(past, execution.region)
    notes = (*past.notes, no_figures, no_bill, *_gone(past, execution.region))
    return Outcome(past, figures, bill, tuple(filter(None, notes)))


def show(outcome: Outcome, console: Console, say: Callable[[str], None]) -> None:
    """Print it."""
    if outcome.past:
        # The table reads nothing from where the record would be.
        result = remote_figures.as_result(outcome.past, Path())
        console.print(summary.table(result, outcome.figures))
    for line in _lines(outcome):
        say(line)


def to_json(outcome: Outcome) -> dict[str, Json]:
    """What it adds to an execution for scripts."""
    return {
        "rows": dict(outcome.figures.rows),
        "metrics": dict(outcome.figures.metrics),
        "cost": bills.to_json(outcome.bill) if outcome.bill else None,
        "notes": list(outcome.notes),
    }


def _lines(outcome: Outcome) -> Iterator[str]:
    yield from outcome.figures.lines
    steps = outcome.past.steps.values() if outcome.past else ()
    if cached := [step for step in steps if step.reused == "cached"]:
        names = ", ".join(f"{step.name} (execution {step.source})" for step in cached)
        yield f"from the step cache: {names}"
    if outcome.bill:
        yield bills.line(outcome.bill)
    if outcome.past:
        if tried := [step.name for step in steps if step.usage and step.attempts > 1]:
            yield f"earlier attempts of {', '.join(tried)} may have cost something, too"
        yield from tables.output_lines(outcome.past)
    yield from outcome.notes


def _figures(past: PastExecution, region: str, finder: FindFigures) -> tuple[Figures, str]:
    """The figures, and if there are none, why."""
    try:
        found = remote_figures.read(boto.client("s3", region), past, finder)
    except SagepipeError as error:
        return NONE, f"no figures: {error}"
    except Exception as error:  # what a project reads there is its own
        return NONE, f"the pipeline's figures can't be read: {type(error).__name__}: {error}"
    if past.entry.status == "Succeeded" and not found.rows and not found.lines:
        return found, "no figures: what they are read from isn't among the outputs"
    return found, ""


def _bill(past: PastExecution, region: str) -> tuple[Bill | None, str]:
    """What its own jobs cost, and if that can't be told, why."""
    steps = past.steps.values()
    usages = {step.name: step.usage for step in steps if step.usage and not step.reused}
    if not usages:
        return None, ""
    try:
        return bills.bill(usages, prices.load(prices.find(region))), ""
    except SagepipeError as error:
        return None, f"no cost: {error}"


def _gone(past: PastExecution, region: str) -> list[str]:
    try:
        return list(reused.gone(boto.client("s3", region), past))
    except SagepipeError as error:
        return [f"whether the outputs of cached steps are still there can't be told: {error}"]


def _finder(execution: Execution, call: Call, arguments: argparse.Namespace) -> FindFigures | None:
    """The reader of the project's pipeline, if it is an execution of that one: an ARN may be
    another's. A pipeline may be deployed under a name of its own."""
    deployed = call.settings(arguments).get("pipeline_name") or ""
    if deployed.lower() == execution.pipeline.lower():
        name = arguments.pipeline
    else:
        name = execution.pipeline
    pipeline = run_source.of_project(call, name)
    found: FindFigures | None = pipeline.figures if pipeline else None
    return found
