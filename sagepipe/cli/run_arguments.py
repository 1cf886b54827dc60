"""The command line of `sagepipe run`, and what its options stand for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sagepipe.errors import ParameterError, SettingsError
from sagepipe.local.choices import MAX_PARALLEL_STEPS, Choices
from sagepipe.local.launch.images import Image
from sagepipe.local.past import LATEST
from sagepipe.local.retry import Fault

EXAMPLES = """\
examples:
  sagepipe run
      a generated 12-lead sample through Preprocess, Pca, the gate and SparkTransform
  sagepipe run --input ~/recordings -p Leads=i,ii,v1 -p NComponents=2
      your own CSV files, three leads of them
  sagepipe run --input ~/recordings -p PcaInstanceCount=13 --at-once 2
      13 instances, of which two run at the same time
  sagepipe run --definition pipeline.json --bucket my-bucket=~/data:ro --skip Train
      any definition, with a folder for a bucket and without a step
  sagepipe run --input ~/recordings --from-step Pca -p NComponents=3
      Pca and all after it, on the results of the latest execution
  sagepipe start -p Leads=i,ii --wait
      the deployed pipeline, on SageMaker, watched to its end
  sagepipe run --resume
      go on where the latest execution failed, was stopped or was killed
  sagepipe run --json --quiet > result.json
      for scripts

exit code: 0 only when the execution succeeded; 1 when it failed or an input was wrong; 2 for a
wrong command line; 130 when it was stopped with Ctrl-C
"""


def parser(description: str) -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="sagepipe run",
        description=description,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add(
        "--input",
        type=Path,
        metavar="DIR",
        help="recordings: a folder of *.csv and *.csv.gz, "
        "read where it is and never written to (default: a generated 12-lead sample)",
    )
    add(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a pipeline parameter; may be repeated",
    )
    add(
        "--store",
        type=Path,
        default=Path("local-store"),
        metavar="DIR",
        help="the folder that stands in for S3 (default: %(default)s)",
    )
    add(
        "--bucket",
        action="append",
        default=[],
        metavar="NAME=DIR[:ro]",
        help="a folder that stands in for one bucket, read-only with :ro; may be repeated",
    )
    add(
        "--at-once",
        type=positive,
        metavar="N",
        help="run at most N instances of a job at the same time (default: all, as SageMaker does)",
    )
    add(
        "--isolation",
        choices=("auto", "namespaces", "paths"),
        default="auto",
        help="give each instance its own /opt/ml, or rewrite paths (default: namespaces where "
        "they are to be had)",
    )
    add("--quiet", action="store_true", help="print errors only")
    add("--json", action="store_true", help="print the result as JSON on standard output")
    _add_definition(made.add_argument_group("another definition"))
    _add_selection(made.add_argument_group("which steps"))
    _add_behaviour(made.add_argument_group("how they run"))
    return made


def _add_definition(group: Any) -> None:
    add = group.add_argument
    add(
        "--definition",
        type=Path,
        metavar="FILE",
        help="run this pipeline definition, or DescribePipeline's answer, instead of the project's",
    )
    add("--definition-of", metavar="NAME", help="run a deployed pipeline's definition")
    add(
        "--unchecked",
        action="store_true",
        help="with --definition: run it even though the service would refuse it",
    )
    add(
        "--image",
        action="append",
        default=[],
        metavar="URI=COMMAND",
        help="what stands in for a container image: its entrypoint, or a whole command with "
        "{command}; may be repeated",
    )


def _add_selection(group: Any) -> None:
    add = group.add_argument
    add(
        "--skip",
        action="append",
        default=[],
        metavar="STEP",
        help="leave a step out; may be repeated",
    )
    add(
        "--stub",
        action="append",
        default=[],
        metavar="STEP=DIR",
        help="take a folder in place of a step: DIR/<output>/ for each output, and "
        "DIR/properties.json; may be repeated",
    )
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="STEP",
        help="run these steps only; what they need comes from an earlier execution",
    )
    which.add_argument(
        "--from-step", metavar="STEP", help="run this step and all that come after it"
    )
    which.add_argument(
        "--resume",
        nargs="?",
        const=LATEST,
        metavar="EXECUTION",
        help="go on with an execution that failed, was stopped or was killed (default: the latest)",
    )
    add(
        "--source",
        metavar="EXECUTION",
        help="with --only and --from-step: where the other results come from (default: the latest "
        "that succeeded or failed)",
    )


def _add_behaviour(group: Any) -> None:
    add = group.add_argument
    add("--no-cache", action="store_true", help="run steps that the step cache has")
    add("--no-wait", action="store_true", help="try failed steps again without waiting")
    add(
        "--logs",
        action="append",
        default=[],
        metavar="STEP",
        help="show what the instances of a step write; may be repeated",
    )
    add(
        "--max-parallel-steps",
        type=positive,
        metavar="N",
        help="run at most N steps at the same time (default: the pipeline's own ParallelismConfig"
        f"uration, or {MAX_PARALLEL_STEPS})",
    )
    add(
        "--on-collision",
        choices=("fail", "last"),
        default="fail",
        help="when two instances write one key: fail the job, or keep the last, as the service "
        "does (default: fail)",
    )
    add(
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="an environment variable for all instances, such as AWS_PROFILE; nothing of yours is "
        "passed on otherwise; may be repeated",
    )
    add(
        "--fault",
        action="append",
        default=[],
        metavar="STEP=TYPE[*N]",
        help="let a step fail, such as Pca=SageMaker.CAPACITY_ERROR*2, to see its retry policies",
    )


def conflict(arguments: argparse.Namespace) -> str:
    """Why the options don't go together; "" if they do."""
    other = arguments.definition or arguments.definition_of
    if arguments.definition and arguments.definition_of:
        return "--definition and --definition-of: give one of them"
    if other and arguments.input:
        return "--input is for this project's own pipeline; with a definition, give --bucket"
    own = (arguments.parameter, arguments.skip, arguments.stub, arguments.source, arguments.input)
    if arguments.resume and (other or any(own)):
        return (
            "--resume goes on with the execution's own definition, parameters, recordings and "
            "steps; leave out --definition, --input, -p, --skip, --stub and --source"
        )
    return ""


