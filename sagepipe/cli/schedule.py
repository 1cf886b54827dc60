"""The verb `schedule`: when EventBridge Scheduler starts the pipeline, and with what."""

from __future__ import annotations

import argparse
import dataclasses
from datetime import UTC, datetime
from typing import Any

from sagepipe.aws import boto
from sagepipe.cli import confirm, schedule_options, starting_words
from sagepipe.cli.frame import Call, Command, print_json
from sagepipe.deploy import plan_report
from sagepipe.deploy.plan import PutSchedule
from sagepipe.schedule import declared, description, scheduler, schedules, starting
from sagepipe.schedule.schedules import Schedule
from sagepipe.settings.configuration import Sources

EXAMPLES = """\
examples:
  sagepipe schedule set "cron(30 2 * * ? *)" --timezone Europe/Berlin
      every night at half past two: the latest version with its default parameters
  sagepipe schedule set "cron(0 6 ? * MON-FRI *)" --flex 15 -p Rows=100 --version 7
      on weekdays between 6:00 and 6:15 UTC: version 7, whatever is deployed later
  sagepipe schedule set "rate(12 hours)" --start 2026-12-01 --end 2026-12-24
      twice a day, in December, up to Christmas Eve
  sagepipe schedule set
      as the table [schedule] of pipeline.toml says; shows what changes, and asks
  sagepipe schedule show
      the schedule and its next five times

expressions: cron(minutes hours day-of-month month day-of-week [year]) with ? in exactly one day
field, rate(12 hours), at(2026-12-24T06:00:00)
exit code: 0; 1 with a line that says what is wrong and what to do; 2 for a wrong command line
"""


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Do what the word after `schedule` says."""
    arguments.act(arguments, call.settings(arguments), call)
    return 0


def _set(arguments: argparse.Namespace, sources: Sources, call: Call) -> None:
    from sagepipe.executions import remote

    sources.require("region", "scheduler_role_arn")
    target = sources.target()
    table = schedule_options.table(arguments, sources.file.schedule or {})
    declared.check_keys(table)
    pipeline = remote.pipeline(
        boto.client("sagemaker", target.region),
        target.pipeline_name,
        table.get("version"),
        table.get("alias"),
    )
    wanted = declared.declared(
        table,
        pipeline_name=target.pipeline_name,
        pipeline_arn=pipeline.arn,
        role_arn=sources.get("scheduler_role_arn"),
        dead_letter_queue=sources.get("dead_letter_queue_arn"),
    )
    call.check_parameters(arguments.pipeline, pipeline.definition, dict(wanted.parameters))
    client = boto.client("scheduler", target.region)
    there = scheduler.read(client, wanted.name)
    if arguments.paused:
        wanted = dataclasses.replace(wanted, enabled=False)
    else:
        wanted = starting.keep_state(wanted, there)
    if there != wanted:
        schedules.check_times(wanted, datetime.now(UTC))
        confirm.show(plan_report.start_lines(PutSchedule(wanted, there)), arguments, call)
    scheduler.write(client, wanted, there)
    done = "made" if there is None else "changed" if there != wanted else "unchanged"
    _tell(wanted, arguments, call, f"schedule {wanted.name}: {done}", datetime.now(UTC))


def _show(arguments: argparse.Namespace, sources: Sources, call: Call) -> None:
    client, name = _client_and_name(arguments, sources)
    answer = scheduler.response_of(client, name)
    if answer is None:
        raise scheduler.missing(name)
    created = answer.get("CreationDate")
    _tell(schedules.parse(answer), arguments, call, f"schedule {name}", created)


def _pause(arguments: argparse.Namespace, sources: Sources, _: Call) -> None:
    client, name = _client_and_name(arguments, sources)
    changed = scheduler.set_state(client, name, enabled=arguments.word == "resume")
    done = {"pause": "paused", "resume": "resumed"}[arguments.word]
    print(f"schedule {name}: {done}" + ("" if changed else " already"))


def _delete(arguments: argparse.Namespace, sources: Sources, _: Call) -> None:
    client, name = _client_and_name(arguments, sources)
    scheduler.delete(client, name)
    print(f"schedule {name}: deleted; the pipeline is still there")


def _client_and_name(arguments: argparse.Namespace, sources: Sources) -> tuple[Any, str]:
    target = sources.target()
    name = arguments.name or (sources.file.schedule or {}).get("name") or target.pipeline_name
    return boto.client("scheduler", target.region), name


def _tell(
    schedule: Schedule,
    arguments: argparse.Namespace,
    call: Call,
    title: str,
    created: datetime | None,
) -> None:
    if arguments.json:
        print_json(description.as_json(schedule, created))
    else:
        print(call.words("\n".join(description.lines(schedule, title, created))))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs and their options."""
    words = (
        ("set", _set, "make the schedule, or change it to what is given; a paused one stays so"),
        ("show", _show, "the schedule and its next five times"),
        ("pause", _pause, "no further starts until it is resumed"),
        ("resume", _pause, "start again at the next time"),
        ("delete", _delete, "remove the schedule"),
    )
    starting_words.add(parser, "schedule", words, schedule_options.add)


COMMAND = Command(EXAMPLES, add_arguments, run)
