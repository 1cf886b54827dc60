"""The options of `sagepipe run`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from sagepipe.cli.values import add_parameters, add_selection, positive
from sagepipe.local.choices import MAX_PARALLEL_STEPS
from sagepipe.local.given import DEFAULT_STORE
from sagepipe.local.past import LATEST


def add(parser: argparse.ArgumentParser) -> None:
    """Add them all, but the pipeline."""
    option = parser.add_argument
    option(
        "--input",
        type=Path,
        metavar="DIR",
        help="a folder that the pipeline reads, where it is, and never writes to (default: the "
        "pipeline's sample, if it has one)",
    )
    add_parameters(parser)
    option(
        "--store",
        type=Path,
        default=DEFAULT_STORE,
        metavar="DIR",
        help="the folder that stands in for S3 (default: %(default)s)",
    )
    repeated(
        parser,
        "--bucket",
        "NAME=DIR[:ro]",
        "a folder that stands in for one bucket, read-only with :ro",
    )
    option(
        "--at-once",
        type=positive,
        metavar="N",
        help="run at most N instances of a job at the same time (default: all, as SageMaker does)",
    )
    option(
        "--isolation",
        choices=("auto", "namespaces", "paths"),
        help="give each instance its own /opt/ml, or rewrite paths (default: auto, namespaces "
        "where they are to be had)",
    )
    option("--quiet", action="store_true", help="print errors only")
    option("--json", action="store_true", help="print the result as JSON on standard output")
    _add_definition(parser.add_argument_group("another definition"))
    _add_selection(parser.add_argument_group("which steps"))
    _add_behaviour(parser.add_argument_group("how they run"))


def repeated(group: Any, name: str, metavar: str, text: str) -> None:
    """An option that may be given again and again."""
    group.add_argument(
        name, action="append", default=[], metavar=metavar, help=f"{text}; may be repeated"
    )


def _add_definition(group: Any) -> None:
    option = group.add_argument
    option(
        "--definition",
        type=Path,
        metavar="FILE",
        help="run this pipeline definition, or DescribePipeline's answer, instead of the project's",
    )
    option("--definition-of", metavar="NAME", help="run a deployed pipeline's definition")
    option("--region", help="with --definition-of: where it is deployed")
    option(
        "--config",
        type=Path,
        metavar="FILE",
        help="with --definition-of: settings that say where (default: pipeline.toml)",
    )
    option(
        "--settings-env",
        metavar="NAME",
        help="with --definition-of: take the settings of [env.NAME] in that file",
    )
    option(
        "--unchecked",
        action="store_true",
        help="run a definition even though the service would refuse it",
    )
    repeated(
        group,
        "--image",
        "URI=COMMAND",
        "what stands in for a container image: its entrypoint, or a whole command with {command}",
    )


def _add_selection(group: Any) -> None:
    repeated(group, "--skip", "STEP", "leave a step out")
    repeated(
        group,
        "--stub",
        "STEP=DIR",
        "take a folder in place of a step: DIR/<output>/ for each output, and DIR/properties.json",
    )
    which = add_selection(group)
    which.add_argument(
        "--resume",
        nargs="?",
        const=LATEST,
        metavar="EXECUTION",
        help="go on with an execution that failed, was stopped or was killed, as it began "
        "(default: the latest)",
    )


def _add_behaviour(group: Any) -> None:
    option = group.add_argument
    option(
        "--no-cache",
        dest="cache",
        action="store_const",
        const="off",
        help="run steps that the step cache has",
    )
    option(
        "--cache-like-service",
        dest="cache",
        action="store_const",
        const="service",
        help="take results as the service would: by the inputs' URIs, whatever they contain by now",
    )
    option("--no-wait", action="store_true", help="try failed steps again without waiting")
    repeated(group, "--logs", "STEP", "show what the instances of a step write")
    option(
        "--max-parallel-steps",
        type=positive,
        metavar="N",
        help="run at most N steps at the same time (default: the pipeline's own ParallelismConfig"
        f"uration, or {MAX_PARALLEL_STEPS})",
    )
    option(
        "--on-collision",
        choices=("fail", "last"),
        help="when two instances write one key: fail the job, or keep the last, as the service "
        "does (default: fail)",
    )
    repeated(
        group,
        "--env",
        "NAME[=VALUE]",
        "an environment variable for all instances, such as AWS_PROFILE; nothing of yours is "
        "passed on otherwise",
    )
    repeated(
        group,
        "--fault",
        "STEP=TYPE[*N]",
        "let a step fail, such as Train=SageMaker.CAPACITY_ERROR*2, to see its retry policies",
    )
