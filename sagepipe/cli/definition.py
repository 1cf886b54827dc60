"""python -m pipelines.definition: prints the pipeline definition, the JSON that SageMaker gets.

Needs no account, no credentials and no network; without options it uses the placeholders that the
local engine uses. What is printed has passed validation.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence

from pipelines.ecg_pca import definition
from sagepipe.errors import PipelinesError
from sagepipe.language.validate import check
from sagepipe.settings.facts import Settings

_EXAMPLES = """\
examples:
  python -m pipelines.definition --indent
  python -m pipelines.definition --region eu-west-1 --artifact-bucket my-bucket \\
      --role-arn arn:aws:iam::123456789012:role/ecg > definition.json
"""

# option -> the setting that it replaces
_OPTIONS = {
    "region": "region of the managed images",
    "role-arn": "role of the jobs",
    "artifact-bucket": "bucket of the scripts, and default of both data buckets",
    "artifact-prefix": "folder of the scripts in it",
    "pipeline-name": "name of the pipeline",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0, or 1 with a line on stderr for each thing that is wrong."""
    arguments = _parser().parse_args(argv)
    chosen = {
        name: value
        for name in (option.replace("-", "_") for option in _OPTIONS)
        if (value := getattr(arguments, name)) is not None
    }
    try:
        text = definition(dataclasses.replace(Settings.local(), **chosen))
        members = json.loads(text)
        check(members)
    except PipelinesError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return error.exit_code
    try:
        print(json.dumps(members, indent=2) if arguments.indent else text, flush=True)
    except BrokenPipeError:  # whoever reads has seen enough, as head has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.definition",
        description="Print the pipeline definition as JSON, validated. Makes no network call.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    local = Settings.local()
    for option, text in _OPTIONS.items():
        default = getattr(local, option.replace("-", "_"))
        parser.add_argument(f"--{option}", help=f"{text} (default: {default})")
    parser.add_argument("--indent", action="store_true", help="for people: indented")
    return parser


if __name__ == "__main__":
    sys.exit(main())
