"""The verb `watch`: an execution on SageMaker, step by step, to its end."""

from __future__ import annotations

import argparse

from sagepipe.aws import boto
from sagepipe.cli import watching
from sagepipe.cli.frame import Call, Command, add_pipeline
from sagepipe.executions import remote
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


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Stop or retry the execution if asked to; watch it."""
    target = call.settings(arguments).target()
    sagemaker = boto.client("sagemaker", target.region)
    arn = remote.find(sagemaker, target.pipeline_name, arguments.execution)
    before = None
    if arguments.stop:
        remote.stop(sagemaker, remote.read(sagemaker, arn))
    elif arguments.retry:
        failed = remote.read(sagemaker, arn)
        remote.retry(sagemaker, failed)
        before = failed.modified
    return watching.watch(arn, sagemaker, call, arguments, before=before, once=arguments.once)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add = parser.add_argument
    add("execution", nargs="?", help="id or ARN (default: the execution that was started last)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--stop", action="store_true", help="stop it, and watch it stop")
    which.add_argument(
        "--retry", action="store_true", help="go on where it failed or stopped, and watch"
    )
    add("--once", action="store_true", help="show it as it is now and leave")
    watching.add_arguments(parser)
    add_pipeline(parser, positional=False)
    configuration.add_arguments(parser)


COMMAND = Command(EXAMPLES, add_arguments, run)
