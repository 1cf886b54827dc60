"""python -m pipelines.schedule: when EventBridge Scheduler starts the pipeline, and with what."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sagepipe.aws import boto
from sagepipe.cli import pinning
from sagepipe.errors import ParameterError, PipelinesError
from sagepipe.schedule import declared, scheduler, schedules
from sagepipe.schedule.schedules import Schedule
from sagepipe.settings import configuration
from sagepipe.settings.configuration import Sources

EXAMPLES = """\
examples:
  python -m pipelines.schedule set "cron(30 2 * * ? *)" --timezone Europe/Berlin
      every night at half past two: the latest version with its default parameters
  python -m pipelines.schedule set "cron(0 6 ? * MON-FRI *)" --flex 15 -p Leads=i,ii --version 7
      on weekdays between 6:00 and 6:15 UTC: version 7, whatever is deployed later
  python -m pipelines.schedule set "rate(12 hours)" --start 2026-12-01 --end 2026-12-24
      twice a day, in December, up to Christmas Eve
  python -m pipelines.schedule set
      as the table [schedule] of pipeline.toml says
  python -m pipelines.schedule show
      the schedule and its next five times

expressions: cron(minutes hours day-of-month month day-of-week [year]) with ? in exactly one day
field, rate(12 hours), at(2026-12-24T06:00:00)
exit code: 0; 1 with a line that says what is wrong and what to do; 2 for a wrong command line
"""


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except PipelinesError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return error.exit_code
    return 0


def _set(arguments: argparse.Namespace) -> None:
    from sagepipe.executions import remote

    sources = configuration.read(arguments)
    sources.require("region", "scheduler_role_arn")
    target = configuration.target(arguments)
    table = _table(arguments, sources)
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
    schedules.check(wanted, pipeline.definition, datetime.now(UTC))
    client = boto.client("scheduler", target.region)
    deployed = scheduler.read(client, wanted.name)
    if arguments.paused:
        wanted = dataclasses.replace(wanted, enabled=False)
    else:
        wanted = schedules.keep_state(wanted, deployed)
    scheduler.write(client, wanted, deployed)
    done = "made" if deployed is None else "changed" if deployed != wanted else "unchanged"
    _tell(wanted, arguments, f"schedule {wanted.name}: {done}", datetime.now(UTC))


def _show(arguments: argparse.Namespace) -> None:
    client, name = _client_and_name(arguments)
    response = scheduler.response_of(client, name)
    if response is None:
        raise scheduler.missing(name)
    _tell(schedules.parse(response), arguments, f"schedule {name}", response.get("CreationDate"))


def _pause(arguments: argparse.Namespace) -> None:
    client, name = _client_and_name(arguments)
    changed = scheduler.set_state(client, name, enabled=False)
    print(f"schedule {name}: {'paused' if changed else 'was paused already'}")


def _resume(arguments: argparse.Namespace) -> None:
    client, name = _client_and_name(arguments)
    changed = scheduler.set_state(client, name, enabled=True)
    print(f"schedule {name}: {'resumed' if changed else 'was running already'}")


def _delete(arguments: argparse.Namespace) -> None:
    client, name = _client_and_name(arguments)
    scheduler.delete(client, name)
    print(f"schedule {name}: deleted; the pipeline is still there")


def _client_and_name(arguments: argparse.Namespace) -> tuple[Any, str]:
    target = configuration.target(arguments)
    declared = configuration.read(arguments).schedule or {}
    name = arguments.name or declared.get("name") or target.pipeline_name
    return boto.client("scheduler", target.region), name


def _table(arguments: argparse.Namespace, sources: Sources) -> dict[str, Any]:
    """The schedule's keys as the command line gives them, over those of pipeline.toml if the
    expression comes from there."""
    table = dict(sources.schedule or {}) if arguments.expression is None else {}
    options = ("expression", "name", "timezone", "start", "end", "version", "alias", "description")
    given = {key: getattr(arguments, key) for key in options}
    given |= {
        "flex_minutes": arguments.flex,
        "max_age_seconds": arguments.max_age,
        "max_retries": arguments.max_retries,
        "delete_when_done": arguments.delete_when_done or None,
        "parameters": _parameters(arguments.parameter) or None,
    }
    return table | {key: value for key, value in given.items() if value is not None}


def _parameters(pairs: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise ParameterError(f"-p {pair}: write -p NAME=VALUE")
        given[name] = value
    return given


def _tell(
    schedule: Schedule, arguments: argparse.Namespace, title: str, created: datetime | None
) -> None:
    times = schedule.next_times(datetime.now(UTC), created=created) if schedule.enabled else []
    if arguments.json:
        members = dataclasses.asdict(schedule) | {"parameters": dict(schedule.parameters)}
        members["next_times"] = times
        print(json.dumps(members, indent=2, default=datetime.isoformat))
        return
    lines = [title, *(f"  {name:<13} {value}" for name, value in _facts(schedule))]
    if not schedule.enabled:
        times_shown = ["paused; python -m pipelines.schedule resume"]
    else:
        times_shown = [f"{time:%a %Y-%m-%d %H:%M %Z}" for time in times]
    for number, shown in enumerate(times_shown or ["never: its last time is past"]):
        lines.append(f"  {'' if number else 'next':<13} {shown}")
    print("\n".join(lines))


def _facts(schedule: Schedule) -> Iterator[tuple[str, str]]:
    yield "when", f"{schedule.expression}, {schedule.timezone}"
    if schedule.flex_minutes:
        yield "window", f"at some moment in the {schedule.flex_minutes} minutes from then"
    if schedule.start:
        yield "from", f"{schedule.start:%Y-%m-%d %H:%M %Z}"
    if schedule.end:
        yield "until", f"{schedule.end:%Y-%m-%d %H:%M %Z}"
    which = "the latest version at that time"
    if schedule.version is not None:
        which = f"version {schedule.version}"
    elif schedule.alias is not None:
        which = f"the version of alias {schedule.alias}"
    yield "starts", f"{schedule.pipeline_arn}, {which}"
    given = " ".join(f"{name}={value}" for name, value in schedule.parameters)
    yield "parameters", given or "the defaults"
    yield "role", schedule.role_arn
    hours = schedule.max_age_seconds / 3600
    yield "if it can't", f"tries again up to {schedule.max_retries} times in {hours:g} hours"
    yield "dead letters", schedule.dead_letter_queue or "none: a start that fails leaves no trace"
    if schedule.delete_when_done:
        yield "afterwards", "the schedule deletes itself"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.schedule",
        description="Start the pipeline on a schedule, with EventBridge Scheduler.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(required=True, metavar="set|show|pause|resume|delete")
    for name, run, text in (
        ("set", _set, "make the schedule, or change it to what is given; a paused one stays so"),
        ("show", _show, "the schedule and its next five times"),
        ("pause", _pause, "no further starts until it is resumed"),
        ("resume", _resume, "start again at the next time"),
        ("delete", _delete, "remove the schedule"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.set_defaults(run=run)
        if run is _set:
            _add_set(verb)
        verb.add_argument("--name", help="the schedule's name (default: the pipeline's)")
        if run in (_set, _show):
            verb.add_argument("--json", action="store_true", help="print it as JSON")
        configuration.add_arguments(verb)
    return parser


def _add_set(verb: argparse.ArgumentParser) -> None:
    add = verb.add_argument
    add(
        "expression",
        nargs="?",
        help="cron(…), rate(…) or at(…); without it, what pipeline.toml has under [schedule]",
    )
    add("--timezone", metavar="ZONE", help="an IANA zone such as Europe/Berlin (default: UTC)")
    add(
        "--flex",
        type=int,
        metavar="MINUTES",
        help="start at some moment in so many minutes, 1 to 1440",
    )
    add("--start", metavar="TIME", help="not before, in the schedule's zone; a rate counts from it")
    add("--end", metavar="TIME", help="not after, in the schedule's zone")
    add(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a pipeline parameter of each run; may be repeated",
    )
    pinning.add_arguments(verb)
    add("--max-retries", type=int, metavar="N", help="attempts to start a run, 0 to 185")
    add("--max-age", type=int, metavar="SECONDS", help="give up starting after, 60 to 86400")
    add("--delete-when-done", action="store_true", help="delete the schedule after its last run")
    add("--description", metavar="TEXT", help="what it is for")
    add("--paused", action="store_true", help="make it, or leave it, paused")
    configuration.add_scheduling_arguments(verb)


if __name__ == "__main__":
    sys.exit(main())
