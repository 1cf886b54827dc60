"""Estimate how long the pipeline takes on SageMaker, and what it costs, before it is run."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.parameters import declare

from sagepipe.errors import SagepipeError, SettingsError
from sagepipe.report import costs
from sagepipe.report.costs import Assumptions, Estimate, Measured, Prices, Work

EXAMPLES = """\
examples:
  sagepipe estimate --bytes 1TB
      each step on its default instance type, with 1 to 100 instances
  sagepipe estimate --bytes 300GB --recordings 40 --counts 2,8,20
      few and long recordings, which divide less evenly
  sagepipe estimate --input s3://my-bucket/raw --types ml.m5.4xlarge,ml.c5.4xlarge
      the recordings that are there, on two instance types
  sagepipe estimate --bytes 1TB --prices my-prices.toml --json
      your own prices; for scripts

exit code: 0 with an estimate; 1 when an input, a price table or AWS stands in the way; 2 for a
wrong command line
"""

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "results.json"
PRICES = Path(__file__).with_name("prices.toml")
TYPICAL = 60e6  # bytes of a recording, where nothing else is known
MOST_RECORDINGS = 200_000

_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_PAYS = 1.25  # doubling the instances pays when it makes a step this much faster


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        measured = costs.load_measured(arguments.measurements)
        prices = costs.load_prices(arguments.prices)
        work, what = _work(arguments)
        types = _types(arguments.types, prices)
        assumed = Assumptions(arguments.startup, arguments.vcpu, arguments.network)
        found = [
            costs.estimate(step, work, prices.instances[name], count, measured, assumed)
            for step in costs.STEPS
            for name in types[step]
            for count in arguments.counts
        ]
        if arguments.json:
            print(json.dumps(_to_json(found, work, prices, measured, assumed), indent=2))
        else:
            print("\n".join(_report(found, what, prices, measured, assumed)))
    except SagepipeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _work(arguments: argparse.Namespace) -> tuple[Work, str]:
    if arguments.input:
        sizes = _sizes(arguments.input, arguments.region)
        return Work(float(sum(sizes)), sizes), f"{len(sizes)} recordings at {arguments.input}"
    number = arguments.recordings or max(1, round(arguments.bytes / TYPICAL))
    drawn = min(number, MOST_RECORDINGS)
    what = f"{number} recordings, whose sizes are assumed to lie lognormal"
    return costs.lognormal(arguments.bytes, drawn), what


def _sizes(uri: str, region: str | None) -> list[float]:
    """The sizes of the objects below an S3 URI, in key order."""
    match = re.fullmatch(r"s3://([^/]+)/?(.*)", uri)
    if not match:
        raise SettingsError(f"--input {uri}: write s3://bucket/prefix")
    from sagepipe.aws import boto

    region = region or boto.profile_region() or "us-east-1"
    prefix = match[2].rstrip("/") + "/" if match[2] else ""
    with boto.calls(f"list {uri}"):
        pages = boto.client("s3", region).get_paginator("list_objects_v2")
        sizes = [
            float(item["Size"])
            for page in pages.paginate(Bucket=match[1], Prefix=prefix)
            for item in page.get("Contents", [])
            if item["Size"] and not item["Key"].endswith("/")
        ]
    if not sizes:
        raise SettingsError(f"--input {uri}: no objects there; check the bucket and the prefix")
    return sizes


def _types(given: Sequence[str], prices: Prices) -> dict[str, Sequence[str]]:
    """The instance types to estimate each step with: those given, or the step's default."""
    defaults = {p.name: str(p.default) for p in declare("bucket")}
    names = {"Preprocess": "Preprocess", "Pca": "Pca", "SparkTransform": "Spark"}
    chosen = {step: given or [defaults[f"{name}InstanceType"]] for step, name in names.items()}
    for name in {one for several in chosen.values() for one in several}:
        if name not in prices.instances:
            raise SettingsError(
                f"the price table has no {name!r}; it has {', '.join(prices.instances)}. "
                "Give one of these, or a table that has it with --prices"
            )
    return chosen


def _report(
    found: Sequence[Estimate],
    what: str,
    prices: Prices,
    measured: Measured,
    assumed: Assumptions,
) -> list[str]:
    """The whole estimate as lines of text."""
    lines = [f"{what}", ""]
    header = f"{'instances':<22}{'wall':>9}{'startup':>9}{'S3':>9}{'compute':>9}"
    header += f"{'inst.-hours':>13}{prices.currency:>9}{'volume':>10}"
    for step in costs.STEPS:
        lines += [step, f"  {header}"]
        lines += [_line(one) for one in found if one.step == step]
        lines += [f"  → {text}" for text in _advice([one for one in found if one.step == step])]
        lines.append("")
    return [*lines, *_basis(prices, measured, assumed)]


def _line(one: Estimate) -> str:
    times = (one.wall, one.startup, one.transfer, one.compute)
    cells = "".join(f"{duration(seconds):>9}" for seconds in times)
    volume = f"{one.volume_gb * 1.1 + 5:.0f} GB" if one.volume_gb else "-"
    name = f"{one.count} x {one.instance.name}"
    return f"  {name:<22}{cells}{one.instance_hours:>13.1f}{one.cost:>9.2f}{volume:>10}"


