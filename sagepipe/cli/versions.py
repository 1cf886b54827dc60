"""The verb `versions`: which versions there are, what differs, and how to go back."""

from __future__ import annotations

import argparse
import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sagepipe.aws import boto
from sagepipe.cli.frame import Call, Command, add_pipeline, print_json
from sagepipe.cli.values import days, version
from sagepipe.deploy import apply, plan_report, prune, rollback, versions
from sagepipe.deploy.apply import Apply, Clients
from sagepipe.language import diff
from sagepipe.settings import configuration, options
from sagepipe.settings.configuration import Sources

EXAMPLES = """\
examples:
  sagepipe versions list
  sagepipe versions show 7
  sagepipe versions show live --definition > definition.json
  sagepipe versions diff 7
      what changed from version 7 to the latest
  sagepipe versions diff 7 live
  sagepipe versions rollback 7 --dry-run
  sagepipe versions rollback 7
      publishes version 7's definition as a new version, if its scripts are all there
  sagepipe versions prune
      scripts that no version of any pipeline refers to; --delete removes them

VERSION is a number or an alias. Exit code: 0; 1 with a line that says what is wrong and what to
do; 2 for a wrong command line, and with rollback --dry-run when something would change
"""


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Do what the word after `versions` says."""
    return int(arguments.act(arguments, call.settings(arguments), call) or 0)


def _list(arguments: argparse.Namespace, sources: Sources, _: Call) -> None:
    target = sources.target()
    found = versions.listing(boto.client("sagemaker", target.region), target)
    if arguments.json:
        print_json([dataclasses.asdict(one) for one in found])
    else:
        print("\n".join(versions.table(found)))


def _show(arguments: argparse.Namespace, sources: Sources, _: Call) -> None:
    target = sources.target()
    sagemaker = boto.client("sagemaker", target.region)
    answer = versions.described(sagemaker, target, arguments.version)
    if arguments.definition:
        print_json(json.loads(answer["PipelineDefinition"]))
        return
    facts = versions.facts(answer, boto.client("s3", target.region))
    if arguments.json:
        print_json(facts)
        return
    width = max(map(len, facts))
    print(f"{target.pipeline_name}, {versions.words(arguments.version)}")
    print("\n".join(f"  {name:<{width}}  {value}" for name, value in facts.items()))


def _diff(arguments: argparse.Namespace, sources: Sources, _: Call) -> None:
    target = sources.target()
    sagemaker = boto.client("sagemaker", target.region)
    which = (arguments.before, arguments.after)
    before, after = (
        json.loads(versions.described(sagemaker, target, one)["PipelineDefinition"])
        for one in which
    )
    changes = diff.diff(before, after)
    if arguments.json:
        print_json([dataclasses.asdict(change) for change in changes])
        return
    print(" → ".join(map(versions.words, which)) + ("" if changes else ": the same definition"))
    print("".join(f"{line}\n" for line in diff.lines(changes)), end="")


def _rollback(arguments: argparse.Namespace, sources: Sources, call: Call) -> int:
    target = sources.target()
    service = rollback.Service(
        Clients(*(boto.client(name, target.region) for name in Clients.__annotations__)),
        target.pipeline_name,
        sources.get("alias"),
        str((sources.file.schedule or {}).get("name", target.pipeline_name)),
    )
    plan = rollback.plan(service, arguments.version, force=arguments.force)
    print(call.words("\n".join(plan_report.lines(plan))))
    if arguments.dry_run:
        return apply.preview(plan)
    return Apply(service.clients, service.read, print, arguments.force)(plan)


def _prune(arguments: argparse.Namespace, sources: Sources, _: Call) -> None:
    target = sources.target()
    sources.require("artifact_bucket")
    prefix = sources.get("artifact_prefix") or target.pipeline_name
    store = prune.Store(boto.client("s3", target.region), sources.get("artifact_bucket"), prefix)
    before = datetime.now(UTC) - timedelta(days=arguments.older_than)
    unused = prune.unused(store, boto.client("sagemaker", target.region), before)
    if arguments.delete:
        prune.delete(store, unused)
    print("\n".join(prune.lines(store, unused, deleted=arguments.delete)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs and their options."""
    words = parser.add_subparsers(required=True, metavar="list|show|diff|rollback|prune")

    def word(name: str, act: Any, text: str) -> argparse.ArgumentParser:
        made = words.add_parser(name, help=text, description=text)
        made.set_defaults(act=act)
        add_pipeline(made, positional=False)
        configuration.add_arguments(made)
        return made

    listing = word("list", _list, "all versions, the newest first")
    show = word("show", _show, "one version: its names, steps, defaults and scripts")
    show.add_argument("version", nargs="?", type=version, help="(default: the latest)")
    show.add_argument("--definition", action="store_true", help="print its definition as JSON")
    compare = word("diff", _diff, "what differs, by step and parameter")
    compare.add_argument("before", type=version)
    compare.add_argument("after", nargs="?", type=version, help="(default: the latest)")
    back = word("rollback", _rollback, "publish an earlier version's definition again")
    back.add_argument("version", type=version)
    back.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    back.add_argument("--force", action="store_true", help="go ahead over others' changes")
    options.add(back, [options.ALIAS])
    clean = word("prune", _prune, "scripts that no version of any pipeline refers to")
    clean.add_argument("--delete", action="store_true", help="delete them (default: only list)")
    clean.add_argument(
        "--older-than",
        type=days,
        default=1,
        metavar="DAYS",
        help="leave younger ones: a deployment may be about to use them (default: %(default)s)",
    )
    options.add(clean, options.ARTIFACTS)
    for one in (listing, show, compare):
        one.add_argument("--json", action="store_true", help="print it as JSON")


COMMAND = Command(EXAMPLES, add_arguments, run)
