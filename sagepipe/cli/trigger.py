"""The verb `trigger`: the EventBridge rule that starts the pipeline when data arrive in S3."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from sagepipe.aws import boto
from sagepipe.cli import confirm, starting_words, trigger_options
from sagepipe.cli.frame import Call, Command, complain, print_json
from sagepipe.deploy import plan_report
from sagepipe.deploy.plan import PutTrigger
from sagepipe.schedule import description, events, rules, starting
from sagepipe.schedule.rules import Trigger
from sagepipe.settings.configuration import Sources

EXAMPLES = """\
examples:
  sagepipe trigger set s3://my-bucket/raw
      when an object called _READY is created in raw/ or a folder below it
  sagepipe trigger set s3://my-bucket/raw -p 'Marker=$.detail.object.key'
      the parameter Marker has the key of that object: raw/2026-11-20/_READY
  sagepipe trigger set s3://my-bucket/raw --suffix .zip
      for each object whose key ends in .zip
  sagepipe trigger set
      as the table [trigger] of pipeline.toml says; shows what changes, and asks
  sagepipe trigger show
  sagepipe trigger pause

Why _READY: S3 tells of each object by itself, so a folder of a thousand recordings would start a
thousand executions, most of them while the rest is being copied. Whoever brings data puts an empty
object called _READY beside them when all are there, and one execution starts. With --suffix each
object that fits starts one.

The rule runs the latest version; a rule can't pin another. An event may, rarely, be delivered
twice. The bucket must send its events to EventBridge (infra/bootstrap.yaml sets that for the bucket
that it makes).

exit code: 0; 1 with a line that says what is wrong and what to do; 2 for a wrong command line
"""


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Do what the word after `trigger` says."""
    arguments.act(arguments, call.settings(arguments), call)
    return 0


def _set(arguments: argparse.Namespace, sources: Sources, call: Call) -> None:
    from sagepipe.executions import remote

    sources.require("region", "scheduler_role_arn")
    target = sources.target()
    pipeline = remote.pipeline(boto.client("sagemaker", target.region), target.pipeline_name)
    wanted = rules.declared(
        trigger_options.table(arguments, sources.file.trigger or {}),
        pipeline_name=target.pipeline_name,
        pipeline_arn=pipeline.arn,
        role_arn=sources.get("scheduler_role_arn"),
        dead_letter_queue=sources.get("dead_letter_queue_arn"),
    )
    rules.check_parameters(wanted, pipeline.definition.document)
    client = boto.client("events", target.region)
    there = events.read(client, wanted.name)
    if arguments.paused:
        wanted = dataclasses.replace(wanted, enabled=False)
    else:
        wanted = starting.keep_state(wanted, there)
    if (note := events.check_bucket(boto.client("s3", target.region), wanted)) is not None:
        complain(note, label="note: ")
    if there != wanted:
        confirm.show(plan_report.start_lines(PutTrigger(wanted, there)), arguments, call)
    events.write(client, wanted, there)
    done = "made" if there is None else "changed" if there != wanted else "unchanged"
    _tell(wanted, arguments, call, f"trigger {wanted.name}: {done}")


def _show(arguments: argparse.Namespace, sources: Sources, call: Call) -> None:
    client, name = _client_and_name(arguments, sources)
    there = events.read(client, name)
    if there is None:
        raise events.missing(name)
    _tell(there, arguments, call, f"trigger {name}")


def _pause(arguments: argparse.Namespace, sources: Sources, _: Call) -> None:
    client, name = _client_and_name(arguments, sources)
    changed = events.set_state(client, name, enabled=arguments.word == "resume")
    done = {"pause": "paused", "resume": "resumed"}[arguments.word]
    print(f"trigger {name}: {done}" + ("" if changed else " already"))


def _delete(arguments: argparse.Namespace, sources: Sources, _: Call) -> None:
    client, name = _client_and_name(arguments, sources)
    events.delete(client, name)
    print(f"trigger {name}: deleted; the pipeline is still there")


def _client_and_name(arguments: argparse.Namespace, sources: Sources) -> tuple[Any, str]:
    target = sources.target()
    name = arguments.name or (sources.file.trigger or {}).get("name") or target.pipeline_name
    return boto.client("events", target.region), name


def _tell(trigger: Trigger, arguments: argparse.Namespace, call: Call, title: str) -> None:
    if arguments.json:
        print_json(description.trigger_as_json(trigger))
    else:
        print(call.words("\n".join(description.trigger_lines(trigger, title))))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs and their options."""
    words = (
        ("set", _set, "make the rule, or change it to what is given; a paused one stays so"),
        ("show", _show, "what starts an execution, and with what"),
        ("pause", _pause, "no further starts until it is resumed"),
        ("resume", _pause, "start again with the next object"),
        ("delete", _delete, "remove the rule"),
    )
    starting_words.add(parser, "rule", words, trigger_options.add)


COMMAND = Command(EXAMPLES, add_arguments, run)
