"""python -m pipelines.upsert: deploys the pipeline, and says before what that will change.

Builds the definition, validates it, compares it with what is deployed, prints the plan and
carries it out. What is deployed already is not written again, so a second run changes nothing,
and a run after an interruption does what is left.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines import ecg_pca
from sagepipe.deploy import apply, deployed, plan_report, revision
from sagepipe.deploy.apply import Apply, Executor
from sagepipe.deploy.bundle import Bundle, bundle
from sagepipe.deploy.plan import Plan, Wanted, make
from sagepipe.deploy.survey import Survey
from sagepipe.errors import ChangedError, DeploymentError, PipelinesError
from sagepipe.language import validate
from sagepipe.schedule import schedules
from sagepipe.schedule.schedules import Schedule
from sagepipe.settings import configuration
from sagepipe.settings.configuration import Deployment

EXAMPLES = """\
examples:
  python -m pipelines.upsert --dry-run
      what would change, by step and parameter; exit code 0 if nothing, 2 if something
  python -m pipelines.upsert
      the same, then do it; asks first if a person is there to answer
  python -m pipelines.upsert --dry-run --json > plan.json
  python -m pipelines.upsert --expect plan.json
      do what was reviewed, and nothing else: refused if anything has changed since
  python -m pipelines.upsert --region eu-west-1 --artifact-bucket my-bucket \\
      --role-arn arn:aws:iam::123456789012:role/ecg --tag team=ecg
      settings may also come from the environment and from pipeline.toml

exit code: 0 when all is as wanted; 1 with a line that says what is wrong and what to do;
2 for a wrong command line, and with --dry-run when something would change; 130 for Ctrl-C
"""

PIPELINE_DESCRIPTION = "Multi-lead ECG: Preprocess, Pca, a quality gate, SparkTransform"

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return _upsert(arguments)
    except PipelinesError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted: run it again to finish what was begun", file=sys.stderr)
        return INTERRUPTED


def _upsert(arguments: argparse.Namespace) -> int:
    deployment = configuration.deployment(arguments)
    reviewed = _reviewed(arguments.expect)
    artifacts = bundle(deployment.settings)
    survey = Survey(deployment, artifacts)
    # The SDK's import is seconds of computing, in which the network would sit idle.
    with ThreadPoolExecutor(max_workers=1) as background:
        looking = background.submit(survey.look)
        definition = ecg_pca.definition(deployment.settings, artifacts)
        validate.check(json.loads(definition))
        found = looking.result()
    schedule = survey.declared(found)
    if schedule is not None:
        _check(schedule, deployment, definition, survey.clients.sagemaker)
        there = found.state.schedule
        if schedules.changes(there, schedules.keep_state(schedule, there)):
            # One that has run its course is no reason not to deploy.
            schedules.check_times(schedule, datetime.now(UTC))
    plan = make(_wanted(deployment, artifacts, definition, schedule), found.state, found.notes)
    _show(plan, arguments)
    if reviewed not in (None, plan.id) and not arguments.force:
        raise ChangedError(
            f"this is plan {plan.id}, but {arguments.expect} has {reviewed}: what is deployed or "
            "what is to be deployed has changed since; review this plan, or use --force"
        )
    return _executor(arguments, survey, deployment)(plan)


def _executor(arguments: argparse.Namespace, survey: Survey, deployment: Deployment) -> Executor:
    if arguments.dry_run:
        return apply.preview
    tell = _tell_beside_json if arguments.json else print
    carry_out = Apply(
        survey.clients, survey.read, tell, arguments.force, deployment.artifact_kms_key
    )
    somebody = sys.stdin.isatty() and not (arguments.yes or arguments.json)
    return Ask(carry_out) if somebody else carry_out


@dataclass(frozen=True)
class Ask:
    """Carries a plan out if a person wants it."""

    carry_out: Executor

    def __call__(self, plan: Plan) -> int:
        """Returns what carrying out returns. Raises `DeploymentError` if they don't."""
        if plan.actions and input("do it? [y/N] ").strip().lower() not in ("y", "yes"):
            raise DeploymentError(
                "not wanted, so nothing was changed (--yes does it without asking)"
            )
        return self.carry_out(plan)


def _wanted(
    deployment: Deployment, artifacts: Bundle, definition: str, schedule: Schedule | None
) -> Wanted:
    settings, state = deployment.settings, revision.find()
    return Wanted(
        name=settings.pipeline_name,
        definition=definition,
        role_arn=settings.role_arn,
        description=PIPELINE_DESCRIPTION,
        max_parallel_steps=deployment.max_parallel_steps,
        tags=settings.tags,
        alias=deployment.alias,
        suffix=str(state or ""),
        made_from=state.describe() if state else "not from a git checkout",
        artifacts=artifacts.artifacts,
        schedule=schedule,
    )


def _check(schedule: Schedule, deployment: Deployment, definition: str, sagemaker: Any) -> None:
    """The schedule's parameters against the definition that its runs will have."""
    which = schedule.version if schedule.version is not None else schedule.alias
    text: str | None = definition
    if which is not None and which != deployment.alias:
        there = deployed.describe(sagemaker, deployment.settings.pipeline_name, which)
        if there is None:
            raise DeploymentError(
                f"the schedule runs version {which}, which doesn't exist; see "
                "python -m pipelines.versions list"
            )
        text = there["PipelineDefinition"]
    schedules.check_parameters(schedule, json.loads(text or ""))


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


def _show(plan: Plan, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps(plan_report.as_json(plan), indent=2))
    else:
        for line in plan_report.lines(plan):
            print(line)
    # The plan is out before the first action, whatever becomes of it.
    sys.stdout.flush()


def _tell_beside_json(line: str) -> None:
    print(line, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.upsert",
        description="Deploy the pipeline: build, validate, plan, apply.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--dry-run", action="store_true", help="print the plan and change nothing")
    add("--json", action="store_true", help="print the plan as JSON; don't ask")
    add("--yes", action="store_true", help="don't ask")
    add("--expect", type=Path, metavar="PLAN", help="do it only if it is the plan in this file")
    add("--force", action="store_true", help="go ahead over what someone else changed meanwhile")
    configuration.add_arguments(parser)
    configuration.add_deployment_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
