"""Starting the deployed pipeline on SageMaker: `sagepipe start`.

The definition is not built here but read from the service: what is deployed is what will run, and
parameters and steps are checked against it before anything is started.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from sagepipe.aws import boto
from sagepipe.cli import pinning, watch
from sagepipe.errors import AwsError, ExecutionError
from sagepipe.executions import remote
from sagepipe.executions.remote import Pipeline
from sagepipe.language import parameters
from sagepipe.language.definition import Definition
from sagepipe.settings import configuration

_DISPLAY_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}"
_MAX_SELECTED = 50


# Options of sagepipe run that say how this machine goes about it.
_LOCAL_ONLY = (
    "input",
    "store",
    "bucket",
    "at_once",
    "isolation",
    "definition",
    "definition_of",
    "unchecked",
    "image",
    "skip",
    "stub",
    "resume",
    "no_cache",
    "no_wait",
    "logs",
    "on_collision",
    "env",
    "fault",
)
_REMOTE_ONLY = ("version", "alias", "display_name", "token", "wait")


@dataclass(frozen=True)
class Start:
    """What is to be started; checked against the deployed definition by `request`.

    `only` names the steps of a selective execution, `from_step` the first of them instead; what
    they need from steps that aren't among them is taken from the execution `source` (an id or
    ARN; the latest that succeeded or failed, if None). `token` names this start: the same token
    with the same request starts nothing twice.
    """

    pipeline: str
    parameters: Mapping[str, str]
    version: int | None = None
    alias: str | None = None
    display_name: str | None = None
    only: tuple[str, ...] = ()
    from_step: str | None = None
    source: str | None = None
    max_parallel_steps: int | None = None
    token: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--on` and what goes with it. `-p`, `--only`, `--from-step`, `--source`,
    `--max-parallel-steps` and `--json` are those of local runs."""
    group = parser.add_argument_group("on SageMaker")
    add = group.add_argument
    add(
        "--on",
        choices=("local", "sagemaker"),
        default="local",
        help="start the deployed pipeline instead (default: run on this machine)",
    )
    pinning.add_arguments(group)
    add("--display-name", metavar="NAME", help="what Studio shows: letters, digits, hyphens")
    add(
        "--token",
        metavar="NAME",
        help="a name for this start, such as a CI run's id: repeated under the same name it starts "
        "nothing twice (default: a new one each time)",
    )
    add(
        "--wait",
        action="store_true",
        help="watch the execution to its end, with the exit codes of sagepipe watch",
    )
    watch.add_interval(group)
    configuration.add_arguments(parser)


