"""Watching an execution from a verb that may: its options, what it shows, its exit code."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sagepipe.aws import boto
from sagepipe.cli import outcome
from sagepipe.cli.frame import INTERRUPTED, Call, complain, print_json
from sagepipe.cli.outcome import Outcome
from sagepipe.errors import ExecutionError
from sagepipe.executions import download, follow, jobs, remote, tables
from sagepipe.executions.download import Copied
from sagepipe.executions.remote import Execution
from sagepipe.executions.remote_archive import RemoteArchive
from sagepipe.executions.view import View, ending, to_json

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

EXIT_CODES = {"Succeeded": 0, "Failed": 1, "Stopped": 3, "CompletedWithFailures": 4}
INTERVAL = 10.0
LOG_LINES = 20


def watch(
    arn: str,
    sagemaker: SageMakerClient,
    call: Call,
    arguments: argparse.Namespace,
    *,
    before: datetime | None = None,
    once: bool = False,
) -> int:
    """Show the execution until it has ended (or once), then why it failed; returns an exit code.

    `before` is the moment that a retried execution was last changed before its retry: until the
    service has taken up the retry, it still shows the old end.
    """
    console = Console(stderr=arguments.json, quiet=arguments.quiet, highlight=False)
    instances = jobs.counter(sagemaker)
    view = View(console, remote.planned_steps(sagemaker, arn), instances)
    try:
        with view:
            if once:
                execution = remote.read(sagemaker, arn)
                view(execution)
            else:
                execution = follow.follow(
                    sagemaker, arn, view, interval=arguments.interval, before=before
                )
    except KeyboardInterrupt:
        text = f"stopped watching; the execution goes on: sagepipe watch {arn}"
        complain(call.words(text), label="")
        return INTERRUPTED
    came_to = Outcome()
    if execution.final and (arguments.json or not arguments.quiet):
        came_to = outcome.find(execution, call, arguments)
    if console.is_terminal and not came_to.past:
        console.print(view.table(execution))
    outcome.show(came_to, console, view.say)
    if execution.final:
        _tell_end(execution, sagemaker, view, arguments.log_lines)
    if arguments.download is not None:
        _download(execution, view, arguments.download)
    if arguments.json:
        print_json(to_json(execution, instances) | outcome.to_json(came_to))
    return EXIT_CODES.get(execution.status, 0)


def _download(execution: Execution, view: View, folder: Path) -> None:
    if not execution.final:
        raise ExecutionError(f"it is {execution.status}: --download copies what has ended")

    def tell(one: Copied) -> None:
        files = "one file" if one.files == 1 else f"{one.files} files"
        view.say(f"copied {files}, {tables.size(one.bytes)}, to {one.folder}")

    s3 = boto.client("s3", execution.region)
    whole = RemoteArchive(execution.region, execution.pipeline).read(execution.arn)
    download.outputs(s3, whole, folder, tell)


def _tell_end(execution: Execution, sagemaker: SageMakerClient, view: View, lines: int) -> None:
    failed = [step for step in execution.steps if step.status == "Failed" and step.job]
    traces = {}
    if failed:
        logs = boto.client("logs", sagemaker.meta.region_name)
        traces = {step.name: jobs.trace(sagemaker, logs, step.job, lines) for step in failed}
    for line in ending(execution, traces):
        view.say(line)


def add_arguments(parser: Any) -> None:
    """How to watch."""
    add = parser.add_argument
    add(
        "--interval",
        type=_seconds,
        default=INTERVAL,
        metavar="SECONDS",
        help="how often to ask (default: %(default)g)",
    )
    add(
        "--log-lines",
        type=_lines,
        default=LOG_LINES,
        metavar="N",
        help="lines of each instance's log that are shown of a failed step (default: %(default)s)",
    )
    add(
        "--download",
        type=Path,
        metavar="DIR",
        help="copy what its steps wrote to DIR/<step>/<output>/ when it has ended",
    )
    add("--quiet", action="store_true", help="print errors only")
    add("--json", action="store_true", help="print the end as JSON on standard output")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError("must be more than 0 and at most 3600")
    return seconds


def _lines(text: str) -> int:
    lines = int(text)
    if not 0 <= lines <= 10_000:
        raise argparse.ArgumentTypeError("must be 0 to 10000")
    return lines
