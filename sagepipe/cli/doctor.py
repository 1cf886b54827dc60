"""The verb `doctor`: looks, changes nothing, and says what would stop a first start."""

from __future__ import annotations

import argparse
import dataclasses

from sagepipe.cli.frame import Call, Command, add_pipeline, print_json, printable
from sagepipe.cli.values import add_parameters, pairs
from sagepipe.doctor.visit import Report, visit
from sagepipe.settings import configuration

EXAMPLES = """\
examples:
  sagepipe doctor
      credentials, roles and what they may do, buckets, inputs, quotas, images, keys, network,
      schedule, packages; each finding with the command that mends it
  sagepipe doctor -p Columns=a,b -p FitInstanceCount=2
      for a start with these parameters
  sagepipe doctor --env prod --json > findings.json

A finding STOPS a start or makes it fail, WARNS of what deserves a look, or is UNKNOWN because it
couldn't be checked: these credentials may lack the permission.
exit code: 0 when nothing would stop a start; 2 when something would, and for a wrong command line;
1 with a line for what couldn't even be looked at: a definition or parameters that are refused
"""

WOULD_STOP = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_pipeline(parser)
    add_parameters(parser, "a pipeline parameter of the start")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    configuration.add_arguments(parser)
    configuration.add_deployment_arguments(parser)


def run(arguments: argparse.Namespace, call: Call) -> int:
    """Examine and report."""
    pipeline = call.pipeline(arguments.pipeline)
    report = visit(pipeline, call.settings(arguments), pairs(arguments.parameter))
    if arguments.json:
        print_json(_as_json(report, call))
    else:
        print("\n".join(map(printable, _lines(report, call))))
    return 0 if report.healthy else WOULD_STOP


def _lines(report: Report, call: Call) -> list[str]:
    lines = []
    for name, one in report.findings:
        lines.append(f"{one.severity.upper()}  {name}: {one.where}: {call.words(one.what)}")
        if one.mend:
            lines.append(f"    {call.words(one.mend)}")
    counts = {
        word: sum(one.severity == severity for _, one in report.findings)
        for severity, word in (
            ("stops", "would stop a start"),
            ("warns", "to look at"),
            ("unknown", "not checked"),
        )
    }
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    if not report.whole:
        told += "; nothing else could be looked at before that is mended"
    return [*lines, told or "nothing would stop a start"]


def _as_json(report: Report, call: Call) -> dict[str, object]:
    findings = [
        {"check": name, **dataclasses.asdict(one), "mend": call.words(one.mend)}
        for name, one in report.findings
    ]
    return {"healthy": report.healthy, "whole": report.whole, "findings": findings}


COMMAND = Command(EXAMPLES, add_arguments, run)
