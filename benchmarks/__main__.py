"""Measure everything: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report, results, scaling, throughput
from benchmarks.bench import ROOT, Bench
from benchmarks.measure import BenchmarkError

SCENARIOS = {
    "speed": "CPU time on one core against the usual script, scikit-learn and the parse limit",
    "text": "CSV output against the text limit",
    "large": "2 GB against 60 MB: peak memory; one recording on 2 cores against 1",
    "instances": "2 instances against 1",
    "pipe": "Pipe mode against File mode",
    "balance": "bytes per instance, whole recordings and parts",
    "numerics": "errors on hard data against 80-bit arithmetic",
    "overhead": "what the local engine adds; staging of 2 GB",
    "spark": "the Spark step on all cores against itself before, DuckDB, Polars and numpy",
    "pipeline": "the whole pipeline here",
}

RESULTS = ROOT / "benchmarks" / "results"

EXAMPLES = """\
examples:
  python -m benchmarks                       everything: about 20 minutes and 10 GB of disk
  python -m benchmarks --quick               everything with a hundredth of the data: 2 minutes
  python -m benchmarks --only speed,large    some of it; the other results stay as they are
  python -m benchmarks --python IMAGE_VENV/bin/python
      with the packages of the managed image, from tests/images

Results go to benchmarks/results, those of --quick to its data folder. A machine with other work to
do gives figures of that work.

exit code: 0 when everything ran, whether or not the targets hold; 1 when something failed
"""


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    arguments = _parser().parse_args(argv)
    chosen = arguments.only or list(SCENARIOS)
    data = arguments.data or Path(tempfile.mkdtemp(prefix="benchmarks-"))
    quick = arguments.quick
    out = arguments.out or (data / "results" if quick else RESULTS)
    rounds = arguments.rounds or (1 if quick else 2)
    bench = Bench(data.resolve(), arguments.python, rounds, quick, _tell)
    failed = []
    try:
        measured = results.machine(arguments.python)
        if not quick and os.getloadavg()[0] > 0.5:
            _tell(f"this machine has other work to do (load {os.getloadavg()[0]:.1f})")
        for name in chosen:
            _tell(f"{name}: {SCENARIOS[name]}")
            began = time.perf_counter()
            try:
                result = importlib.import_module(f"benchmarks.{name}").run(bench)
                results.save(out, name, result, measured, quick=quick)
            except BenchmarkError as error:
                failed.append(name)
                print(f"error: {name}: {error}", file=sys.stderr, flush=True)
                continue
            for target in result.targets:
                mark = "holds" if target.holds else "DOES NOT HOLD"
                mark = "not judged on little data" if quick else mark
                reached = f"{target.spread or format(target.value, '.3g')} {target.unit}".rstrip()
                promise = f"{target.relation} {target.bound}: {mark}"
                _tell(f"  {target.what}: {reached} ({promise})")
            _tell(f"  {time.perf_counter() - began:.0f} s")
        _publish(out, ours=out == RESULTS)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(
            data if arguments.data is None and not quick else data / "scratch", ignore_errors=True
        )
    return 1 if failed else 0


def _publish(out: Path, *, ours: bool) -> None:
    """Write the pages; those of the project too, when the results are the project's own."""
    content = results.load(out)
    if not content["scenarios"]:
        return
    report.save(out, content)
    _tell(f"results: {out / report.PAGE}")
    if ours:
        readme = ROOT / "docs" / "numbers.md"
        results.write(readme, report.in_readme(readme.read_text(encoding="utf-8"), content))
    if throughput.ready(content):
        table = (ROOT / "pipelines" if ours else out) / throughput.FILE
        results.write(table, throughput.text(content))
        _tell(f"throughput: {table}")
        page = (ROOT / "docs" if ours else out) / "scaling.md"
        results.write(page, scaling.page(content))
        _tell(f"scaling: {page}")


def _tell(line: str) -> None:
    print(line, flush=True)


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(SCENARIOS)}")
    return names


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:<12}{what}" for name, what in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"{__doc__}\n\nscenarios:\n{listed}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", type=_names, metavar="NAME,…", help="some scenarios (default: all)")
    add("--quick", action="store_true", help="a hundredth of the data, one round")
    add("--rounds", type=_positive, metavar="N", help="times to measure each (default: 2)")
    add(
        "--python",
        default=sys.executable,
        metavar="PATH",
        help="runs the step scripts and baselines (default: this one)",
    )
    add(
        "--data",
        type=Path,
        metavar="DIR",
        help="keep generated data here (default: a temporary folder)",
    )
    add("--out", type=Path, metavar="DIR", help="where results go (default: benchmarks/results)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