def conflict(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> str | None:
    """What is wrong with the command line, if an option doesn't go with where it runs."""
    remotely = arguments.on == "sagemaker"
    for name in _LOCAL_ONLY if remotely else _REMOTE_ONLY:
        if getattr(arguments, name, None) != parser.get_default(name):
            option = f"--{name.replace('_', '-')}"
            return (
                f"{option} is for runs on this machine; leave it out, or leave out --on sagemaker"
                if remotely
                else f"{option} goes with --on sagemaker"
            )
    return None


def run(arguments: argparse.Namespace, given: Mapping[str, str], console: Console) -> int:
    """Start what the command line asks for, and watch it if it says so; returns the exit code.

    With `arguments.json`, prints the ARN (or, with --wait, the end) as JSON on standard output.

    Raises `SagepipeError`: settings, parameters, steps, or the call itself.
    """
    # Only these: a run's own --alias and --max-parallel-steps aren't the settings of that name.
    names = ("region", "pipeline_name", "config")
    chosen = argparse.Namespace(**{name: getattr(arguments, name) for name in names})
    target = configuration.target(chosen)
    sagemaker = boto.client("sagemaker", target.region)
    wanted = Start(
        pipeline=target.pipeline_name,
        parameters=given,
        version=arguments.version,
        alias=arguments.alias,
        display_name=arguments.display_name,
        only=tuple(arguments.only),
        from_step=arguments.from_step,
        source=arguments.source,
        max_parallel_steps=arguments.max_parallel_steps,
        token=arguments.token or uuid.uuid4().hex,
    )
    arn = start(sagemaker, wanted)
    console.print(f"started {arn}", soft_wrap=True)
    if arguments.wait:
        return watch.watch(
            arn, sagemaker, console, interval=arguments.interval, as_json=arguments.json
        )
    if arguments.json:
        print(json.dumps({"arn": arn}))
    console.print(f"watch it with: sagepipe watch {arn.rpartition('/')[2]}")
    return 0


def start(sagemaker: Any, wanted: Start) -> str:
    """Start an execution and return its ARN.

    boto3 repeats a call whose answer is lost with the same token; when it gives up, the error
    says how to repeat the command without starting a second execution.

    Raises `AwsError`, `ExecutionError`, `ParameterError`.
    """
    members = request(sagemaker, wanted)
    try:
        with boto.calls(f"start pipeline {wanted.pipeline}"):
            return str(sagemaker.start_pipeline_execution(**members)["PipelineExecutionArn"])
    except AwsError as error:
        if error.code not in watch.PASSING:
            raise
        raise AwsError(
            f"{error}; it may have started: repeat it with --token {wanted.token}, which starts "
            "nothing twice",
            error.code,
        ) from error


def request(sagemaker: Any, wanted: Start) -> dict[str, Any]:
    """The request of StartPipelineExecution, checked against what is deployed."""
    pipeline = remote.pipeline(sagemaker, wanted.pipeline, wanted.version, wanted.alias)
    parameters.resolve(Definition.read(pipeline.definition).parameters, wanted.parameters)
    name = wanted.display_name
    if name is not None and not re.fullmatch(_DISPLAY_NAME, name):
        raise ExecutionError(
            f"--display-name {name!r}: it takes 1 to 82 letters, digits and hyphens "
            "and begins and ends with a letter or digit"
        )
    members: dict[str, Any] = {
        "PipelineName": pipeline.arn.rpartition("/")[2],
        "PipelineParameters": [
            {"Name": name, "Value": value} for name, value in sorted(wanted.parameters.items())
        ],
    }
    optional = {
        "PipelineVersionId": wanted.version,
        "PipelineVersionAlias": wanted.alias,
        "PipelineExecutionDisplayName": wanted.display_name,
    }
    members |= {name: value for name, value in optional.items() if value is not None}
    if wanted.max_parallel_steps is not None:
        members["ParallelismConfiguration"] = {
            "MaxParallelExecutionSteps": wanted.max_parallel_steps
        }
    if wanted.only or wanted.from_step:
        members["SelectiveExecutionConfig"] = _selection(sagemaker, pipeline, wanted)
    elif wanted.source:
        raise ExecutionError(
            "--source needs --only or --from-step: it stands in for the steps that don't run"
        )
    # The whole request is part of the token: another request under the same name is another start.
    text = json.dumps(members, sort_keys=True)
    return members | {"ClientRequestToken": remote.token("start", wanted.token, text)}


def _selection(sagemaker: Any, pipeline: Pipeline, wanted: Start) -> dict[str, Any]:
    definition = Definition.read(pipeline.definition)
    steps = definition.steps
    above = {name: definition.ancestors([name]) for name in steps}
    for option, names in (("--only", wanted.only), ("--from-step", (wanted.from_step,))):
        for name in names:
            if name is not None and name not in steps:
                close = difflib.get_close_matches(name, steps, n=1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(steps)}"
                raise ExecutionError(f"{option} {name}: the pipeline has no such step; {hint}")
    selected = [
        name
        for name in steps
        if name in wanted.only or name == wanted.from_step or wanted.from_step in above[name]
    ]
    if len(selected) > _MAX_SELECTED:
        raise ExecutionError(f"{len(selected)} steps are selected; at most {_MAX_SELECTED} can be")
    between = [
        name
        for name in steps
        if name not in selected
        and above[name].intersection(selected)
        and any(name in above[one] for one in selected)
    ]
    if between:
        raise ExecutionError(
            f"--only {' '.join(wanted.only)}: the steps between them must run too; "
            f"add {' '.join(between)}"
        )
    members: dict[str, Any] = {"SelectedSteps": [{"StepName": name} for name in selected]}
    if any(above[name].difference(selected) for name in selected):
        members["SourcePipelineExecutionArn"] = _source(sagemaker, wanted)
    return members


def _source(sagemaker: Any, wanted: Start) -> str:
    """The execution whose outputs are taken; the service wants one that succeeded or failed."""
    if wanted.source is None:
        arn = remote.latest_of(sagemaker, wanted.pipeline, "Succeeded", "Failed")
        if arn is None:
            raise ExecutionError(
                "the selected steps need the outputs of others, and "
                f"{wanted.pipeline} has no execution yet that succeeded or failed; run all of it"
            )
        return arn
    arn = remote.find(sagemaker, wanted.pipeline, wanted.source)
    status = remote.read(sagemaker, arn).status
    if status not in ("Succeeded", "Failed"):
        raise ExecutionError(
            f"--source {wanted.source} is {status}; it must have succeeded or failed"
        )
    return arn
