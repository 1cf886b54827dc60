"""CSV output against the text limit: what turning the same numbers into text costs by itself."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import data, measure
from benchmarks.bench import MB, Bench
from benchmarks.measure import Usage, ratio
from benchmarks.results import Result, Table, Target

_BARE, _OURS = "text limit", "Pca, CSV out"


def run(bench: Bench) -> Result:
    """Run Pca with CSV output, and a program that only writes its components as text."""
    recordings = data.equal(bench.folder / "recordings" / "4-leads", 4, 8, bench.size(60 * MB))
    parts, components = bench.scratch("kept"), bench.scratch("components")
    bench.run(bench.preprocess(recordings.folder, parts))
    bench.run(bench.pca(parts, components))
    files = components / "components" / "split=train"

    def ours() -> Usage:
        return bench.run(bench.pca(parts, bench.scratch("out"), "--format", "csv"))

    contestants: dict[str, Callable[[], Usage]] = {
        _BARE: lambda: bench.run(bench.baseline("text_limit", files)),
        _OURS: ours,
    }
    found = measure.in_turns(contestants, 2 * bench.rounds, bench.tell)
    share = ratio(found[_BARE], found[_OURS], lambda usage: usage.cpu)
    table = Table(
        "CPU seconds on one core to get the components of 8 recordings of 60 MB as CSV",
        ("what", "CPU s"),
        [[name, measure.cpu(usages).text(".2f")] for name, usages in found.items()],
        "The text limit reads finished components from Parquet, formats them with pyarrow and "
        "drops the text. Parse limit and text limit together are about the least that CSV to CSV "
        "takes.",
    )
    return Result(
        [
            Target(
                "Pca with CSV out, share of the text limit",
                *(share.median, ">=", 0.8, "", share.text(".2f")),
            )
        ],
        [table],
        {"text_limit_cpu_seconds": measure.cpu(found[_BARE]).median},
        measure.as_json(found),
    )
