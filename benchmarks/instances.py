"""Two instances against one: what sharding gives, each instance on a core of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import data, measure, second_core
from benchmarks.bench import MB, Bench
from benchmarks.measure import Process, Usage, ratio
from benchmarks.results import Result, Table, Target

_TIMES = 4
"""Each recording comes so often, so that starting Python twice is little of the whole."""


def run(bench: Bench) -> Result:
    """Run Preprocess and then Pca, over 32 recordings, as a job of one and of two instances."""
    recordings = data.equal(bench.folder / "recordings" / "4-leads", 4, 8, bench.size(60 * MB))
    files = recordings.files * _TIMES
    one, two = "1 instance", "2 instances"
    found = measure.in_turns(
        {
            one: _job(bench, files, 1),
            two: _job(bench, files, 2),
            **second_core.contestants(bench, files),
        },
        2 * bench.rounds,
        bench.tell,
    )
    gain = ratio(found[one], found[two], lambda usage: usage.wall)
    machine = second_core.gain(found)
    table = Table(
        f"Preprocess and Pca over {len(files)} recordings of 60 MB, one core for each instance; "
        "and what only parses them and shares nothing",
        ("job", "wall s", "CPU s"),
        [
            [name, measure.wall(usages).text(".2f"), measure.cpu(usages).text(".2f")]
            for name, usages in found.items()
        ],
    )
    return Result(
        [
            Target("2 instances against 1, wall", gain.median, ">=", 1.8, spread=gain.text(".2f")),
            Target(
                "the same, of what 2 bare parsers gain on these cores",
                *(gain.median / machine.median, ">=", 0.9, ""),
            ),
        ],
        [table],
        {"gain_of_2_instances": gain.median, "gain_of_2_bare_parsers": machine.median},
        measure.as_json(found),
    )


def _job(bench: Bench, files: Sequence[Path], count: int) -> Callable[[], Usage]:
    on = second_core.two(bench)

    def job() -> Usage:
        folder = bench.scratch("job")
        hosts = [f"algo-{number}" for number in range(1, count + 1)]
        for index, host in enumerate(hosts):
            data.link(files[index::count], folder / host / "raw")
        preprocessed = folder / "preprocessed"

        def preprocess(index: int) -> Process:
            command = bench.preprocess(folder / hosts[index] / "raw", preprocessed)
            return bench.start(
                [*command, *bench.as_host(hosts[index], hosts)], on[index : index + 1]
            )

        def pca(index: int) -> Process:
            command = bench.pca(preprocessed, folder / "components")
            mine = folder / hosts[index] / "parts"
            command += ["--input", str(mine), *bench.as_host(hosts[index], hosts)]
            return bench.start(command, on[index : index + 1])

        first = measure.together([lambda i=i: preprocess(i) for i in range(count)])
        parts = sorted((preprocessed / "train").iterdir())
        for index, host in enumerate(hosts):
            data.link(parts[index::count], folder / host / "parts" / "train")
        return first + measure.together([lambda i=i: pca(i) for i in range(count)])

    return job