def choices(arguments: argparse.Namespace, max_parallel_steps: int | None) -> Choices:
    """What the options choose; `max_parallel_steps` is the pipeline's own."""
    return Choices(
        skip=tuple(arguments.skip),
        stubs={name: Path(folder) for name, folder in pairs(arguments.stub, "--stub").items()},
        only=tuple(arguments.only),
        from_step=arguments.from_step,
        source=arguments.source,
        cache=not arguments.no_cache,
        wait=not arguments.no_wait,
        max_parallel_steps=arguments.max_parallel_steps or max_parallel_steps or MAX_PARALLEL_STEPS,
        logs=frozenset(arguments.logs),
        faults=tuple(map(Fault.parse, arguments.fault)),
    )


def images(arguments: argparse.Namespace) -> tuple[Image, ...]:
    """What stands in for images."""
    return tuple(map(Image.parse, arguments.image))


def environment(arguments: argparse.Namespace) -> dict[str, str]:
    """Variables for all instances; one without a value has this process's."""
    found = {}
    for text in arguments.env:
        name, separator, value = text.partition("=")
        if not separator and name not in os.environ:
            raise SettingsError(f"--env {name}: there is no such variable; write NAME=VALUE")
        found[name] = value if separator else os.environ[name]
    return found


def pairs(texts: Sequence[str], option: str = "-p") -> dict[str, str]:
    """NAME=VALUE texts as a dictionary. Raises ParameterError."""
    given: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise ParameterError(f"{option} {text}: write {option} NAME=VALUE")
        given[name] = value
    return given


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
