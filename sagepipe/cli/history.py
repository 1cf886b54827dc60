"""The verb `history`: executions that were, on this machine and on SageMaker."""

from __future__ import annotations

import argparse
import json

from rich.console import Console

from sagepipe.cli import history_options
from sagepipe.cli.frame import Call, Command, complain, print_json
from sagepipe.errors import StoreError
from sagepipe.executions import cleaning, comparison, tables
from sagepipe.executions.archive import Archive, WantedLog, step_of
from sagepipe.executions.cleaning import Rules
from sagepipe.executions.comparison import Side
from sagepipe.executions.local_archive import LocalArchive
from sagepipe.executions.remote_archive import RemoteArchive
from sagepipe.local.store import Store

EXAMPLES = """\
examples:
  sagepipe history
      the latest executions on this machine; with --on sagemaker those of the deployed pipeline
  sagepipe history show
      the latest, whole: steps, times, parameters, outputs, what was cached; or one by its id
  sagepipe history logs 3e1uuxuy3o2k Fit --host algo-2 --lines 50
      what an instance of a step wrote, in that execution
  sagepipe history logs latest Fit --follow
  sagepipe history compare 3e1uuxuy3o2k 9x0k2c4mwq7p
      parameters, code, times by step, metrics; an ARN is one on SageMaker
  sagepipe history clean --older-than 30 --keep 10
      what may go; --delete removes it, --outputs what it wrote, too

exit code: 0; 1 with a line that says what is wrong and what to do; 2 for a wrong command line
"""

_HOW_TO_START = {"local": "sagepipe run makes one", "sagemaker": "sagepipe start makes one"}


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Do what the word after `history` says."""
    _ACTS[arguments.word](arguments, call)
    return 0


def _list(arguments: argparse.Namespace, call: Call) -> None:
    listing = _archive(arguments, call).entries(arguments.limit or None)
    for text in listing.damaged:
        complain(f"{text}; it is left out", label="warning: ")
    if arguments.json:
        print_json(tables.listing_to_json(listing))
    elif listing.entries:
        tables.show_list(listing, _console(), hint="--limit 0 shows all")
    else:
        print(call.words(f"no execution yet; {_HOW_TO_START[arguments.on]}"))


def _show(arguments: argparse.Namespace, call: Call) -> None:
    past = _archive(arguments, call, arguments.execution).read(arguments.execution)
    if arguments.json:
        print_json(tables.to_json(past))
    else:
        tables.show(past, _console())


def _logs(arguments: argparse.Namespace, call: Call) -> None:
    archive = _archive(arguments, call, arguments.execution)
    past = archive.read(arguments.execution)
    alone = arguments.host or step_of(past, arguments.step).instances == 1
    wanted = WantedLog(arguments.step, arguments.host, arguments.lines, arguments.follow)
    for host, line in archive.log(past, wanted):
        if arguments.json:
            print(json.dumps({"host": host, "line": line}), flush=wanted.follow)
        else:
            print(line if alone else f"{host} | {line}", flush=wanted.follow)


def _compare(arguments: argparse.Namespace, call: Call) -> None:
    sides = []
    for identity in (arguments.before, arguments.after):
        archive = _archive(arguments, call, identity)
        sides.append(Side(archive.read(identity), archive))
    found = comparison.compare(*sides)
    if arguments.json:
        print_json(tables.comparison_to_json(found))
    else:
        tables.show_comparison(found, _console())


def _clean(arguments: argparse.Namespace, _: Call) -> None:
    rules = Rules(arguments.older_than, arguments.keep, arguments.max_size)
    plan = cleaning.plan(_store(arguments), rules, outputs=arguments.outputs)
    if not arguments.json:
        tables.show_plan(plan, _console(), outputs=arguments.outputs)
    removed = cleaning.carry_out(plan) if arguments.delete else ()
    if arguments.json:
        print_json(tables.plan_to_json(plan, removed))
    else:
        print(tables.total(plan, removed, deleted=arguments.delete))


def _archive(arguments: argparse.Namespace, call: Call, identity: str = "") -> Archive:
    """Where an execution is kept: an ARN is on SageMaker, anything else where --on says."""
    if arguments.on == "sagemaker" or identity.startswith("arn:"):
        target = call.settings(arguments).target()
        return RemoteArchive(target.region, target.pipeline_name)
    return LocalArchive(_store(arguments))


def _store(arguments: argparse.Namespace) -> Store:
    store = Store(arguments.store)
    if not store.root.is_dir():
        raise StoreError(
            f"there is no store {store.root}; run the pipeline first (sagepipe run), or name its "
            "--store"
        )
    return store


def _console() -> Console:
    return Console(highlight=False)


_ACTS = {"list": _list, "show": _show, "logs": _logs, "compare": _compare, "clean": _clean}

COMMAND = Command(EXAMPLES, history_options.add, run)
