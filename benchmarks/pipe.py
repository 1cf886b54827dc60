"""Pipe mode against File mode: the same recordings through a FIFO and from files."""

from __future__ import annotations

import os
import subprocess

from benchmarks import data, measure
from benchmarks.bench import MB, Bench
from benchmarks.measure import BenchmarkError, Usage, ratio
from benchmarks.results import TIMES, Result, Table, Target

URI = "s3://recordings/raw/"


def run(bench: Bench) -> Result:
    """Run Preprocess over 4 recordings, on one core, fed by `cat` in Pipe mode."""
    folder = bench.folder / "recordings" / "4-leads"
    files = data.equal(folder, 4, 8, bench.size(60 * MB)).files[:4]
    size = sum(path.stat().st_size for path in files)

    def from_files() -> Usage:
        raw = bench.scratch("raw")
        data.link(files, raw)
        return bench.run(bench.preprocess(raw, bench.scratch("file")))

    def from_pipe() -> Usage:
        raw = bench.scratch("raw")
        lines = ["raw", *(f"{URI}{path.name}" for path in files)]
        (raw / "raw-manifest").write_text("".join(f"{line}\n" for line in lines))
        os.mkfifo(raw / "raw_0")
        feeder = subprocess.Popen(["sh", "-c", 'cat "$@" > "$0"', raw / "raw_0", *files])
        command = bench.preprocess(raw, bench.scratch("pipe"))
        try:
            return bench.run([*command, "--input-mode", "Pipe", "--input-uri", URI])
        finally:
            feeder.kill()
            feeder.wait()

    contestants = {"File mode": from_files, "Pipe mode": from_pipe}
    found = measure.in_turns(contestants, bench.rounds, bench.tell)
    _require_same(bench)
    speed = ratio(found["File mode"], found["Pipe mode"], lambda usage: usage.wall)
    rows = [
        [name, *(f"{size / MB / s.median:.0f}" for s in (measure.wall(u), measure.cpu(u)))]
        for name, u in found.items()
    ]
    return Result(
        [
            Target(
                "Pipe mode, throughput against File mode",
                *(speed.median, ">=", 0.8, TIMES, speed.text(".2f")),
            )
        ],
        [
            Table(
                "Preprocess on one core, 4 recordings of 60 MB",
                ("input", "MB per s", "MB per CPU s"),
                rows,
                "The bytes of the outputs are the same in both modes.",
            )
        ],
        {},
        measure.as_json(found),
    )


def _require_same(bench: Bench) -> None:
    folders = [bench.folder / "scratch" / name for name in ("file", "pipe")]
    one, other = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*.*")
            if path.is_file()
        }
        for folder in folders
    )
    if one != other:
        raise BenchmarkError("Preprocess wrote other bytes in Pipe mode than in File mode")
