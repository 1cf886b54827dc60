"""The verb `run`: runs a pipeline on this machine, through `sagepipe.run` and `sagepipe.resume`."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

import sagepipe
from sagepipe.cli import run_options, run_report, run_request, run_source
from sagepipe.cli.frame import Call, Command, add_pipeline
from sagepipe.cli.values import pairs
from sagepipe.local import given, past
from sagepipe.local.events import Event, ExecutionStarted, Listener
from sagepipe.report.progress import Progress

EXAMPLES = """\
examples:
  sagepipe run
      the project's first pipeline, on its sample if it has one
  sagepipe run clean --input ~/tables -p Columns=a,b
      another pipeline of the project, on your own data
  sagepipe run -p InstanceCount=13 --at-once 2
      13 instances, of which two run at the same time
  sagepipe run --definition pipeline.json --bucket my-bucket=~/data:ro --skip Train
      any definition, with a folder for a bucket and without a step
  sagepipe run --from-step Train -p Depth=3
      Train and all after it, on the results of the latest execution
  sagepipe run --resume
      go on where the latest execution was stopped or was killed, with what it began with
  sagepipe run --json --quiet > result.json
      for scripts

exit code: 0 only when the execution succeeded; 1 when it failed or an input was wrong; 2 for a
wrong command line; 130 when it was stopped with Ctrl-C
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_pipeline(parser)
    run_options.add(parser)
    parser.set_defaults(parser=parser)


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Run a pipeline, or go on with an execution, and report."""
    if wrong := run_request.conflict(arguments):
        arguments.parser.error(wrong)
    console = Console(stderr=True, quiet=arguments.quiet, highlight=False)
    with Progress(console) as progress, _stopped_by_signals(progress, console) as (tell, stop):
        act = _resume if arguments.resume else _start
        result = act(arguments, call, {"on_event": tell, "stop": stop})
    return run_report.report(result, arguments, call)


def _start(arguments: argparse.Namespace, call: Call, listening: dict[str, Any]) -> sagepipe.Result:
    what: Any
    if arguments.definition:
        what = arguments.definition
    elif arguments.definition_of:
        place = given.store(arguments.store, run_request.buckets(arguments.bucket))
        where = run_source.region(arguments, call)
        what = run_source.Deployed(arguments.definition_of, where, place)
    else:
        what = call.pipeline(arguments.pipeline)
    return sagepipe.run(
        what,
        input=arguments.input,
        parameters=pairs(arguments.parameter),
        skip=arguments.skip,
        stubs=pairs(arguments.stub, "--stub"),
        only=arguments.only,
        from_step=arguments.from_step,
        source=arguments.source,
        isolation=arguments.isolation or "auto",
        cache=arguments.cache or "contents",
        on_collision=arguments.on_collision or "fail",
        unchecked=arguments.unchecked or bool(arguments.definition_of),  # deployed as it is
        **run_request.shared(arguments),
        **listening,
    )


def _resume(
    arguments: argparse.Namespace, call: Call, listening: dict[str, Any]
) -> sagepipe.Result:
    found = past.resumable(given.store(arguments.store, None), arguments.resume)
    return sagepipe.resume(
        found.execution_id,
        what=run_source.of_project(call, found.pipeline),
        isolation=arguments.isolation,
        cache=arguments.cache,
        on_collision=arguments.on_collision,
        **run_request.shared(arguments),
        **listening,
    )


@contextmanager
def _stopped_by_signals(
    tell: Listener, console: Console
) -> Iterator[tuple[Listener, threading.Event]]:
    """A listener, and an event that Ctrl-C and a request to terminate set once an execution has
    started. Before that there is nothing to stop but this process."""
    stop = threading.Event()
    before: dict[signal.Signals, Any] = {}

    def handle(number: int, _frame: object) -> None:
        stop.set()
        console.print("stopping every process …")

    def listen(event: Event) -> None:
        if isinstance(event, ExecutionStarted):
            for number in (signal.SIGINT, signal.SIGTERM):
                before[number] = signal.signal(number, handle)
        tell(event)

    try:
        yield listen, stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


COMMAND = Command(EXAMPLES, add_arguments, run)
