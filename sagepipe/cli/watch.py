"""sagepipe watch: an execution on SageMaker, step by step, to its end."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from rich.console import Console

from sagepipe.aws import boto, studio
from sagepipe.errors import AwsError, SagepipeError
from sagepipe.executions import jobs, remote
from sagepipe.executions.jobs import Trace
from sagepipe.executions.remote import Execution
from sagepipe.executions.view import View, ending, to_json
from sagepipe.settings import configuration

EXAMPLES = """\
examples:
  sagepipe watch
      the execution that was started last
  sagepipe watch p4jn9xou8a8s
      an execution by id or ARN
  sagepipe watch --once --json
      how it stands now, for scripts
  sagepipe watch --stop
  sagepipe watch --retry
      stop it, or go on where it failed, and watch that

exit code: 0 Succeeded, 1 Failed, 3 Stopped, 4 CompletedWithFailures; 1 also when an input or a call
was wrong; 2 for a wrong command line; 130 when you stop watching with Ctrl-C, which leaves the
execution running; with --once 0 also while it is running
"""

EXIT_CODES = {"Succeeded": 0, "Failed": 1, "Stopped": 3, "CompletedWithFailures": 4}
INTERRUPTED = 130
INTERVAL = 10.0
LOG_LINES = 20

# Watching goes on for hours: faults that pass don't end it unless they come so often in a row.
_PATIENCE = 10
PASSING = frozenset(
    {
        "ConnectTimeoutError",
        "ConnectionClosedError",
        "EndpointConnectionError",
        "HTTPClientError",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "ProxyConnectionError",
        "ReadTimeoutError",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    arguments = _parser().parse_args(argv)
    console = Console(stderr=arguments.json, quiet=arguments.quiet, highlight=False)
    try:
        target = configuration.target(arguments)
        sagemaker = boto.client("sagemaker", target.region)
        arn = remote.find(sagemaker, target.pipeline_name, arguments.execution)
        before = None
        if arguments.stop:
            remote.stop(sagemaker, remote.read(sagemaker, arn))
        elif arguments.retry:
            failed = remote.read(sagemaker, arn)
            remote.retry(sagemaker, failed)
            before = failed.modified
        return watch(
            arn,
            sagemaker,
            console,
            interval=arguments.interval,
            lines=arguments.log_lines,
            once=arguments.once,
            as_json=arguments.json,
            before=before,
        )
    except SagepipeError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return error.exit_code


def watch(
    arn: str,
    sagemaker: Any,
    console: Console,
    *,
    interval: float = INTERVAL,
    lines: int = LOG_LINES,
    once: bool = False,
    as_json: bool = False,
    before: datetime | None = None,
) -> int:
    """Show the execution until it has ended (or once), then why it failed; returns an exit code.

    `before` is the moment that a retried execution was last changed before its retry: until the
    service has taken up the retry, it still shows the old end.
    """
    instances = _instances(sagemaker)
    execution = _placed(remote.read(sagemaker, arn))
    view = View(console, remote.planned_steps(sagemaker, arn), instances)
    try:
        with view:
            view.say(f"execution {execution.id}" + _titles(execution))
            view(execution)
            if not once:
                end = follow(sagemaker, arn, view, interval=interval, before=before)
                execution = _placed(end)
    except KeyboardInterrupt:
        print(
            f"stopped watching; the execution goes on: sagepipe watch {arn}",
            file=sys.stderr,
        )
        return INTERRUPTED
    if console.is_terminal:
        console.print(view.table(execution))
    if execution.final:
        for line in ending(execution, _traces(execution, sagemaker, lines)):
            view.say(line)
    if as_json:
        print(json.dumps(to_json(execution, instances), indent=2))
    return EXIT_CODES.get(execution.status, 0)


def follow(
    sagemaker: Any,
    arn: str,
    tell: Callable[[Execution], None],
    *,
    interval: float,
    before: datetime | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Execution:
    """Ask again every `interval` seconds until the execution has ended; returns its end.

    With `before`, an end that was last changed then is the one that was retried, until the retry
    shows or has had its time to.

    Raises `AwsError` for a fault that won't pass, or has come too often in a row.
    """
    faults, old_ends = 0, 0
    while True:
        try:
            execution = remote.read(sagemaker, arn)
        except AwsError as error:
            faults += 1
            if faults > _PATIENCE or error.code not in PASSING:
                raise AwsError(
                    f"{error}; the execution goes on: sagepipe watch {arn}", error.code
                ) from error
        else:
            faults = 0
            tell(execution)
            if not execution.final:
                before = None
            elif before is None or execution.modified != before or old_ends == _PATIENCE:
                return execution
            else:
                old_ends += 1
        sleep(interval)


def _placed(execution: Execution) -> Execution:
    """With the domain of the Studio that this runs in, if whoever started it wasn't in one."""
    if execution.domain or not studio.find():
        return execution
    try:
        domain = json.loads(studio.METADATA.read_text(encoding="utf-8")).get("DomainId")
    except (OSError, ValueError):
        return execution
    return dataclasses.replace(execution, domain=domain or "")


def _titles(execution: Execution) -> str:
    parts = [execution.display_name] if execution.display_name else []
    parts += [f"version {execution.version}"] if execution.version else []
    title = f" ({', '.join(parts)})" if parts else ""
    return title + (f"\n{execution.studio_link}" if execution.studio_link else "")


def _instances(sagemaker: Any) -> Callable[[str], int]:
    """How many instances a job has; asked once for each job, 0 if it isn't to be known."""

    @cache
    def count(name: str) -> int:
        try:
            return jobs.describe(sagemaker, name).instances
        except AwsError:
            return 0

    return count


def _traces(execution: Execution, sagemaker: Any, lines: int) -> dict[str, Trace]:
    """What the jobs of the failed steps tell, by step."""
    failed = [step for step in execution.steps if step.status == "Failed" and step.job]
    if not failed:
        return {}
    logs = boto.client("logs", sagemaker.meta.region_name)
    return {step.name: jobs.trace(sagemaker, logs, step.job, lines) for step in failed}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sagepipe watch",
        description="Watch an execution on SageMaker to its end; stop or retry it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("execution", nargs="?", help="id or ARN (default: the execution that was started last)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--stop", action="store_true", help="stop it, and watch it stop")
    which.add_argument(
        "--retry", action="store_true", help="go on where it failed or stopped, and watch"
    )
    add("--once", action="store_true", help="show it as it is now and leave")
    add(
        "--log-lines",
        type=_lines,
        default=LOG_LINES,
        metavar="N",
        help="lines of each instance's log that are shown of a failed step (default: %(default)s)",
    )
    add("--quiet", action="store_true", help="print errors only")
    add("--json", action="store_true", help="print the end as JSON on standard output")
    add_interval(parser)
    configuration.add_arguments(parser)
    return parser


def add_interval(parser: Any) -> None:
    """The option for how often to ask."""
    parser.add_argument(
        "--interval",
        type=_seconds,
        default=INTERVAL,
        metavar="SECONDS",
        help="how often to ask (default: %(default)g)",
    )


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


if __name__ == "__main__":
    sys.exit(main())
