"""Two instances against one: what sharding gives, each instance on a core of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks import data, measure
from benchmarks.bench import MB, Bench, cores
from benchmarks.measure import Process, Usage, ratio
from benchmarks.results import Result, Table, Target


def run(bench: Bench) -> Result:
    """Run Preprocess and then Pca, over 8 recordings, as a job of one and of two instances."""
    recordings = data.equal(bench.folder / "recordings" / "4-leads", 4, 8, bench.size(60 * MB))
    contestants = {
        f"{count} instance{'s' if count > 1 else ''}": _job(bench, recordings.files, count)
        for count in (1, 2)
    }
    found = measure.in_turns(contestants, bench.rounds, bench.tell)
    gain = ratio(found["1 instance"], found["2 instances"], lambda usage: usage.wall)
    table = Table(
        "Preprocess and Pca over 8 recordings of 60 MB, one core for each instance",
        ("job", "wall s", "CPU s"),
        [
            [name, measure.wall(usages).text(".2f"), measure.cpu(usages).text(".2f")]
            for name, usages in found.items()
        ],
    )
    return Result(
        [Target("2 instances against 1, wall", gain.median, ">=", 1.8, spread=gain.text(".2f"))],
        [table],
        {"gain_of_2_instances": gain.median},
        measure.as_json(found),
    )


def _job(bench: Bench, files: tuple[Path, ...], count: int) -> Callable[[], Usage]:
    on = cores()
    if len(on) < 2:
        raise measure.BenchmarkError("two instances need two cores: this process may use one")

    def job() -> Usage:
        folder = bench.scratch("job")
        hosts = [f"algo-{number}" for number in range(1, count + 1)]
        configs = [_config(folder, host, hosts) for host in hosts]
        for index, host in enumerate(hosts):
            _link(files[index::count], folder / host / "raw")
        preprocessed = folder / "preprocessed"

        def preprocess(index: int) -> Process:
            command = bench.preprocess(folder / hosts[index] / "raw", preprocessed)
            return bench.start(
                [*command, "--resource-config", configs[index]], on[index : index + 1]
            )

        def pca(index: int) -> Process:
            command = bench.pca(preprocessed, folder / "components")
            mine = folder / hosts[index] / "parts"
            command += ["--input", str(mine), "--resource-config", configs[index]]
            return bench.start(command, on[index : index + 1])

        first = measure.together([lambda i=i: preprocess(i) for i in range(count)])
        parts = sorted((preprocessed / "train").iterdir())
        for index, host in enumerate(hosts):
            _link(parts[index::count], folder / host / "parts" / "train")
        return first + measure.together([lambda i=i: pca(i) for i in range(count)])

    return job


def _config(folder: Path, host: str, hosts: list[str]) -> str:
    path = folder / f"{host}.json"
    path.write_text(json.dumps({"current_host": host, "hosts": hosts}), encoding="utf-8")
    return str(path)


def _link(files: tuple[Path, ...] | list[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in files:
        (folder / path.name).symlink_to(path)
