"""python -m pipelines.versions: which versions there are, what differs, and how to go back."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sagepipe.aws import boto
from sagepipe.deploy import apply, deployed, plan_report, prune, rollback
from sagepipe.deploy.apply import Apply, Clients
from sagepipe.errors import AwsError, DeploymentError, PipelinesError
from sagepipe.language import diff
from sagepipe.language.definition import Definition
from sagepipe.settings import configuration, options
from sagepipe.settings.configuration import Target

EXAMPLES = """\
examples:
  python -m pipelines.versions list
  python -m pipelines.versions show 7
  python -m pipelines.versions show live --definition > definition.json
  python -m pipelines.versions diff 7
      what changed from version 7 to the latest
  python -m pipelines.versions diff 7 live
  python -m pipelines.versions rollback 7 --dry-run
  python -m pipelines.versions rollback 7
      publishes version 7's definition as a new version, if its scripts are all there
  python -m pipelines.versions prune
      scripts that no version of any pipeline refers to; --delete removes them

VERSION is a number or an alias. Exit code: 0; 1 with a line that says what is wrong and what to
do; 2 for a wrong command line, and with rollback --dry-run when something would change
"""


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments, configuration.target(arguments)))
    except PipelinesError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return error.exit_code


def _list(arguments: argparse.Namespace, target: Target) -> int:
    sagemaker = boto.client("sagemaker", target.region)
    try:
        with boto.calls(f"list the versions of pipeline {target.pipeline_name}"):
            found = list(deployed.versions(sagemaker, target.pipeline_name))
    except AwsError as error:
        if error.code == "ResourceNotFound":
            raise _no_pipeline(target) from error
        raise
    if arguments.json:
        print(json.dumps([dataclasses.asdict(version) for version in found], indent=2))
        return 0
    rows = [("version", "name", "alias", "created", "last execution", "description")]
    rows += [
        (
            str(version.number),
            version.name or "-",
            ",".join(version.aliases) or "-",
            version.created[:16].replace("T", " "),
            version.last_execution.rpartition("/")[2] or "-",
            _short(version.description) or "-",
        )
        for version in found
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
    return 0


def _show(arguments: argparse.Namespace, target: Target) -> int:
    answer = _described(boto.client("sagemaker", target.region), target, arguments.version)
    document = json.loads(answer["PipelineDefinition"])
    if arguments.definition:
        print(json.dumps(document, indent=2))
        return 0
    definition = Definition.read(document)
    scripts = deployed.scripts(document)
    missing = deployed.missing(boto.client("s3", target.region), scripts)
    facts = {
        "name": answer.get("PipelineVersionDisplayName") or "-",
        "alias": ", ".join(answer.get("PipelineVersionAliases") or []) or "-",
        "description": answer.get("PipelineVersionDescription") or "-",
        "steps": ", ".join(definition.steps),
        "parameters": ", ".join(
            f"{one.name}={'' if one.default is None else one.default}"
            for one in definition.parameters.values()
        ),
    }
    facts |= {
        f"script {script.name}": script.uri + (" (missing)" if script in missing else "")
        for script in scripts
    }
    if arguments.json:
        print(json.dumps(facts, indent=2))
        return 0
    print(f"{target.pipeline_name}, {_which(arguments.version)}")
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"  {name:<{width}}  {value}")
    return 0


def _diff(arguments: argparse.Namespace, target: Target) -> int:
    sagemaker = boto.client("sagemaker", target.region)
    before, after = (
        json.loads(_described(sagemaker, target, version)["PipelineDefinition"])
        for version in (arguments.before, arguments.after)
    )
    changes = diff.diff(before, after)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(change) for change in changes], indent=2))
        return 0
    names = _which(arguments.before), _which(arguments.after)
    print(f"{names[0]} → {names[1]}" + ("" if changes else ": the same definition"))
    for line in diff.lines(changes):
        print(line)
    return 0


def _rollback(arguments: argparse.Namespace, target: Target) -> int:
    sources = configuration.read(arguments)
    service = rollback.Service(
        Clients(*(boto.client(name, target.region) for name in Clients.__annotations__)),
        target.pipeline_name,
        sources.get("alias"),
        str((sources.schedule or {}).get("name", target.pipeline_name)),
    )
    plan = rollback.plan(service, arguments.version, force=arguments.force)
    for line in plan_report.lines(plan):
        print(line)
    if arguments.dry_run:
        return apply.preview(plan)
    return Apply(service.clients, service.read, print, arguments.force)(plan)


def _prune(arguments: argparse.Namespace, target: Target) -> int:
    sources = configuration.read(arguments)
    sources.require("artifact_bucket")
    store = prune.Store(
        boto.client("s3", target.region),
        sources.get("artifact_bucket"),
        sources.get("artifact_prefix") or "ecg-pca",
    )
    before = datetime.now(UTC) - timedelta(days=arguments.older_than)
    unused = prune.unused(store, boto.client("sagemaker", target.region), before)
    for item in unused:
        print(f"- s3://{store.bucket}/{item.key} ({item.size} bytes, {item.modified:%Y-%m-%d})")
    total = f"{len(unused)} unused scripts, {sum(item.size for item in unused)} bytes"
    if not unused:
        print(f"nothing to prune below s3://{store.bucket}/{store.prefix}/code/")
    elif not arguments.delete:
        print(f"{total}; --delete removes them")
    else:
        prune.delete(store, unused)
        print(f"{total}: deleted")
    return 0


def _described(sagemaker: Any, target: Target, version: int | str | None) -> dict[str, Any]:
    answer = deployed.describe(sagemaker, target.pipeline_name, version)
    if answer is None and (
        version is None or deployed.describe(sagemaker, target.pipeline_name) is None
    ):
        raise _no_pipeline(target)
    if answer is None:
        raise DeploymentError(
            f"pipeline {target.pipeline_name} has no {_which(version)}; see "
            "python -m pipelines.versions list"
        )
    return answer


def _no_pipeline(target: Target) -> DeploymentError:
    return DeploymentError(
        f"there is no pipeline {target.pipeline_name} in {target.region}; check --pipeline-name "
        "and --region, or deploy it with python -m pipelines.upsert"
    )


def _which(version: int | str | None) -> str:
    if version is None:
        return "the latest version"
    return f"version {version}" if isinstance(version, int) else f"alias {version}"


def _short(description: str) -> str:
    return diff.shorten(description)


def _version(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _days(text: str) -> float:
    days = float(text)
    if days < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return days


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.versions",
        description="The pipeline's versions: list, show, compare, go back, clean up.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(required=True, metavar="list|show|diff|rollback|prune")

    def verb(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    listing = verb("list", _list, "all versions, the newest first")
    show = verb("show", _show, "one version: its names, steps, defaults and scripts")
    show.add_argument("version", nargs="?", type=_version, help="(default: the latest)")
    show.add_argument("--definition", action="store_true", help="print its definition as JSON")
    compare = verb("diff", _diff, "what differs, by step and parameter")
    compare.add_argument("before", type=_version)
    compare.add_argument("after", nargs="?", type=_version, help="(default: the latest)")
    back = verb("rollback", _rollback, "publish an earlier version's definition again")
    back.add_argument("version", type=_version)
    back.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    back.add_argument("--force", action="store_true", help="go ahead over others' changes")
    options.add(back, [configuration.ALIAS])
    clean = verb("prune", _prune, "scripts that no version of any pipeline refers to")
    clean.add_argument("--delete", action="store_true", help="delete them (default: only list)")
    clean.add_argument(
        "--older-than",
        type=_days,
        default=1,
        metavar="DAYS",
        help="leave younger ones: a deployment may be about to use them (default: %(default)s)",
    )
    options.add(clean, configuration.ARTIFACTS)
    for one in (listing, show, compare):
        one.add_argument("--json", action="store_true", help="print it as JSON")
    for one in (listing, show, compare, back, clean):
        configuration.add_arguments(one)
    return parser


if __name__ == "__main__":
    sys.exit(main())
