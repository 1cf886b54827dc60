"""The verb `upsert`: builds, validates, compares with what is deployed, prints the plan, does it.

What is deployed already is not written again, so a second run changes nothing, and a run after an
interruption does what is left.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from sagepipe.cli.frame import Call, Command, add_pipeline, print_json
from sagepipe.deploy import apply, plan_report, release
from sagepipe.deploy import plan as planning
from sagepipe.deploy.apply import Apply
from sagepipe.deploy.plan import Plan
from sagepipe.deploy.release import Release
from sagepipe.errors import ChangedError, DeploymentError, SettingsError
from sagepipe.settings import configuration

EXAMPLES = """\
examples:
  sagepipe upsert --dry-run
      what would change, by step and parameter; exit code 0 if nothing, 2 if something
  sagepipe upsert
      the same, then do it; asks first if a person is there to answer
  sagepipe upsert --all --env prod
      all pipelines of the project, as [env.prod] in pipeline.toml says
  sagepipe upsert --dry-run --json > plan.json
  sagepipe upsert --expect plan.json
      do what was reviewed, and nothing else: refused if anything has changed since
  sagepipe upsert --region eu-west-1 --artifact-bucket my-bucket \\
      --role-arn arn:aws:iam::123456789012:role/pipelines --tag team=research
      settings may also come from the environment and from pipeline.toml

exit code: 0 when all is as wanted; 1 with a line that says what is wrong and what to do;
2 for a wrong command line, and with --dry-run when something would change; 130 for Ctrl-C
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_pipeline(parser)
    add = parser.add_argument
    add("--all", action="store_true", help="all pipelines of the project, with one plan")
    add("--dry-run", action="store_true", help="print the plan and change nothing")
    add("--json", action="store_true", help="print the plan as JSON; don't ask")
    add("--yes", action="store_true", help="don't ask")
    add("--expect", type=Path, metavar="PLAN", help="do it only if it is the plan in this file")
    add("--force", action="store_true", help="go ahead over what someone else changed meanwhile")
    configuration.add_arguments(parser)
    configuration.add_deployment_arguments(parser)


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Plan, and carry the plan out unless only the plan is wanted."""
    reviewed = _reviewed(arguments.expect)
    releases = _releases(arguments, call)
    plans = [one.plan for one in releases]
    identity = planning.identity(plans)
    _show(plans, arguments, call)
    if reviewed not in (None, identity) and not arguments.force:
        raise ChangedError(
            f"this is plan {identity}, but {arguments.expect} has {reviewed}: what is deployed or "
            "what is to be deployed has changed since; review this plan, or use --force"
        )
    if arguments.dry_run:
        return max(map(apply.preview, plans))
    if any(plan.actions for plan in plans):
        _ask(arguments)
    for one in releases:
        tell = _tell_beside_json if arguments.json else print
        key = one.deployment.artifact_kms_key
        Apply(one.survey.clients, one.survey.read, tell, arguments.force, key)(one.plan)
    return 0


def _releases(arguments: argparse.Namespace, call: Call) -> list[Release]:
    if not arguments.all:
        chosen = [call.pipeline(arguments.pipeline)]
    elif arguments.pipeline:
        raise SettingsError(
            f"--all deploys every pipeline: leave out {arguments.pipeline}, or --all"
        )
    else:
        chosen = list(call.project())
    found = [configuration.read(arguments, pipeline.name) for pipeline in chosen]
    names = [sources.get("pipeline_name") for sources in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SettingsError(
            f"two pipelines would be deployed as {twice.pop()!r}: with --all, give pipeline_name "
            "below [pipelines.NAME] only"
        )
    return [
        release.prepare(pipeline, sources.deployment())
        for pipeline, sources in zip(chosen, found, strict=True)
    ]


def _ask(arguments: argparse.Namespace) -> None:
    """Raises `DeploymentError` if a person is there and doesn't want it."""
    if not sys.stdin.isatty() or arguments.yes or arguments.json:
        return
    if input("do it? [y/N] ").strip().lower() not in ("y", "yes"):
        raise DeploymentError("not wanted, so nothing was changed (--yes does it without asking)")


def _reviewed(path: Path | None) -> str | None:
    """The id of the plan in a file that --dry-run --json wrote."""
    if path is None:
        return None
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["id"])
    except OSError as error:
        raise DeploymentError(f"--expect {path} can't be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DeploymentError(
            f"--expect {path} is no plan; make one with --dry-run --json > {path}"
        ) from error


def _show(plans: Sequence[Plan], arguments: argparse.Namespace, call: Call) -> None:
    if arguments.json:
        print_json(plan_report.as_json(plans))
    else:
        for plan in plans:
            for line in plan_report.lines(plan):
                print(call.words(line))
    # The plan is out before the first action, whatever becomes of it.
    sys.stdout.flush()


def _tell_beside_json(line: str) -> None:
    print(line, file=sys.stderr)


COMMAND = Command(
    EXAMPLES, add_arguments, run, interrupted="interrupted: run it again to finish what was begun"
)
