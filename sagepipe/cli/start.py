"""The verb `start`: an execution of the deployed pipeline on SageMaker."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Mapping

from sagepipe.aws import boto
from sagepipe.cli import glance, pinning, watching
from sagepipe.cli.frame import Call, Command, add_pipeline, print_json
from sagepipe.cli.values import add_parameters, add_selection, pairs, positive
from sagepipe.executions.start import Start, start
from sagepipe.language.definition import Definition
from sagepipe.settings import configuration

EXAMPLES = """\
examples:
  sagepipe start -p Level=3 --wait
      the latest version, watched to its end
  sagepipe start --alias live --display-name nightly-retry
  sagepipe start --from-step Fit -p Level=4
      Fit and all after it, on the results of the latest execution that succeeded or failed
  sagepipe start --token $CI_RUN_ID
      the same token with the same request starts nothing twice

exit code: 0 when it was started; with --wait those of sagepipe watch: 0 Succeeded, 1 Failed,
3 Stopped, 4 CompletedWithFailures; 1 also when an input or a call was wrong; 2 for a wrong command
line; 130 for Ctrl-C, which leaves an execution that was started running
"""


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Check against what is deployed, start, and watch if asked to."""
    given = pairs(arguments.parameter)
    target = call.settings(arguments).target()
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
        max_parallel_steps=arguments.parallel,
        token=arguments.token or uuid.uuid4().hex,
    )

    def check(definition: Definition, given: Mapping[str, str]) -> None:
        call.check_parameters(arguments.pipeline, definition, given)
        glance.at_start(arguments, call, target.region, definition, given)

    arn = start(sagemaker, wanted, check)
    if arguments.json and not arguments.wait:
        print_json({"arn": arn})
    elif not arguments.quiet and not arguments.json:
        print(f"started {arn}", flush=True)
    if arguments.wait:
        return watching.watch(arn, sagemaker, call, arguments)
    if not arguments.quiet and not arguments.json:
        print(call.words(f"watch it with: sagepipe watch {arn}"))
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add = parser.add_argument
    add_pipeline(parser)
    add_parameters(parser)
    pinning.add_arguments(parser)
    add("--display-name", metavar="NAME", help="what Studio shows: letters, digits, hyphens")
    add(
        "--token",
        metavar="NAME",
        help="a name for this start, such as a CI run's id: repeated under the same name it starts "
        "nothing twice (default: a new one each time)",
    )
    which = parser.add_argument_group("which steps")
    add_selection(which)
    which.add_argument(
        "--max-parallel-steps",
        dest="parallel",  # the setting of that name is the pipeline's own
        type=positive,
        metavar="N",
        help="run at most N steps at the same time (default: as the pipeline says)",
    )
    waiting = parser.add_argument_group("watching it")
    waiting.add_argument("--wait", action="store_true", help="watch the execution to its end")
    watching.add_arguments(waiting)
    configuration.add_arguments(parser)


COMMAND = Command(
    EXAMPLES,
    add_arguments,
    run,
    interrupted="interrupted; sagepipe history --on sagemaker shows whether it was started",
)
