"""CPU time on one core: ours against the usual script, scikit-learn on Parquet, the parse limit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks import data, measure
from benchmarks.agreement import require_same_components
from benchmarks.bench import MB, Bench
from benchmarks.data import Recordings
from benchmarks.measure import Usage, ratio
from benchmarks.results import TIMES, Result, Table, Target

FILES = {4: 8, 12: 1, 64: 1}
"""Recordings of 60 MB for each number of leads. The usual script takes 15 s for each."""


def run(bench: Bench) -> Result:
    """Measure at each number of leads; the targets are those of 4 leads, as in the usual script."""
    targets: list[Target] = []
    rows: list[list[str]] = []
    figures: dict[str, float] = {}
    runs: dict[str, object] = {}
    for leads, count in FILES.items():
        folder = bench.folder / "recordings" / f"{leads}-leads"
        bench.tell(f" {count} recordings of {leads} leads")
        recordings = data.equal(folder, leads, count, bench.size(60 * MB))
        found = _measure(bench, recordings)
        runs[f"{leads} leads"] = measure.as_json(found)
        rows += _rows(leads, recordings, found)
        if leads == 4:
            targets = _targets(found)
            figures = _figures(recordings, found, bench.folder / "scratch" / "kept")
    table = Table(
        "CPU seconds of whole processes on one core",
        ("leads", "what", "CPU s", "MB per CPU s", "peak MiB", "usual script takes"),
        rows,
        "4 leads: 8 recordings of 60 MB, else 1. MB are those of the raw CSV. In brackets the "
        "least and the greatest of all rounds; in each, the usual script ran once and all others "
        "before it and after it.",
    )
    return Result(targets, [table], figures, runs)


def _measure(bench: Bench, recordings: Recordings) -> dict[str, list[Usage]]:
    parts = bench.folder / "scratch" / "kept"
    out = bench.folder / "scratch" / "out"

    def emptied(command: list[str], *folders: Path) -> Callable[[], Usage]:
        def contest() -> Usage:
            for folder in folders:
                bench.scratch(folder.name)
            return bench.run(command)

        return contest

    usual = bench.folder / "scratch" / "usual"
    recorded = bench.folder / "scratch" / "recorded"
    quick = {
        "parse limit": emptied(bench.baseline("parse_limit", recordings.folder)),
        "Preprocess": emptied(bench.preprocess(recordings.folder, parts), parts),
        "Pca": emptied(bench.pca(parts, out), out),
        "Pca, CSV out": emptied(bench.pca(parts, out, "--format", "csv"), out),
        "scikit-learn on Parquet": emptied(
            bench.baseline("parquet_sklearn", parts / "train", out / "components.parquet"), out
        ),
        "Pca of each recording": emptied(bench.pca_each(recordings, recorded), recorded),
    }
    slow = {
        "usual script": emptied(
            bench.baseline("usual", recordings.folder, usual, recordings.leads), usual
        ),
    }
    # The usual script takes minutes, in which a shared machine may slow down: ours run before it
    # and after it.
    found: dict[str, list[Usage]] = {name: [] for name in (*quick, *slow)}
    for number in range(1, bench.rounds + 1):
        bench.tell(f"  {number} of {bench.rounds}")
        before, between, after = (
            measure.in_turns(some, 1, bench.tell) for some in (quick, slow, quick)
        )
        for name in quick:
            found[name].append(measure.mean(before[name] + after[name]))
        found["usual script"] += between["usual script"]
    require_same_components(usual, recorded / "components")
    for folder in (out, usual, recorded):
        shutil.rmtree(folder)
    return found


def _whole(found: dict[str, list[Usage]], last: str) -> list[Usage]:
    return [a + b for a, b in zip(found["Preprocess"], found[last], strict=True)]


def _cpu(usage: Usage) -> float:
    return usage.cpu


def _targets(found: dict[str, list[Usage]]) -> list[Target]:
    usual = found["usual script"]
    promises = [
        ("raw CSV to components in Parquet, against the usual script", _whole(found, "Pca"), 15),
        ("the same with CSV out", _whole(found, "Pca, CSV out"), 7),
        ("each recording by itself, CSV to CSV (drop-in)", found["Pca of each recording"], 7),
        ("Pca alone, Parquet to Parquet, against the usual script", found["Pca"], 40),
    ]
    targets = []
    for what, ours, bound in promises:
        times = ratio(usual, ours, _cpu)
        targets.append(Target(what, times.median, ">=", bound, spread=times.text()))
    library = found["scikit-learn on Parquet"]
    times = ratio(library, found["Pca"], _cpu)
    memory = measure.peak(found["Pca"]) / measure.peak(library)
    share = ratio(found["parse limit"], found["Preprocess"], _cpu)
    return [
        *targets,
        Target(
            "Pca alone against scikit-learn on the same Parquet",
            *(times.median, ">=", 3, TIMES, times.text()),
        ),
        Target("its peak memory, of scikit-learn's", memory, "<=", 0.25, ""),
        Target(
            "Preprocess, share of the parse limit",
            *(share.median, ">=", 0.6, "", share.text(".2f")),
        ),
    ]


def _rows(leads: int, recordings: Recordings, found: dict[str, list[Usage]]) -> list[list[str]]:
    usual = found["usual script"]
    shown = {
        "usual script": usual,
        "Preprocess + Pca": _whole(found, "Pca"),
        "Preprocess + Pca, CSV out": _whole(found, "Pca, CSV out"),
        **{name: usages for name, usages in found.items() if name != "usual script"},
    }
    return [
        [
            str(leads),
            name,
            measure.cpu(usages).text(".2f"),
            f"{recordings.bytes / MB / measure.cpu(usages).median:.0f}",
            f"{measure.peak(usages):.0f}",
            f"{ratio(usual, usages, _cpu).text()} {TIMES}",
        ]
        for name, usages in shown.items()
    ]


def _figures(
    recordings: Recordings, found: dict[str, list[Usage]], parts: Path
) -> dict[str, float]:
    kept = sum(path.stat().st_size for path in (parts / "train").rglob("*.parquet"))
    figures = {"raw_bytes": float(recordings.bytes), "part_bytes": float(kept)}
    for name, key in (("Preprocess", "preprocess"), ("Pca", "pca"), ("usual script", "usual")):
        figures[f"{key}_bytes_per_cpu_second"] = recordings.bytes / measure.cpu(found[name]).median
    return figures
