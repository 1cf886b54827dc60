"""The verb `definition`: prints the pipeline definition, the JSON that SageMaker gets.

Needs no account, no credentials and no network; without options it uses the placeholders that the
local engine uses. What is printed has passed validation.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

from sagepipe.cli.frame import Call, Command, add_pipeline, print_json
from sagepipe.language import validate
from sagepipe.settings.facts import Settings

EXAMPLES = """\
examples:
  sagepipe definition --indent
  sagepipe definition --region eu-west-1 --artifact-bucket my-bucket \\
      --role-arn arn:aws:iam::123456789012:role/pipelines > definition.json

exit code: 0; 1 with a line for each thing that the service would refuse; 2 for a wrong command line
"""

# option -> the setting that it replaces
_OPTIONS = {
    "region": "region of the managed images (default: us-east-1)",
    "role-arn": "role of the jobs (default: a placeholder)",
    "artifact-bucket": "bucket of the scripts, and what the builder may default others to "
    "(default: a placeholder)",
    "artifact-prefix": "folder of the scripts in it (default: the pipeline's name)",
    "pipeline-name": "name that it is deployed under (default: the pipeline's name)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_pipeline(parser)
    for option, text in _OPTIONS.items():
        parser.add_argument(f"--{option}", help=text)
    parser.add_argument("--indent", action="store_true", help="for people: indented")


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Build, validate, print."""
    pipeline = call.pipeline(arguments.pipeline)
    chosen = {
        name: value
        for name in (option.replace("-", "_") for option in _OPTIONS)
        if (value := getattr(arguments, name)) is not None
    }
    built = pipeline.built(dataclasses.replace(Settings.local(pipeline.name), **chosen))
    validate.check(built.document)
    for warning in validate.warnings(built.document, pipeline.immutable):
        print(f"warning: {warning}", file=sys.stderr)
    if arguments.indent:
        print_json(built.document)
    else:
        print(built.definition)
    return 0


COMMAND = Command(EXAMPLES, add_arguments, run)