def _advice(several: Sequence[Estimate]) -> list[str]:
    """What follows for one step."""
    lines = []
    for name in dict.fromkeys(one.instance.name for one in several):
        mine = sorted((o for o in several if o.instance.name == name), key=lambda o: o.count)
        pays = mine[0]
        for one in mine[1:]:
            # What doubling gives, as these counts needn't be doubles.
            doublings = max(1.0, one.count / pays.count) - 1
            if pays.wall / one.wall < 1 + (_PAYS - 1) * min(1.0, doublings):
                break
            pays = one
        text = f"{name}: up to {pays.count} instances pay ({duration(pays.wall)}, {pays.cost:.2f})"
        idle = next((one for one in mine if one.startup > one.wall / 2), None)
        if idle:
            text += f"; from {idle.count} on, startup is more than half of the time"
        lines.append(text)
    cheapest = min(several, key=lambda one: one.cost)
    lines.append(
        f"cheapest: {cheapest.count} x {cheapest.instance.name}, {cheapest.cost:.2f} "
        f"in {duration(cheapest.wall)}"
    )
    return lines


def _basis(prices: Prices, measured: Measured, assumed: Assumptions) -> list[str]:
    """What the estimate rests on."""
    rates = ", ".join(f"{step} {rate / 1e6:.0f}" for step, rate in measured.rates.items())
    gains = ", ".join(f"{step} {gain:.2f}" for step, gain in measured.gains.items())
    lines = [
        "measured (benchmarks/results):",
        f"  MB of raw CSV per second of one core: {rates}",
        f"  times as fast on 2 cores: {gains} (SparkTransform: assumed)",
        f"  parts are {measured.parts_per_raw:.2f} of the raw CSV's bytes",
        f"  on: {measured.machine}",
        "assumed:",
        f"  {assumed.startup:.0f} s until a job's script runs, and paid for (--startup)",
        f"  a vCPU does {assumed.vcpu:.0%} of that core's work (--vcpu); the scripts use at most "
        "8 cores",
        f"  S3 at {assumed.network:.0%} of the baseline bandwidth (--network); File mode: all "
        "input is there before the script starts",
        "  ShardedByS3Key by key order; every instance is paid until the slowest has ended",
        "  components as large as parts, features negligible; no volumes, requests or taxes",
        f"prices: {prices.as_of} (replace them with --prices)",
        "volume: what inputs and outputs need on each instance; set …VolumeSize to it",
    ]
    if measured.quick:
        lines.append("NOTE: the measurements are of a --quick run, which is mostly startup")
    return lines


def _to_json(
    found: Sequence[Estimate], work: Work, prices: Prices, measured: Measured, assumed: Assumptions
) -> dict[str, Any]:
    return {
        "bytes": work.bytes,
        "recordings": len(work.sizes),
        "estimates": [
            {
                "step": one.step,
                "instance_type": one.instance.name,
                "count": one.count,
                "wall_seconds": one.wall,
                "startup_seconds": one.startup,
                "transfer_seconds": one.transfer,
                "compute_seconds": one.compute,
                "instance_hours": one.instance_hours,
                "cost": one.cost,
                "volume_gb": one.volume_gb,
            }
            for one in found
        ],
        "advice": {
            step: _advice([one for one in found if one.step == step]) for step in costs.STEPS
        },
        "prices": {"as_of": prices.as_of, "currency": prices.currency},
        "measured": {"rates": dict(measured.rates), "gains": dict(measured.gains)},
        "assumed": vars(assumed),
    }


def duration(seconds: float) -> str:
    """A time as people say it: 45 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def size(text: str) -> float:
    """Bytes from text such as 1TB, 300 GB or 2GiB."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?\s*", text.lower())
    if not match or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: write a size such as 1TB, 300GB or 2GiB")
    return float(match[1]) * float(1024 if match[3] else 1000) ** _UNITS[match[2]]


def _counts(text: str) -> list[int]:
    try:
        counts = sorted({int(one) for one in text.split(",")})
    except ValueError:
        counts = [0]
    if counts[0] < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write numbers of instances such as 2,8,20")
    return counts


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e6:
        raise argparse.ArgumentTypeError("must be seconds, from 0")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if not 0 < value <= 10**9:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sagepipe estimate",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--bytes", type=size, metavar="SIZE", help="raw CSV in all, such as 1TB")
    data.add_argument(
        "--input", metavar="S3URI", help="the recordings themselves; their sizes are listed"
    )
    add = parser.add_argument
    add(
        "--recordings", type=_positive, metavar="N", help="how many there are (default: 60 MB each)"
    )
    add(
        "--types",
        type=_names,
        default=[],
        metavar="A,B",
        help="instance types for all steps (default: each step's)",
    )
    add(
        "--counts",
        type=_counts,
        default=[1, 2, 4, 8, 20, 50, 100],
        metavar="N,M",
        help="numbers of instances (default: 1,2,4,8,20,50,100)",
    )
    add("--prices", type=Path, default=PRICES, metavar="TOML", help="another price table")
    add(
        "--measurements",
        type=Path,
        default=RESULTS,
        metavar="JSON",
        help="results of python -m benchmarks (default: those in this repository)",
    )
    default = Assumptions()
    add("--startup", type=_seconds, default=default.startup, metavar="S", help="(%(default)s)")
    add("--vcpu", type=_share, default=default.vcpu, metavar="SHARE", help="(%(default)s)")
    add("--network", type=_share, default=default.network, metavar="SHARE", help="(%(default)s)")
    add("--region", help="AWS region of the bucket (default: the profile's)")
    add("--json", action="store_true", help="print the estimate as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
