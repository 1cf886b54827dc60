"""What `sagepipe run` says when an execution has ended."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console

import sagepipe
from sagepipe.cli import run_source
from sagepipe.cli.frame import INTERRUPTED, Call, complain, print_json
from sagepipe.cli.run_request import flag
from sagepipe.local.events import Status
from sagepipe.local.given import DEFAULT_STORE
from sagepipe.report import summary
from sagepipe.report.figures import NONE, Figures


def report(result: sagepipe.Result, arguments: argparse.Namespace, call: Call) -> int:
    """Print how an execution ended and what to do next. Returns the exit code."""
    record, store = result.record, result.store
    figures = _figures(result, call)
    if arguments.json:
        print_json(summary.to_json(record, figures, store))
    elif not arguments.quiet:
        summary.show(record, figures, store, Console(highlight=False))
    for line in (*summary.failures(result), *_advice(result, arguments)):
        complain(call.words(line), label="")
    if result.status is Status.STOPPED:
        return INTERRUPTED
    return 0 if result.succeeded else 1


def _figures(result: sagepipe.Result, call: Call) -> Figures:
    pipeline = run_source.of_project(call, result.pipeline)
    find: Callable[..., Figures] | None = pipeline.figures if pipeline else None
    if find is None:
        return NONE
    try:
        return find(result.record, result.store)
    except Exception as error:  # what a project reads there is its own, and no part of the run
        complain(f"the pipeline's figures can't be read: {type(error).__name__}: {error}", "")
        return NONE


def _advice(result: sagepipe.Result, arguments: argparse.Namespace) -> Iterator[str]:
    """What to do next, with the command that does it."""
    advice = result.advice
    if advice is None:
        return
    if result.status is Status.STOPPED:
        where = result.store.root
        yield f"stopped; every process has ended. Finished steps keep their outputs in {where}"
    yield f"the record is {result.folder}"
    if advice.action == "resume":
        store = {"store": arguments.store}
        command = again(argparse.Namespace(**store), resume=result.execution_id)
        yield f"{advice.why}: {command}"
        return
    for option, parameter in advice.parameters.items():
        yield f"{option} is parameter {parameter} of the pipeline: -p {parameter}=VALUE"
    if arguments.resume:
        yield f"{advice.why}: run it anew, as it was started, without --resume"
        return
    command = again(
        arguments, **({"from_step": advice.from_step, "only": []} if advice.from_step else {})
    )
    kept = f" (not run again: {', '.join(advice.kept)})" if advice.kept else ""
    yield f"{advice.why}: {command}{kept}"


def again(arguments: argparse.Namespace, **changed: Any) -> str:
    """The command that does the same, but for what is `changed`. Values of variables are left
    out: they may be secrets, and what is printed is kept."""
    words = ["sagepipe", "run"]
    for name, value in {**vars(arguments), **changed}.items():
        if name != "parser":
            words += _words(name, value)
    return shlex.join(words)


def _words(name: str, value: Any) -> Iterator[str]:
    if name == "cache":
        yield from ["--no-cache"] if value is False else []
    elif value in (None, False, [], ()) or (name, value) == ("store", DEFAULT_STORE):
        return
    elif name == "pipeline":
        yield value
    elif value is True:
        yield flag(name)
    elif name == "only":
        yield from (flag(name), *value)
    elif name == "env":
        yield from (word for text in value for word in (flag(name), text.partition("=")[0]))
    elif isinstance(value, list):
        yield from (word for text in value for word in (flag(name), text))
    else:
        yield from (flag(name), str(value))
